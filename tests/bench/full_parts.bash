# shellcheck shell=bash
# The parts of tests/bench/run that --full adds: what happens as things grow.
# shellcheck disable=SC2154

# bursts: twenty times a batch of due jobs at once, for the daemons that run, with the server's slow log on. Afterwards got
# has what the claims took meanwhile.
bursts()
{
    local i from
    from=$(stat -c %s "$run/server/slow.log")
    for ((i = 0; i < 20; i++)); do
        measure fill --jobs "$batch" --bytes "$bytes"
        "$bench" drained --first-id "${got[first_id]}" >/dev/null
    done
    measure claims --log "$run/server/slow.log" --from "$from"
}

# claims_of CLAIM: the claims of a fresh daemon on the table as it is.
claims_of()
{
    slow_log_start
    configure "$1"
    daemons_start
    sleep 0.5
    bursts
    daemons_stop
    slow_log_stop
}

part_backlog()
{
    local round count floor base first='' first_claim=''
    floor=$(floor_of "$main")
    for count in $backlogs; do
        for ((round = 1; round <= rounds; round++)); do
            progress "backlog of $count, round $round"
            empty
            fill_waiting "$count"
            drain_floor "$floor"
            base=$rate
            # What the floor has left behind is not to be dueqd's to step over.
            "$bench" purged
            configure "$main"
            daemons_start
            drain_dueqd
            daemons_stop
            note "backlog_floor_$count" "$base"
            note "backlog_$count" "$rate"
            note "backlog_ratio_$count" "$(calculate "$rate / $base")"
        done
        claims_of "$main"
        note "backlog_claim_$count" "${got[claim_p50]}"
        note "backlog_rows_$count" "${got[rows]}"
        report backlog "$count waiting: drain" "$(median_of "backlog_$count")" jobs/s \
            "$(median_of "backlog_floor_$count")" "$(median_of "backlog_ratio_$count")"
        [ -n "$first" ] || first=$count
    done
    for count in $backlogs; do
        [ "$count" != "$first" ] || continue
        report backlog "drain with $count waiting on $first waiting" "$(median_of "backlog_$count")" jobs/s \
            "$(median_of "backlog_$first")" "$(calculate "$(median_of "backlog_$count") / $(median_of "backlog_$first")")" \
            "$([ "$count" -ge 1000000 ] && echo 'ratio>=0.90' || echo -)"
    done
    first_claim=$(median_of "backlog_claim_$first")
    for count in $backlogs; do
        report backlog "claim of $(median_of "backlog_rows_$count") rows on the average with $count waiting, p50" \
            "$(median_of "backlog_claim_$count")" ms "$first_claim" \
            "$(calculate "$(median_of "backlog_claim_$count") / $first_claim")"
    done
}

part_lanes()
{
    local round count floor base before
    floor=$(floor_of "$main")
    before=$(deadlocks)
    for ((round = 1; round <= rounds; round++)); do
        for count in 1 2 4 8 16; do
            progress "lanes: $count, round $round"
            floor_once "$floor" "$count"
            base=$rate
            drain_once "$main" 1 "$count"
            note "lanes_floor_$count" "$base"
            note "lanes_$count" "$rate"
            note "lanes_ratio_$count" "$(calculate "$rate / $base")"
        done
    done
    for count in 1 2 4 8 16; do
        report lanes "$count lanes, on a floor with as many connections" "$(median_of "lanes_$count")" jobs/s \
            "$(median_of "lanes_floor_$count")" "$(median_of "lanes_ratio_$count")"
    done
    report lanes "deadlocks in all of these" "$(($(deadlocks) - before))" '' 0 - 'value<=0'
}

part_daemons()
{
    local round count before
    before=$(deadlocks)
    for ((round = 1; round <= rounds; round++)); do
        for count in 1 2 4 8; do
            progress "daemons: $count, round $round"
            drain_once "$main" "$count"
            note "daemons_$count" "$rate"
        done
    done
    for count in 1 2 4 8; do
        report daemons "$count daemons with $lanes lanes each; floor: 1 daemon" "$(median_of "daemons_$count")" jobs/s \
            "$(median_of daemons_1)" "$(calculate "$(median_of "daemons_$count") / $(median_of daemons_1)")" \
            "$([ "$count" = 4 ] && echo 'ratio>=0.95' || echo -)"
    done
    report daemons "deadlocks in all of these" "$(($(deadlocks) - before))" '' 0 - 'value<=0'
}

part_snapshot()
{
    local round floor view
    floor=$(floor_of "$main")
    for ((round = 1; round <= rounds; round++)); do
        for view in none open; do
            progress "snapshot: $view, round $round"
            empty
            [ "$view" = none ] || snapshot_open
            drain_floor "$floor" "$lanes" "$marked"
            note "snapshot_floor_$view" "$rate"
            snapshot_close
            empty
            [ "$view" = none ] || snapshot_open
            configure "$main"
            daemons_start
            drain_dueqd "$marked"
            note "snapshot_$view" "$rate"
            daemons_stop
            snapshot_close
        done
    done
    report snapshot "$marked jobs with a read view open, on without: dueqd" "$(median_of snapshot_open)" jobs/s \
        "$(median_of snapshot_none)" "$(calculate "$(median_of snapshot_open) / $(median_of snapshot_none)")" 'ratio>=0.75'
    report snapshot "$marked jobs with a read view open, on without: raw $floor" "$(median_of snapshot_floor_open)" jobs/s \
        "$(median_of snapshot_floor_none)" \
        "$(calculate "$(median_of snapshot_floor_open) / $(median_of snapshot_floor_none)")"
}

# Delete-marked entries stand in front of what is due: the same daemon has just drained them, and a view keeps them there.
marked_round()
{
    local view=$1 q
    empty
    slow_log_start
    [ "$view" = none ] || snapshot_open
    configure "$main"
    daemons_start
    drain_dueqd "$marked"
    [ "$view" = open ] || "$bench" purged
    bursts
    for q in p50 p99 max; do
        note "marked_${q}_$view" "${got[claim_$q]}"
    done
    note "marked_rows_$view" "${got[rows]}"
    # And one that is started only now, and knows nothing about them.
    daemons_stop
    daemons_start
    bursts
    for q in p50 p99 max; do
        note "marked_fresh_${q}_$view" "${got[claim_$q]}"
    done
    daemons_stop
    snapshot_close
    slow_log_stop
}

part_marked()
{
    local round view q
    for ((round = 1; round <= rounds; round++)); do
        for view in none open; do
            progress "marked: $([ "$view" = none ] && echo none || echo "$marked"), round $round"
            marked_round "$view"
        done
    done
    for q in p50 p99 max; do
        report marked "claim of $(median_of marked_rows_open) behind $marked marked entries, on none: $q" \
            "$(median_of "marked_${q}_open")" ms "$(median_of "marked_${q}_none")" \
            "$(calculate "$(median_of "marked_${q}_open") / $(median_of "marked_${q}_none")")" \
            "$([ "$q" = p50 ] && echo 'ratio<=2' || echo -)"
    done
    for q in p50 p99 max; do
        report marked "the same by a daemon that was started later: $q" \
            "$(median_of "marked_fresh_${q}_open")" ms "$(median_of "marked_fresh_${q}_none")" \
            "$(calculate "$(median_of "marked_fresh_${q}_open") / $(median_of "marked_fresh_${q}_none")")"
    done
}

# The same handler in dueqd, and in processes of its own: one job each at a time, and four.
part_isolation()
{
    local round jobs_each
    for ((round = 1; round <= rounds; round++)); do
        progress "isolation, round $round"
        drain_once "$main"
        note isolation_none "$rate"
        note isolation_none_cpu "$(calculate "${got[cpu_us]} / $jobs")"
        for jobs_each in 1 4; do
            kinds="{ kind = \"noop\"; handler = \"noop\"; isolation = \"process\";
                process = { count = $((8 / jobs_each)); jobs = $jobs_each; }; },"
            drain_once "$main"
            kinds=
            note "isolation_$jobs_each" "$rate"
            note "isolation_${jobs_each}_cpu" "$(calculate "${got[cpu_us]} / $jobs")"
        done
    done
    for jobs_each in 1 4; do
        report isolation "$((8 / jobs_each)) processes of $jobs_each jobs each, on none" \
            "$(median_of "isolation_$jobs_each")" jobs/s "$(median_of isolation_none)" \
            "$(calculate "$(median_of "isolation_$jobs_each") / $(median_of isolation_none)")"
        report isolation "and what dueqd itself uses" "$(median_of "isolation_${jobs_each}_cpu")" us/job \
            "$(median_of isolation_none_cpu)"
    done
}

history_length()
{
    sql "SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'"
}

# churn SECONDS: a thousand jobs come every second, and are run.
churn()
{
    local end=$((SECONDS + $1)) second
    while ((SECONDS < end)); do
        second=$SECONDS
        measure fill --jobs 1000 --bytes "$bytes"
        [ "$SECONDS" != "$second" ] || sleep 0.9
    done
    "$bench" drained --first-id "${got[first_id]}" >/dev/null
}

# A session holds its read view for long while the queue works on: the history of all that time lies in the server.
part_history()
{
    local round when
    empty
    configure "$main"
    slow_log_start
    daemons_start
    for when in before after; do
        if [ "$when" = after ]; then
            progress "history: a read view held for $history s"
            slow_log_stop
            snapshot_open
            churn "$history"
            slow_log_start
            daemons_stop
            daemons_start
        fi
        for ((round = 1; round <= rounds; round++)); do
            progress "history: $when, round $round"
            drain_dueqd
            note "history_$when" "$rate"
        done
        bursts
        note "history_claim_$when" "${got[claim_p50]}"
        note "history_length_$when" "$(history_length)"
    done
    daemons_stop
    slow_log_stop
    snapshot_close
    report history "its length after $history s of 1,000 jobs/s behind a read view" "$(median_of history_length_after)" '' \
        "$(median_of history_length_before)"
    report history "drain with it, on before" "$(median_of history_after)" jobs/s "$(median_of history_before)" \
        "$(calculate "$(median_of history_after) / $(median_of history_before)")"
    report history "a claim with it, on before: p50" "$(median_of history_claim_after)" ms \
        "$(median_of history_claim_before)" \
        "$(calculate "$(median_of history_claim_after) / $(median_of history_claim_before)")"
}
