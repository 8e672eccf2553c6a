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

# The name that `the_deb_installs_in_a_clean_system` leaves the package under.
deb=$build/package/dueq_${version}_$(dpkg --print-architecture 2>/dev/null || true).deb

# clean_system VARIANT [PACKAGES]: a Debian of this system's release in a folder of its own, $root; $in_root runs in it. What it is
# copied from is made once, and kept in /var/cache/dueq.
clean_system()
{
    local suite variant=$1 include=${2:-}
    # shellcheck disable=SC1091
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ "$(id -u)" = 0 ] || skip "a Debian of its own needs root"
    command -v debootstrap >/dev/null || skip "debootstrap is not installed"
    local kept=${DUEQ_CLEAN_DIR:-/var/cache/dueq}/$suite-$variant
    mkdir -p "$(dirname "$kept")"
    if [ ! -f "$kept.complete" ]; then
        rm -rf --one-file-system "$kept"
        debootstrap --variant=minbase ${include:+--include="$include"} "$suite" "$kept" >"$kept.log" 2>&1 ||
            { tail "$kept.log"; fail "debootstrap $suite"; }
        : >"$kept.complete"
    fi
    # Beside it and not in /tmp, so that the copy can share its blocks where the file system does that.
    root=$(mktemp -d "$kept.XXXXXX")
    at_exit+=("rm -rf --one-file-system $root")
    cp -a --reflink=auto "$kept/." "$root"
}

in_root()
{
    DEBIAN_FRONTEND=noninteractive chroot "$root" "$@" >"$scratch/log" 2>&1 </dev/null ||
        { tail -n 30 "$scratch/log"; fail "in the clean Debian: $*"; }
}

# An SQL statement, or standard input, as root on the server of the run, or on one that is started for this.
sql()
{
    if [ -z "${DUEQ_TEST_SOCKET:-}" ]; then
        "$source/scripts/server" start mariadb "$scratch/server" --until-exit $$ >/dev/null
        set -a
        # shellcheck disable=SC1091
        . "$scratch/server/env"
        set +a
        at_exit+=("$source/scripts/server kill $scratch/server")
    fi
    "$(command -v mariadb || command -v mysql)" --no-defaults -N -B -S "$DUEQ_TEST_SOCKET" -u root "$@"
}
