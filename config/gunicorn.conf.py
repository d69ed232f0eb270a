"""How gunicorn serves the gateway. Settings come from the environment, then from ``.env``.

Nothing of the gateway is imported here: workers must patch the standard library first
(``wsgi.py``).
"""

import os
import signal
from pathlib import Path

from dotenv import dotenv_values

_ROOT = Path(__file__).resolve().parent.parent
_ENV = {**dotenv_values(_ROOT / ".env"), **os.environ}


def _setting(name, default):
    return _ENV.get(name) or default


chdir = str(_ROOT)
wsgi_app = "wsgi:application"
bind = f"{_setting('LLM_ROUTER_HOST', '0.0.0.0')}:{_setting('LLM_ROUTER_PORT', '8000')}"
workers = int(_setting("LLM_ROUTER_WORKERS", _setting("WEB_CONCURRENCY", "1")))
worker_class = "router.gunicorn_worker.Worker"
# Streams hold their connection for minutes; beyond this, new ones wait in the backlog.
worker_connections = int(_setting("LLM_ROUTER_CONNECTIONS", "2000"))
backlog = 2048
# Also the deadline for a request's headers: with 0 there would be none at all.
keepalive = 5
# The longest stream that survives a SIGTERM. systemd's TimeoutStopSec must exceed it.
graceful_timeout = int(_setting("LLM_ROUTER_GRACEFUL_TIMEOUT", "120"))
timeout = 60
# A signed-in user's JWT can exceed the default of 8,190 bytes.
limit_request_field_size = 17 * 1024
limit_request_line = 8190
# The same parser everywhere, whether or not the optional C one is installed.
http_parser = "python"
# It can reload and stop the server, and two instances of a user would share its path.
control_socket_disable = True
pidfile = _setting("LLM_ROUTER_PIDFILE", str(_ROOT / "run" / "open-llm-router.pid"))
loglevel = _setting("LLM_ROUTER_LOG_LEVEL", "info")
accesslog = None
# max_requests is left out on purpose: a worker that drains takes no new calls meanwhile.

Path(pidfile).parent.mkdir(parents=True, exist_ok=True)

# gunicorn would tell systemd READY=1 before there is a worker; the first one that serves does
# (router.readiness). Under another name its workers still find the socket.
if "NOTIFY_SOCKET" in os.environ:
    os.environ["ROUTER_NOTIFY_SOCKET"] = os.environ.pop("NOTIFY_SOCKET")


# As router.config.settings has it; systemd gives several directories separated by colons.
_STATE = _ROOT / _setting("ROUTER_STATE_DIR", _setting("STATE_DIRECTORY", "run").split(":")[0])
# Every worker keeps its counts in files here, for any of them to add up. They are mapped
# into memory, so a file system in memory (systemd's RuntimeDirectory) is best.
_METRICS = Path(
    _setting("PROMETHEUS_MULTIPROC_DIR", "")
    or Path(_setting("RUNTIME_DIRECTORY", str(_STATE)).split(":")[0]) / "metrics"
)


def _share_metrics():
    """Let workers share their counts; prometheus_client looks for this as it is imported."""
    try:
        _METRICS.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError:
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # each worker counts for itself
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_METRICS)


_share_metrics()


def _forget_counts(pattern):
    for path in _METRICS.glob(pattern):
        path.unlink(missing_ok=True)


def on_starting(server):
    """Forget the last run: its counts, and its last good configuration.

    Without the latter a first start with a bad file fails loudly.
    """
    (_STATE / "last-good" / "sources.json").unlink(missing_ok=True)
    _forget_counts("*.db")


def when_ready(server):
    """Make SIGHUP to the master a reload inside the workers.

    gunicorn's own would replace the workers: streams longer than graceful_timeout are
    cut, and a bad configuration file would end the whole service.
    """

    def forward_hup():
        server.log.info("SIGHUP: every worker reloads its configuration")
        for pid in list(server.WORKERS):
            server.kill_worker(pid, signal.SIGHUP)

    server.handle_hup = forward_hup


def child_exit(server, worker):
    """Forget a dead worker: reloads do not wait for it, and it has nothing in flight.

    What it counted stays, as in router.observe.metrics.forget_worker, which cannot be
    imported here.
    """
    (_STATE / "workers" / f"{worker.pid}.json").unlink(missing_ok=True)
    _forget_counts(f"gauge_live*_{worker.pid}.db")
