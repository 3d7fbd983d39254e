# What the scripts share; sourced from the root of the tree. Steps are timed, skips are loud, and no child outlives
# the script that started it.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:$HOME/.cargo/bin"
build=${NETHTTP_BUILD:-$PWD/build}
logs=$build/logs
mkdir -p "$logs"
failed=() skipped=()

log_of() { echo "$logs/${1//[ \/]/-}.log"; } # log_of STEP

# step NAME COMMAND...: runs it, keeps its output in a log, and prints the log's end only if it failed.
step() {
    local name=$1 start=$SECONDS code=0
    shift
    local log
    log=$(log_of "$name")
    "$@" >"$log" 2>&1 || code=$?
    grep -aE "$summary" "$log" | sed 's/^/    /' || true
    if grep -aqE '^SKIP: ' "$log"; then
        skipped+=("$name")
        [ "${NH_REQUIRE_ALL:-0}" != 1 ] || code=1
    fi
    if [ "$code" = 0 ]; then
        printf 'ok    %-40s %4d s\n' "$name" $((SECONDS - start))
    else
        tail -n 60 "$log"
        printf 'FAIL  %-40s %4d s  (%s)\n' "$name" $((SECONDS - start)) "$log"
        failed+=("$name")
    fi
}

# The lines of a log that are worth showing: what the runners themselves sum up, and skips.
summary='^test result: |^[0-9]+% tests passed|^[0-9]+ passed, [0-9]+ failed|^SKIP: '

# finish WHAT: the last word, and the exit code.
finish() {
    [ ${#skipped[@]} = 0 ] || echo "skipped in part: ${skipped[*]}"
    if [ ${#failed[@]} = 0 ]; then
        echo "$1: all passed in $SECONDS s"
    else
        # Said once more: many steps may have followed, and who reads only an end is to see why.
        local name
        for name in "${failed[@]}"; do
            printf 'FAIL  %s, which ended so:\n' "$name"
            tail -n 8 "$(log_of "$name")" | sed 's/^/    /'
        done
        echo "$1: FAILED: ${failed[*]}"
        exit 1
    fi
}

# self_signed NAME STEM: a certificate for NAME at 127.0.0.1 in STEM.pem, its key in STEM.key.
self_signed() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$2.key" -out "$2.pem" 2>/dev/null
}

# start_server LOG COMMAND...: runs it in the background and waits for its "listening on URL"; sets server_pid and
# server_url.
start_server() {
    local log=$1 tries
    shift
    # Emptied here: the server's own redirection may come after the first look, at what an earlier run left.
    : >"$log"
    "$@" >"$log" 2>&1 &
    server_pid=$!
    for tries in $(seq 300); do
        server_url=$(sed -n 's/^listening on \(https\{0,1\}:[^ ]*\).*/\1/p' "$log" | head -n 1)
        [ -z "$server_url" ] || return 0
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "$1 did not start:" >&2
    cat "$log" >&2
    return 1
}

# stop_server: SIGTERM, then its own exit code; a server that is not gone after 15 s is killed and counts as failed.
stop_server() {
    local pid=$server_pid code=0 tries
    server_pid=
    kill -TERM "$pid" 2>/dev/null || true
    for tries in $(seq 150); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    if kill -KILL "$pid" 2>/dev/null; then
        wait "$pid" 2>/dev/null || true
        echo "the server did not stop within 15 s of SIGTERM" >&2
        return 1
    fi
    wait "$pid" || code=$?
    return "$code"
}

server_pid=
trap '[ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null' EXIT
