# For the scripts beside it, each of which is called with the build directory.
# shellcheck shell=bash
set -euo pipefail

source=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../..")
build=$(readlink -f "$1")
version=$(sed -n 's/^project(dueq VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")
scratch=$(mktemp -d "${DUEQ_TEST_TMP:-/tmp}/dueq-package-XXXXXX")
at_exit=()

# Commands are added to at_exit; the last one runs first.
clean_up()
{
    local i
    for ((i = ${#at_exit[@]} - 1; i >= 0; i--)); do
        eval "${at_exit[i]}" || true
    done
    rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT

fail()
{
    echo "FAILED: $*" >&2
    exit 1
}

# What cannot be told here is told to the one who runs all tests.
skip()
{
    echo "SKIPPED: $(basename "$0"): $*"
    exit 77
}

# install_tree [PREFIX]: into $tree, as a package would be.
install_tree()
{
    tree=$scratch/tree
    DESTDIR=$tree cmake --install "$build" --prefix "${1:-/usr}" >"$scratch/install.log" 2>&1 ||
        { cat "$scratch/install.log"; fail "cmake --install"; }
}

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for()
{
    local limit=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$limit" ] || return 1
        sleep 0.05
    done
}
