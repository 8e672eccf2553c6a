# shellcheck shell=bash
# The parts of tests/bench/run that always run.
# shellcheck disable=SC2154

# How fast rows come in with nobody draining them: one a transaction by many, and a hundred a transaction by two.
part_insert()
{
    local round each=$((jobs / 10 > 20000 ? 20000 : jobs / 10))
    for ((round = 1; round <= rounds; round++)); do
        progress "insert, round $round"
        empty
        measure produce --producers 16 --rows 1 --jobs "$each" --bytes "$bytes"
        note insert_single "$(calculate "$each / ${got[seconds]}" %.0f)"
        empty
        measure produce --producers 2 --rows 100 --jobs "$jobs" --bytes "$bytes"
        note insert_hundred "$(calculate "$jobs / ${got[seconds]}" %.0f)"
    done
    report insert "1 row a transaction, 16 connections" "$(median_of insert_single)" jobs/s
    report insert "100 rows a transaction, 2 connections" "$(median_of insert_hundred)" jobs/s
}

drain_round()
{
    local claim floor
    for floor in hold lease; do
        floor_once "$floor"
        note "floor_$floor" "$rate"
        local base=$rate
        note "floor_statements_$floor" "$(calculate "1000 * ${got[statements]} / $jobs")"
        for claim in "${claims[@]}"; do
            [ "$(floor_of "$claim")" = "$floor" ] || continue
            drain_once "$claim"
            note "drain_$claim" "$rate"
            note "drain_ratio_$claim" "$(calculate "$rate / $base")"
            note "statements_$claim" "$(calculate "1000 * ${got[statements]} / $jobs")"
            note "cpu_daemon_$claim" "$(calculate "${got[cpu_us]} / $jobs")"
            note "cpu_server_$claim" "$(calculate "${got[server_cpu_us]} / $jobs")"
            note "cpu_ratio_$claim" "$(calculate "${got[cpu_us]} / ${got[server_cpu_us]}" %.3f)"
        done
    done
}

part_drain()
{
    local round claim floor target before
    before=$(deadlocks)
    for ((round = 1; round <= rounds; round++)); do
        progress "drain, round $round"
        drain_round
    done
    for claim in "${claims[@]}"; do
        floor=$(floor_of "$claim")
        target='ratio>=0.90'
        [ "$claim" != hold ] || target=-
        report drain "claim = $claim, on the raw $floor floor" "$(median_of "drain_$claim")" jobs/s \
            "$(median_of "floor_$floor")" "$(median_of "drain_ratio_$claim")" "$target"
    done
    # Both floors, whatever this build can do.
    report drain "raw hold floor on the raw lease floor" "$(median_of floor_hold)" jobs/s "$(median_of floor_lease)" \
        "$(calculate "$(median_of floor_hold) / $(median_of floor_lease)")"
    report drain "deadlocks in all of these" "$(($(deadlocks) - before))" '' 0 - 'value<=0'
    for claim in "${claims[@]}"; do
        report drain "claim = $claim: statements for 1,000 jobs" "$(median_of "statements_$claim")" '' \
            "$(median_of "floor_statements_$(floor_of "$claim")")"
    done
    for claim in "${claims[@]}"; do
        report cpu "claim = $claim: dueqd's, on the database's" "$(median_of "cpu_daemon_$claim")" us/job \
            "$(median_of "cpu_server_$claim")" "$(median_of "cpu_ratio_$claim")" 'ratio<=0.15'
    done
}

# Producers insert at full speed while their jobs are drained: from the first INSERT to the empty table.
part_sustained()
{
    local round floor floor_pid base
    floor=$(floor_of "$main")
    for ((round = 1; round <= rounds; round++)); do
        progress "sustained, round $round"
        empty
        "$bench" floor --mode "$floor" --lanes "$lanes" --batch 1000 --jobs "$jobs" >"$run/floor" &
        floor_pid=$!
        measure produce --producers 2 --rows 100 --jobs "$jobs" --bytes "$bytes"
        wait "$floor_pid"
        base=$(calculate "$jobs / (($(sed -n 's/^end_us //p' "$run/floor") - ${got[begin_us]}) / 1e6)" %.0f)
        note sustained_floor "$base"

        empty
        configure "$main"
        daemons_start
        measure produce --producers 2 --rows 100 --jobs "$jobs" --bytes "$bytes"
        measure drained --jobs "$jobs" --from-us "${got[begin_us]}" --pids "$(daemon_pids)"
        daemons_stop
        note sustained "$(calculate "$jobs / ${got[seconds]}" %.0f)"
        note sustained_ratio "$(calculate "$jobs / ${got[seconds]} / $base")"
    done
    report sustained "insert and drain together, claim = $main" "$(median_of sustained)" jobs/s \
        "$(median_of sustained_floor)" "$(median_of sustained_ratio)"
}

# stamped_begin CLAIM DOORBELL: a fresh daemon on an empty table, that has come to rest.
stamped_begin()
{
    empty
    rm -f "$run/stamps"
    configure "$1" "$2"
    daemons_start
    sleep 1
}

# arrive NAME DOORBELL JOBS PAUSE_MS: jobs that are due when they are inserted, one at a time, for a fresh daemon.
arrive()
{
    progress "latency, $1"
    stamped_begin "$main" "$2"
    "$bench" arrivals --jobs "$3" --pause-ms "$4" --bytes "$bytes" --file "$run/arrivals"
    measure drained
    daemons_stop
    measure lateness --stamps "$run/stamps" --arrivals "$run/arrivals"
}

latency_of()
{
    local name=$1 doorbell=$2 target=$3 q
    arrive "$name, 20 a second" "$doorbell" "$arrivals" 50
    for q in p50 p99 max; do
        report latency "$name: begin after created_at, $q; floor: the INSERT" "${got[pickup_$q]}" ms \
            "${got[insert_$q]}" - "$([ "$q" = p99 ] && echo "value<=$target" || echo -)"
    done
    for q in p50 p99 max; do
        report latency "$name: begin after the INSERT's answer, $q" "${got[after_$q]}" ms - - \
            "$([ "$q" = p99 ] && echo "value<=$target" || echo -)"
    done
    # A stream keeps a daemon awake; these find it asleep.
    arrive "$name, after rests" "$doorbell" "$rests" 3000
    for q in p50 max; do
        report latency "$name: the same after rests of 3 s, $q of $rests" "${got[after_$q]}" ms - - \
            "$([ "$q" = max ] && echo "value<=$target" || echo -)"
    done
}

part_latency()
{
    latency_of "poll 100 ms" '' 105
    if [ "$has_doorbell" = 1 ]; then
        latency_of doorbell doorbell 5
    else
        report_missing latency doorbell
    fi
}

lateness_of()
{
    local name=$1 doorbell=$2 q
    progress "lateness, $name"
    stamped_begin "$main" "$doorbell"
    measure fill --jobs "$late_jobs" --bytes "$bytes" --kind stamp --in-ms 2000 --random-ms $((span * 1000))
    measure drained --first-id "${got[first_id]}" --from-us "$((got[due_us] + span * 1000000))"
    daemons_stop
    measure lateness --stamps "$run/stamps"
    [ "${got[late_count]}" = "$late_jobs" ] || progress "lateness: ${got[late_count]} of $late_jobs jobs ran"
    for q in p50 p99 max; do
        report lateness "$name: begin after due_at, $q of $late_jobs" "${got[late_$q]}" ms - - \
            "$([ "$q" = p99 ] && echo 'value<=3' || echo -)"
    done
}

part_lateness()
{
    lateness_of poll ''
    if [ "$has_doorbell" = 1 ]; then
        lateness_of doorbell doorbell
    else
        report_missing lateness doorbell
    fi
}

idle_of()
{
    local name=$1 doorbell=$2 target=$3
    progress "idle, $name"
    stamped_begin "$main" "$doorbell"
    sleep 20 # a queue is idle after 10 s without a job, a connection a little later
    measure idle --seconds "$idle" --pid "${daemons[0]}"
    daemons_stop
    report idle "$name: statements a second" "${got[per_second]}" 1/s 0 - "$target"
    report idle "$name: of one processor" "${got[cpu_percent]}" % 0
}

part_idle()
{
    idle_of poll '' 'value<=2'
    if [ "$has_doorbell" = 1 ]; then
        idle_of doorbell doorbell 'value<0.2'
    else
        report_missing idle doorbell
    fi
}

resident_mib()
{
    calculate "$(sed -n "s/^$1:[[:space:]]*\([0-9]*\) kB/\1/p" "/proc/${daemons[0]}/status") / 1024" %.1f
}

# Rows that wait for tomorrow.
fill_waiting()
{
    measure fill --jobs "$1" --bytes "$bytes" --in-ms 86400000 --unlogged
}

part_memory()
{
    progress "memory, $waiting rows waiting"
    empty
    configure "$main"
    daemons_start
    report memory "started, nothing waiting: resident" "$(resident_mib VmRSS)" MiB
    fill_waiting "$waiting"
    drain_dueqd
    report memory "$waiting waiting, $jobs drained: resident" "$(resident_mib VmRSS)" MiB - - 'value<=64'
    report memory "$waiting waiting, $jobs drained: at most so far" "$(resident_mib VmHWM)" MiB - - 'value<=64'
    daemons_stop
}

part_statements()
{
    "$bench" statements --jobs "$jobs" --batch "$batch" --rounds "$rounds" --bytes "$bytes"
}
