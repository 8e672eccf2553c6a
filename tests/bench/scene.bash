# shellcheck shell=bash
# The server, the daemons and the rows that tests/bench/run measures with. The options are the variables it has set.
# shellcheck disable=SC2034,SC2154

declare -A got=() # what the last `measure` printed, by name
daemons=()        # process ids of the daemons that run
snapshot_pid=
kinds=            # more groups, each with a comma behind it
fill_us=25        # what a row of a fill takes, generously; learned from each fill
run=
bench=

scene_end()
{
    trap - EXIT
    daemons_stop
    snapshot_close
    if [ -n "$run" ]; then
        scripts/server stop "$run/server" 2>/dev/null || true
        rm -rf --one-file-system "$run"
    fi
}

# What it says is of interest only where it fails.
quietly()
{
    "$@" >"$run/log" 2>&1 || {
        cat "$run/log" >&2
        exit 1
    }
}

sql()
{
    "$bench" sql --query "$1"
}

scene_begin()
{
    run=$(mktemp -d "$dir/dueq-bench-XXXXXX")
    trap scene_end EXIT
    trap 'exit 130' INT TERM
    if [ "$make" = 1 ]; then
        progress "building"
        quietly cmake --preset dev -B "$build"
        quietly cmake --build "$build" --target dueqd dueq-host dueq bench bench_stamp handler_noop
    fi
    bench=$build/tests/bench/bench
    mkdir "$run/handlers"
    cp "$build/handlers/noop.so" "$build/tests/bench/plugins/stamp.so" "$run/handlers"

    progress "starting $server"
    local arguments=(--innodb-buffer-pool-size=2G)
    case $server in
    mariadb) arguments+=(--innodb-log-file-size=1G) ;;
    *) arguments+=(--innodb-redo-log-capacity=1G) ;;
    esac
    # --until-exit: it ends with us, however we end.
    quietly scripts/server start "$server" "$run/server" --durable --until-exit $$ -- "${arguments[@]}"
    set -a
    # shellcheck disable=SC1091
    . "$run/server/env"
    set +a
    BENCH_DATABASE='' sql 'CREATE DATABASE bench'
    export BENCH_DATABASE=bench
    configure lease
    quietly "$build/bin/dueq" -c "$run/dueq.conf" migrate
    find_features
}

# write_configuration FILE CLAIM [doorbell] [LANES]: CLAIM is as dueqd does it by itself where it is empty.
write_configuration()
{
    # Not within the text below, where a quote in ${…:+…} would be lost.
    local claim='' doorbell=''
    [ -z "$2" ] || claim="claim = \"$2\";"
    [ -z "${3:-}" ] || doorbell='doorbell = "binlog";'
    cat >"$1" <<CONF
sources = ( { name = "bench"; socket = "$DUEQ_TEST_SOCKET"; database = "bench"; user = "root";
              lanes = ${4:-$lanes}; $doorbell $source_keys } );
queues = ( { name = "default"; batch = $batch; $claim $queue_keys } );
kinds = ( $kinds { kind = "stamp"; handler = "stamp"; options = { file = "$run/stamps"; }; } );
handlers = { directory = "$run/handlers"; };
log = { level = "warning"; };
CONF
    chmod 600 "$1"
}

# takes KEY CLAIM [doorbell]: whether this build knows the key. Anything else that is wrong ends the run.
takes()
{
    local key=$1
    shift
    write_configuration "$run/try.conf" "$@"
    if "$build/bin/dueqd" --check -c "$run/try.conf" >"$run/log" 2>&1; then
        return 0
    fi
    grep -q "\.$key: unknown key" "$run/log" || {
        cat "$run/log" >&2
        exit 1
    }
    return 1
}

# Which ways of claiming this build has, and whether a doorbell.
find_features()
{
    claims=(lease) has_claims=0 has_doorbell=0
    takes '' ''
    if takes claim adaptive; then
        claims=(adaptive hold lease) has_claims=1
    fi
    main=${claims[0]} # what the parts that are not about claims run with
    ! takes doorbell '' doorbell || has_doorbell=1
}

# The floor that a way of claiming is compared with.
floor_of()
{
    case $1 in
    lease) echo lease ;;
    *) echo hold ;;
    esac
}

# configure CLAIM [doorbell] [LANES]: writes the configuration that daemons are started with from now on.
configure()
{
    local claim=$1
    [ "${has_claims:-0}" = 1 ] || claim=''
    write_configuration "$run/dueq.conf" "$claim" "${2:-}" "${3:-}"
}

# daemons_start [COUNT]: returns when they all have announced themselves in the database.
daemons_start()
{
    local count=${1:-1} pid tick
    for ((; count > 0; count--)); do
        "$build/bin/dueqd" -c "$run/dueq.conf" 2>>"$run/dueqd.log" &
        daemons+=($!)
    done
    for pid in "${daemons[@]}"; do
        for ((tick = 0; tick < 600; tick++)); do
            [ "$(sql "SELECT COUNT(*) FROM dueq_worker WHERE name LIKE '%:$pid'")" = 0 ] || break
            kill -0 "$pid" 2>/dev/null || tick=600
            sleep 0.05
        done
        if [ "$tick" -ge 600 ]; then
            echo "tests/bench/run: dueqd does not start:" >&2
            cat "$run/dueqd.log" >&2
            exit 1
        fi
    done
}

daemons_stop()
{
    local pid
    for pid in "${daemons[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${daemons[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    daemons=()
    # What it had to say may explain a number.
    if [ -s "$run/dueqd.log" ]; then
        sort "$run/dueqd.log" | uniq -c | sort -rn | head -n 20 | sed 's/^/dueqd: /' >&2
        : >"$run/dueqd.log"
    fi
}

daemon_pids()
{
    (IFS=,; echo "${daemons[*]}")
}

# measure COMMAND…: runs bench; what it prints is in `got` afterwards.
measure()
{
    local name value
    "$bench" "$@" >"$run/measured"
    while read -r name value; do
        got[$name]=$value
    done <"$run/measured"
}

empty()
{
    "$bench" empty
}

# fill_due JOBS [KIND]: jobs of which the first falls due soon after the last is in, and the others a microsecond later each:
# all at once for who drains them, and yet each at a date of its own, as real ones have. Sets got[due_us] and got[first_id].
fill_due()
{
    local count=$1 lead
    while :; do
        lead=$((300 + count * fill_us / 1000))
        measure fill --jobs "$count" --bytes "$bytes" --kind "${2:-noop}" --in-ms "$lead"
        if [ "${got[spare_ms]}" -ge 50 ]; then
            fill_us=$(calculate "${got[seconds]} * 1e6 / $count * 1.4 + 2" %.0f)
            return
        fi
        # The machine was busier than ever: these are let go by, and it begins anew.
        fill_us=$((fill_us * 2))
        if [ ${#daemons[@]} -gt 0 ]; then
            "$bench" drained --first-id "${got[first_id]}" >/dev/null
        else
            sql "DELETE FROM dueq_job WHERE id >= ${got[first_id]}"
        fi
    done
}

# drain_floor MODE [LANES [JOBS]]: sets rate, jobs a second, and in got what it and the server used.
drain_floor()
{
    local count=${3:-$jobs}
    fill_due "$count"
    measure floor --mode "$1" --lanes "${2:-$lanes}" --batch 1000 --jobs "$count" --due-us "${got[due_us]}"
    rate=$(calculate "$count / ${got[seconds]}" %.0f)
}

# A daemon that has just started does not know yet how long a kind of job takes, and one in production does.
warm_up()
{
    [ "$warm" -gt 0 ] || return 0
    measure fill --jobs "$warm" --bytes "$bytes"
    "$bench" drained --first-id "${got[first_id]}" >/dev/null
}

# drain_dueqd [JOBS]: by the daemons that run. Sets rate, jobs a second, and in got what they and the server used.
drain_dueqd()
{
    local count=${1:-$jobs}
    warm_up
    fill_due "$count"
    measure drained --jobs "$count" --from-us "${got[due_us]}" --first-id "${got[first_id]}" --pids "$(daemon_pids)"
    rate=$(calculate "$count / ${got[seconds]}" %.0f)
}

# drain_once CLAIM [DAEMONS [LANES [JOBS]]]: the same on an empty table, by daemons that are started for it.
drain_once()
{
    empty
    configure "$1" '' "${3:-$lanes}"
    daemons_start "${2:-1}"
    drain_dueqd "${4:-$jobs}"
    daemons_stop
}

# The same by the floor.
floor_once()
{
    empty
    drain_floor "$@"
}

# Deadlocks since the server started.
deadlocks()
{
    sql "SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks'"
}

snapshot_open()
{
    "$bench" snapshot >"$run/snapshot" &
    snapshot_pid=$!
    until grep -q open "$run/snapshot"; do
        kill -0 "$snapshot_pid"
        sleep 0.02
    done
}

snapshot_close()
{
    [ -n "$snapshot_pid" ] || return 0
    kill "$snapshot_pid" 2>/dev/null || true
    wait "$snapshot_pid" 2>/dev/null || true
    snapshot_pid=
}

# Every statement of the sessions that begin from now on, with its time, goes into a file.
slow_log_start()
{
    : >"$run/server/slow.log"
    chmod 666 "$run/server/slow.log"
    sql "SET GLOBAL slow_query_log_file = '$run/server/slow.log'"
    sql 'SET GLOBAL long_query_time = 0'
    sql 'SET GLOBAL slow_query_log = 1'
}

slow_log_stop()
{
    sql 'SET GLOBAL slow_query_log = 0'
    sql 'SET GLOBAL long_query_time = 10'
}

describe()
{
    setting server "$server $(sql 'SELECT VERSION()')"
    local name
    for name in innodb_flush_log_at_trx_commit sync_binlog log_bin binlog_format innodb_buffer_pool_size \
        innodb_flush_method innodb_doublewrite; do
        setting "$name" "$(sql "SELECT @@$name")"
    done
    setting "file system" "$(stat -f -c %T "$run")"
    setting "processors" "$(nproc)"
    setting "client library" "$(ldd "$build/bin/dueqd" |
        sed -n 's/^[[:space:]]*\(lib\(mariadb\|mysqlclient\)[^ ]*\).*/\1/p')"
    setting "commit" "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
    setting "jobs, rounds, lanes, batch, bytes" "$jobs, $rounds, $lanes, $batch, $bytes"
    setting "jobs before a drain, to warm up" "$warm"
    setting "claims" "${claims[*]}$([ "$has_claims" = 1 ] || echo ' (the only way of this build)')"
    setting "doorbell" "$([ "$has_doorbell" = 1 ] && echo binlog || echo 'not in this build')"
    [ -z "$queue_keys$source_keys" ] || setting "added keys" "$queue_keys $source_keys"
}
