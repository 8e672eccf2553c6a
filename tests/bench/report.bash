# shellcheck shell=bash
# shellcheck disable=SC2154 # what tests/bench/run has set
# What tests/bench/run prints. A line is a value with its floor and the target that issue and manual name, if there is one:
#   report PART WHAT VALUE UNIT [FLOOR [RATIO [TARGET]]]
# where "-" stands for nothing, and the target is "ratio>=0.90", "value<=5" and the like.

json_lines=()
json_settings=()
last_part=

# A setting that the numbers depend on.
setting()
{
    if [ "$json" = 1 ]; then
        json_settings+=("\"$1\":\"${2//\"/}\"")
    else
        printf '%-34s %s\n' "$1" "$2"
    fi
}

# is_met VALUE RATIO TARGET: prints ok, below, or - where there is no target or no value.
is_met()
{
    awk -v value="$1" -v ratio="$2" -v target="$3" 'BEGIN {
        number = target ~ /^ratio/ ? ratio : value
        if (target == "-" || number == "-") { print "-"; exit }
        limit = target
        sub(/^[a-z]*[<>]=?/, "", limit)
        met = target ~ />/ ? number + 0 >= limit + 0 : target ~ /<=/ ? number + 0 <= limit + 0 : number + 0 < limit + 0
        print met ? "ok" : "below"
    }'
}

json_number()
{
    if [ "$1" = - ]; then
        echo null
    else
        echo "$1"
    fi
}

report()
{
    local part=$1 what=$2 value=$3 unit=$4 floor=${5:--} ratio=${6:--} target=${7:--} met
    met=$(is_met "$value" "$ratio" "$target")
    if [ "$json" = 1 ]; then
        json_lines+=("$(printf '{"part":"%s","what":"%s","value":%s,"unit":"%s","floor":%s,"ratio":%s,' "$part" "$what" \
            "$(json_number "$value")" "$unit" "$(json_number "$floor")" "$(json_number "$ratio")")")
        json_lines[-1]+="\"target\":\"$target\",\"met\":\"$met\"}"
        return
    fi
    if [ "$part" != "$last_part" ]; then
        printf '\n%-58s %10s %-7s %10s %6s  %-13s %s\n' "$part" value unit floor ratio target ''
        last_part=$part
    fi
    [ "$target" != - ] || target='' met=''
    printf '  %-56s %10s %-7s %10s %6s  %-13s %s\n' "$what" "$value" "$unit" "$floor" "$ratio" "$target" "$met"
}

# A line for what this build does not have.
report_missing()
{
    if [ "$json" = 0 ]; then
        printf '%s: not in this build: %s\n' "$1" "$2"
    fi
}

progress()
{
    echo "$(date +%H:%M:%S) $*" >&2
}

report_end()
{
    if [ "$json" = 1 ]; then
        (IFS=,; printf '{"settings":{%s},"lines":[%s]}\n' "${json_settings[*]}" "${json_lines[*]}")
    fi
}

# calculate EXPRESSION [FORMAT]: with awk, which has fractions; - where it divides by zero.
calculate()
{
    awk "BEGIN { printf \"${2:-%.2f}\", $1 }" 2>/dev/null || printf -- -
}

median()
{
    printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"
}

declare -A series=()

# Notes one more value of the named series.
note()
{
    series[$1]="${series[$1]:-} $2"
}

median_of()
{
    # shellcheck disable=SC2086 # words
    median ${series[$1]}
}
