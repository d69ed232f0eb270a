#!/usr/bin/env bash
# Installs, starts, stops and tests the gateway: `./manage.sh help` tells how.
set -euo pipefail

here="$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)"
venv="$here/.venv"
webui_venv="$here/.venv-open-webui"

usage() {
    cat <<'USAGE'
Usage: ./manage.sh COMMAND

  start llm-router [options]   install what is missing and run the gateway in the foreground;
                               options go to the server (--host --port --workers --config
                               --log-level). Without them: localhost:8086, one worker.
  start                        run gateway and Open-WebUI in the background, under PM2
  start --systemd              start the services that `service install` made
  start open-webui [options]   install Open-WebUI at its first start, and run it in the foreground
  start ollama                 run `ollama serve` with the OLLAMA_… lines of .env
  stop                         end what runs; streams under way may finish
  reload                       make the gateway read its configuration again; no request is cut
  status                       tell what runs, and whether it answers
  doctor [options]             look for what is wrong, and tell the remedy

  init [-x]                    write run/init_openwebui_db.sql, which makes Open-WebUI's database
                               in PostgreSQL; -x runs it with psql
  scan-models [all|ollama|lmstudio] [--update]
                               list the models of local servers; --update adds them
  service install [--open-webui] [--prefix DIR]
                               make it a systemd service (as root); --prefix only lays files out
  service start|stop|restart|status|logs
  service uninstall [--purge]  remove it; configuration, keys and logs stay unless --purge
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

# Open-WebUI's packages lag behind Python's newest version.
is_python_for_webui() {
    is_python "$1" && "$1" -c 'import sys; sys.exit(sys.version_info >= (3, 13))'
}

find_python() {
    local candidate fits="${1:-is_python}"
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$fits" "$candidate"; then
            command -v -- "$candidate"
            return
        fi
    done
    if [[ "$fits" == is_python_for_webui ]]; then
        die "Open-WebUI needs Python 3.11 or 3.12, and neither is here (PYTHON=/path/to/python3.12 names one)."
    fi
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
    PIP_USER=0 "${pip_python:-$venv/bin/python}" -m pip install \
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

# Open-WebUI has a virtual environment of its own: its packages are many, and not ours.
install_webui() {
    local wanted python pip_python="$webui_venv/bin/python"
    wanted="$(cat -- "$here/requirements-open-webui.txt")"
    [[ "$(cat -- "$webui_venv/installed" 2>/dev/null)" != "$wanted" ]] || return 0
    if ! is_python "$pip_python"; then
        python="$(find_python is_python_for_webui)"
        say "Making ${webui_venv##*/} with $("$python" -V) …"
        "$python" -m venv --clear "$webui_venv"
    fi
    say "Installing Open-WebUI (about 3 GB, once) …"
    pip_install -r "$here/requirements-open-webui.txt"
    printf '%s\n' "$wanted" >"$webui_venv/installed"
}

# --- PM2 -------------------------------------------------------------------------------------

# A PM2 of our own beside anybody else's: its processes, and its dump, hold only ours.
pm2_home() {
    local home="${PM2_HOME:-$here/run/pm2}"
    # Its sockets' paths may have some 100 bytes.
    ((${#home} < 80)) || home="${HOME:-/tmp}/.pm2-open-llm-router"
    printf '%s' "$home"
}

find_pm2() {
    command -v pm2 && return
    [[ -x "$here/run/node/node_modules/.bin/pm2" ]] || return 1
    printf '%s' "$here/run/node/node_modules/.bin/pm2"
}

install_pm2() {
    find_pm2 >/dev/null && return
    command -v npm >/dev/null || die "PM2 is not here, nor npm to install it: apt install nodejs npm," \
        "or start the two in terminals of their own: start llm-router, start open-webui"
    say "Installing PM2 into run/node …"
    npm install --silent --no-audit --no-fund --prefix "$here/run/node" "pm2@^6 || ^7" >&2
}

# PM2 keeps the environment that it is called with; so it gets next to none.
run_pm2() {
    local name passed=()
    for name in TZ SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE NO_PROXY no_proxy; do
        [[ -z "${!name:-}" ]] || passed+=("$name=${!name}")
    done
    for name in HTTP_PROXY HTTPS_PROXY http_proxy https_proxy; do
        # One with a password is a secret: give it as the account's `proxy`.
        [[ -z "${!name:-}" || "${!name}" == *@* ]] || passed+=("$name=${!name}")
    done
    env -i "PATH=$PATH" "HOME=${HOME:-/}" "LANG=${LANG:-C.UTF-8}" "PM2_HOME=$(pm2_home)" \
        PM2_KILL_SIGNAL=SIGTERM "${passed[@]}" "$(find_pm2)" "$@"
}

pm2_runs() {
    local pid=""
    { read -r pid <"$(pm2_home)/pm2.pid"; } 2>/dev/null || [[ -n "$pid" ]] || return 1
    [[ "$pid" =~ ^[0-9]+$ ]] && kill -0 "$pid" 2>/dev/null && find_pm2 >/dev/null
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
        llm-router) shift && start_router "$@" ;;
        open-webui) shift && start_webui "$@" ;;
        ollama) start_ollama ;;
        "") start_all ;;
        --systemd) service_units start ;;
        *) wrong_use "start does not know \"$1\"; it knows: llm-router, open-webui, ollama" ;;
    esac
}

# Have every command here speak of the same gateway.
router_settings() {
    default_setting LLM_ROUTER_HOST localhost
    default_setting LLM_ROUTER_PORT 8086
}

# Run a command of the gateway's own program.
router() {
    install requirements.txt
    router_settings
    "$venv/bin/open-llm-router" "$@"
}

start_router() {
    install requirements.txt
    router_settings
    exec "$venv/bin/open-llm-router" serve "$@"
}

start_webui() {
    install requirements.txt
    install_webui
    router_settings
    exec "$venv/bin/open-llm-router" open-webui --venv "$webui_venv" "$@"
}

start_ollama() {
    local name
    command -v ollama >/dev/null || die "ollama is not installed: https://ollama.com/download"
    while IFS= read -r name; do
        [[ -n "${!name:-}" ]] || export "$name=$(dotenv_value "$name")"
    done < <(sed -nE 's/^[[:space:]]*(export[[:space:]]+)?(OLLAMA_[A-Z0-9_]+)[[:space:]]*=.*/\2/p' \
        "$here/.env" 2>/dev/null)
    exec ollama serve
}

start_all() {
    local file="$here/run/ecosystem.config.js"
    router check >/dev/null || (($? == 1)) || die "the configuration cannot be used; see above"
    # A missing key for Open-WebUI is told here, not in a log.
    "$venv/bin/open-llm-router" open-webui --show-env >/dev/null
    install_webui
    install_pm2
    mkdir -p -- "$here/logs"
    "$venv/bin/open-llm-router" pm2-config --output "$file"
    run_pm2 delete "$file" >/dev/null 2>&1 || true
    run_pm2 start "$file" >&2
    run_pm2 save --force >&2
    say "Gateway and Open-WebUI start under PM2; ./manage.sh status tells how they do." \
        "Logs: logs/llm-router.error.log, logs/open-webui.log"
}

stop() {
    local pid patience
    if pm2_runs; then
        say "Stopping what PM2 runs; streams under way may finish."
        run_pm2 delete all >&2 || true
        run_pm2 save --force >/dev/null
        run_pm2 kill >/dev/null
    fi
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
    ! pm2_runs || run_pm2 list
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

# --- service ---------------------------------------------------------------------------------

readonly program=/opt/open-llm-router
readonly unit=open-llm-router webui_unit=open-llm-router-webui

service() {
    local verb="${1:-}"
    shift || true
    case "$verb" in
        install) service_install "$@" ;;
        uninstall) service_uninstall "$@" ;;
        start | stop | restart) service_units "$verb" ;;
        status) systemctl --no-pager status "$unit" ;;
        logs) journalctl --unit "$unit" --no-hostname "${@:---lines=100}" ;;
        *) wrong_use "service does what? install, uninstall, start, stop, restart, status, logs" ;;
    esac
}

service_units() {
    local units=("$unit")
    [[ -f "/etc/systemd/system/$unit.service" ]] ||
        die "there is no service yet: ./manage.sh service install"
    [[ ! -f "/etc/systemd/system/$webui_unit.service" ]] || units+=("$webui_unit")
    systemctl "$1" "${units[@]}"
}

need_root() {
    ((EUID == 0)) || die "this changes the system: run it as root"
    [[ -d /run/systemd/system ]] || die "systemd does not run on this machine; --prefix DIR only lays files out"
}

# Install SOURCE as TARGET with MODE, below the prefix; say so.
put() {
    local source="$1" target="$2" mode="$3"
    command install -D -m "$mode" -- "$source" "$prefix$target"
    say "  $target"
}

# As put, but what is there already stays.
put_once() {
    if [[ -e "$prefix$2" ]]; then
        say "  $2 (stays as it is)"
    else
        put "$@"
    fi
}

service_install() {
    local prefix="" with_webui=""
    while (($# > 0)); do
        case "$1" in
            --prefix) prefix="${2:?--prefix DIR}" && shift 2 ;;
            --prefix=*) prefix="${1#*=}" && shift ;;
            --open-webui) with_webui=yes && shift ;;
            *) wrong_use "service install does not know \"$1\"" ;;
        esac
    done
    # Packagers say DESTDIR.
    prefix="${prefix:-${DESTDIR:-}}"
    [[ -n "$prefix" ]] || need_root
    say "The program:" && copy_program
    say "Configuration and keys:" && copy_configuration
    say "Units and rules:" && copy_units "$with_webui"
    if [[ -n "$prefix" ]]; then
        say "Laid out below $prefix. Nothing was installed, made or started."
        return
    fi
    make_users "$with_webui"
    systemd-tmpfiles --create "/etc/tmpfiles.d/$unit.conf"
    chown "$unit:$unit" -- /etc/open-llm-router/env
    [[ ! -e /etc/open-llm-router/router.yaml ]] || chgrp "$unit" -- /etc/open-llm-router/router.yaml
    say "Packages, into $program/.venv:"
    "$program/manage.sh" install
    [[ -z "$with_webui" ]] || install_webui_service
    systemctl daemon-reload
    systemctl enable "$unit" ${with_webui:+"$webui_unit"}
    say "" "Audit log: /var/log/open-llm-router; state: /var/lib/open-llm-router." \
        "Put keys into /etc/open-llm-router/env, then: ./manage.sh service start"
}

copy_program() {
    local target="$prefix$program" name
    mkdir -p -- "$target/config"
    if [[ "$here" != "$target" ]]; then
        # A module that is gone from the checkout must be gone there, too.
        rm -rf -- "$target/router"
        tar -C "$here" --exclude=__pycache__ --exclude='*.pyc' -cf - \
            router docs templates systemd manage.sh wsgi.py pyproject.toml README.md LICENSE \
            requirements.txt requirements-open-webui.txt .env.example |
            tar -C "$target" --no-same-owner -xf -
        for name in gunicorn.conf.py router.example.yaml config.example.yml; do
            command install -m 0644 -- "$here/config/$name" "$target/config/$name"
        done
        for name in models.yaml prices.yaml; do
            # Links into router/config in the checkout, files here.
            command install -m 0644 -- "$here/config/$name" "$target/config/$name"
        done
    fi
    # The same lines as in a checkout, with the same meaning: a reload reads keys again.
    ln -sfn -- /etc/open-llm-router/env "$target/.env"
    say "  $program"
}

copy_configuration() {
    local name found="" env_is_new=""
    mkdir -p -- "$prefix/etc/open-llm-router"
    [[ -e "$prefix/etc/open-llm-router/env" ]] || env_is_new=yes
    if [[ -f "$here/.env" && ! "$here/.env" -ef "$prefix/etc/open-llm-router/env" ]]; then
        put_once "$here/.env" /etc/open-llm-router/env 0600
    else
        put_once "$here/.env.example" /etc/open-llm-router/env 0600
    fi
    for name in config/router.yaml config/config.yml config/config.yaml conf/config.yml; do
        [[ ! -f "$here/$name" ]] || { found="$here/$name" && break; }
    done
    if [[ -n "$found" ]]; then
        put_once "$found" /etc/open-llm-router/router.yaml 0640
        [[ -z "$env_is_new" ]] || printf '\nROUTING_CONFIG_PATH=%s\n' \
            /etc/open-llm-router/router.yaml >>"$prefix/etc/open-llm-router/env"
    else
        put "$here/config/router.example.yaml" /etc/open-llm-router/router.example.yaml 0644
    fi
    # The defaults of `start llm-router`, unless .env says something.
    [[ -z "$env_is_new" ]] || printf '\n' >>"$prefix/etc/open-llm-router/env"
    [[ -z "$env_is_new" ]] || for name in LLM_ROUTER_HOST=localhost LLM_ROUTER_PORT=8086; do
        grep -Eq "^[[:space:]]*(export[[:space:]]+)?${name%%=*}[[:space:]]*=" \
            "$prefix/etc/open-llm-router/env" ||
            printf '%s\n' "$name" >>"$prefix/etc/open-llm-router/env"
    done
}

copy_units() {
    local with_webui="$1"
    put "$here/systemd/$unit.service" "/etc/systemd/system/$unit.service" 0644
    put "$here/systemd/sysusers.conf" "/etc/sysusers.d/$unit.conf" 0644
    put "$here/systemd/tmpfiles.conf" "/etc/tmpfiles.d/$unit.conf" 0644
    put "$here/systemd/logrotate.conf" "/etc/logrotate.d/$unit" 0644
    [[ -z "$with_webui" ]] ||
        put "$here/systemd/$webui_unit.service" "/etc/systemd/system/$webui_unit.service" 0644
}

make_users() {
    local name names=("$unit")
    [[ -z "$1" ]] || names+=(open-webui)
    for name in "${names[@]}"; do
        id -- "$name" >/dev/null 2>&1 && continue
        useradd --system --user-group --home-dir "/var/lib/$name" --no-create-home \
            --shell /usr/sbin/nologin "$name"
        say "  user $name"
    done
}

# Open-WebUI runs as another user, who cannot read the gateway's keys.
install_webui_service() {
    "$program/manage.sh" install open-webui
    "$program/.venv/bin/open-llm-router" open-webui --data-dir /var/lib/open-webui \
        --write-env /etc/open-llm-router/open-webui.env
    say "  /etc/open-llm-router/open-webui.env (made of env; delete it and install again to renew)"
}

service_uninstall() {
    need_root
    systemctl disable --now "$unit" "$webui_unit" 2>/dev/null || true
    rm -f -- "/etc/systemd/system/$unit.service" "/etc/systemd/system/$webui_unit.service" \
        "/etc/sysusers.d/$unit.conf" "/etc/tmpfiles.d/$unit.conf" "/etc/logrotate.d/$unit"
    systemctl daemon-reload
    [[ "$here" == "$program" ]] || rm -rf -- "${program:?}"
    if [[ "${1:-}" == --purge ]]; then
        rm -rf -- /etc/open-llm-router /var/log/open-llm-router /var/lib/open-llm-router
        say "Removed, with configuration, keys, logs and state. The users stay."
    else
        say "Removed. Kept: /etc/open-llm-router, /var/log/open-llm-router, /var/lib/open-llm-router"
    fi
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
    "$bin/python" -m pytest -q -n 2 --dist loadfile || failed+=("pytest")
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
        doctor) router doctor "$@" ;;
        init) router init-openwebui "$@" ;;
        scan-models) router scan-models "$@" ;;
        service) service "$@" ;;
        # For `service install`, which runs the installed copy of this script.
        install)
            install requirements.txt
            [[ "${1:-}" != open-webui ]] || install_webui
            ;;
        test) run_tests "$@" ;;
        help | -h | --help) usage ;;
        *) wrong_use "there is no command \"$command\"" ;;
    esac
}

main "$@"
