#!/usr/bin/env bash
# Installs, starts, stops and tests the gateway: `./manage.sh help` tells how.
set -euo pipefail

here="$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)"
venv="$here/.venv"

usage() {
    cat <<'USAGE'
Usage: ./manage.sh COMMAND

  start llm-router [options]   install what is missing and run the gateway in the foreground;
                               options go to the server (--host --port --workers --config
                               --log-level). Without them: localhost:8086, one worker.
  stop                         end the running gateway; streams under way may finish
  reload                       make it read its configuration again; no request is cut
  status                       tell whether it runs, and whether it answers
  test [pytest options]        lint, types and the whole test suite; with options pytest alone
  help                         this text
USAGE
}

say() { printf '%s\n' "$*" >&2; }

die() {
    say "manage.sh: $*"
    exit 1
}

wrong_use() {
    say "manage.sh: $*"
    usage >&2
    exit 2
}

# --- settings --------------------------------------------------------------------------------

# The value of NAME in .env, which is read as text and never executed.
dotenv_value() {
    local name="$1" line value=""
    [[ -r "$here/.env" ]] || return 0
    local assignment="^[[:space:]]*(export[[:space:]]+)?${name}[[:space:]]*=[[:space:]]*(.*)$"
    while IFS= read -r line || [[ -n "$line" ]]; do
        line="${line%$'\r'}"
        [[ "$line" =~ $assignment ]] || continue
        value="${BASH_REMATCH[2]}"
        case "$value" in
            \"*) value="${value#\"}" value="${value%%\"*}" ;;
            \'*) value="${value#\'}" value="${value%%\'*}" ;;
            \#*) value="" ;;
            *) value="${value%%[[:space:]]#*}" value="${value%"${value##*[![:space:]]}"}" ;;
        esac
    done <"$here/.env"
    printf '%s' "$value"
}

# Export NAME=DEFAULT unless the environment or .env says something.
default_setting() {
    local name="$1" default="$2"
    [[ -z "${!name:-}" ]] || return 0
    # A blank variable of the environment would hide the line in .env.
    unset "$name"
    [[ -n "$(dotenv_value "$name")" ]] || export "$name=$default"
}

# --- installation ----------------------------------------------------------------------------

is_python() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if is_python "$candidate"; then
            command -v -- "$candidate"
            return
        fi
    done
    if command -v python3 >/dev/null; then
        die "Python 3.11 or later is needed; python3 here is $(python3 -V 2>&1)." \
            "Install a newer one, or name it: PYTHON=/path/to/python3.12 ./manage.sh …"
    fi
    die "Python 3.11 or later is needed and there is no python3: apt install python3 python3-venv"
}

make_venv() {
    local python="$1"
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        die "$python cannot make virtual environments: apt install python3-venv"
    fi
    say "Making .venv with $("$python" -V) …"
    "$python" -m venv --clear "$venv"
}

# What the virtual environment was made of. The checkout's path is part of it, as the
# installed commands name it.
fingerprint() {
    local requirements="$1"
    {
        printf '%s\n' "$here"
        "$venv/bin/python" -c 'import sys; print(sys.version)'
        cat -- "$here/$requirements" "$here/pyproject.toml"
    } | "$venv/bin/python" -c \
        'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

pip_install() {
    # Which registry is asked is pip's own configuration; hashes say what may come from it.
    PIP_USER=0 "$venv/bin/python" -m pip install \
        --quiet --no-input --disable-pip-version-check "$@"
}

# Bring .venv up to date with a requirements file, if it is not.
install_requirements() {
    local requirements="$1" stamp="$venv/installed-$1.sha256" place="$venv/made-for"
    local python
    # A checkout that was moved or copied has commands that name the old place.
    if ! is_python "$venv/bin/python" || [[ "$(cat -- "$place" 2>/dev/null)" != "$here" ]]; then
        python="$(find_python)"
        make_venv "$python"
    fi
    [[ "$(cat -- "$stamp" 2>/dev/null)" != "$(fingerprint "$requirements")" ]] || return 0
    say "Installing $requirements …"
    rm -f -- "$stamp"
    pip_install --require-hashes -r "$here/$requirements"
    pip_install --no-deps --no-build-isolation -e "$here"
    printf '%s' "$here" >"$place"
    fingerprint "$requirements" >"$stamp"
}

install() {
    local lock="$here/run/install.lock"
    mkdir -p -- "$here/run"
    if command -v flock >/dev/null; then
        # Two at once would spoil each other's work.
        (
            flock 9
            install_requirements "$1"
        ) 9>"$lock"
    else
        install_requirements "$1"
    fi
}

# --- the running gateway ---------------------------------------------------------------------

pid_file() {
    local named="${LLM_ROUTER_PIDFILE:-$(dotenv_value LLM_ROUTER_PIDFILE)}"
    case "$named" in
        "") named="$here/run/open-llm-router.pid" ;;
        /*) ;;
        *) named="$here/$named" ;;
    esac
    printf '%s' "$named"
}

# Print the master's pid if it is alive and ours; a number left behind may be anybody's by now.
running_pid() {
    local file pid=""
    file="$(pid_file)"
    [[ -r "$file" ]] || return 1
    read -r pid <"$file" || true
    [[ "$pid" =~ ^[0-9]+$ ]] || return 1
    is_gateway "$pid" && printf '%s' "$pid"
}

is_gateway() {
    local command
    # Not every machine has ps, and not every one has /proc.
    command="$({ tr '\0' ' ' <"/proc/$1/cmdline" || ps -o args= -p "$1"; } 2>/dev/null)" ||
        return 1
    [[ "$command" == *gunicorn* || "$command" == *open-llm-router* ]]
}

# What the running gateway was started with; flags travel in its environment.
started_with() {
    local pid="$1" name="$2" default="$3" value
    value="$(tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | sed -n "s/^$name=//p")" || value=""
    [[ -n "$value" ]] || value="$(dotenv_value "$name")"
    printf '%s' "${value:-$default}"
}

ask_ready() {
    "$venv/bin/python" - "$1" <<'PYTHON'
import sys
import urllib.error
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(sys.argv[1], timeout=5) as answer:
        print(answer.read(2000).decode())
except urllib.error.HTTPError as error:
    print(f"{error.code}: {error.read(2000).decode()}")
    sys.exit(1)
except OSError as error:
    print(f"no answer: {error}")
    sys.exit(1)
PYTHON
}

# --- commands --------------------------------------------------------------------------------

start() {
    case "${1:-}" in
        llm-router) shift ;;
        "") wrong_use "start what? ./manage.sh start llm-router" ;;
        *) wrong_use "start does not know \"$1\"; it knows: llm-router" ;;
    esac
    install requirements.txt
    default_setting LLM_ROUTER_HOST localhost
    default_setting LLM_ROUTER_PORT 8086
    exec "$venv/bin/open-llm-router" serve "$@"
}

stop() {
    local pid patience
    if ! pid="$(running_pid)"; then
        say "open-llm-router does not run."
        return 0
    fi
    patience="$(started_with "$pid" LLM_ROUTER_GRACEFUL_TIMEOUT 120)"
    kill -TERM "$pid"
    say "Stopping pid $pid; streams under way have up to $patience s."
    local deadline=$((SECONDS + patience + 10))
    while is_gateway "$pid"; do
        ((SECONDS < deadline)) || die "pid $pid has not ended; kill -KILL $pid would cut its streams"
        sleep 0.2
    done
    say "Stopped."
}

reload() {
    local pid
    pid="$(running_pid)" || die "open-llm-router does not run."
    kill -HUP "$pid"
    say "Asked pid $pid to read its configuration again; its log tells the outcome."
}

status() {
    local pid host port
    if ! pid="$(running_pid)"; then
        echo "open-llm-router does not run."
        return 3
    fi
    host="$(started_with "$pid" LLM_ROUTER_HOST localhost)"
    port="$(started_with "$pid" LLM_ROUTER_PORT 8000)"
    case "$host" in 0.0.0.0 | ::) host=localhost ;; *:*) host="[$host]" ;; esac
    echo "open-llm-router runs: pid $pid, http://$host:$port"
    ask_ready "http://$host:$port/readyz"
}

run_tests() {
    install requirements-test.txt
    cd -- "$here"
    local bin="$venv/bin" failed=()
    if (($# > 0)); then
        exec "$bin/python" -m pytest "$@"
    fi
    "$bin/ruff" check . || failed+=("ruff check")
    "$bin/ruff" format --check . || failed+=("ruff format --check")
    "$bin/mypy" --strict || failed+=("mypy --strict")
    "$bin/python" -m pytest -q -n 2 || failed+=("pytest")
    ((${#failed[@]} == 0)) || {
        printf 'failed: %s\n' "${failed[@]}" >&2
        return 1
    }
}

main() {
    local command="${1:-help}"
    shift || true
    case "$command" in
        start) start "$@" ;;
        stop) stop ;;
        reload) reload ;;
        status) status ;;
        test) run_tests "$@" ;;
        help | -h | --help) usage ;;
        *) wrong_use "there is no command \"$command\"" ;;
    esac
}

main "$@"
