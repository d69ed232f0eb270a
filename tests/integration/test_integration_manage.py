"""`manage.sh` without an installation: settings, signals and words; hostile names do no harm."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from gateway_process import CHECKOUT

# Stands for the installed command: says how it was called, and with which settings.
FAKE_COMMAND = """#!/bin/sh
echo "$@"
echo "host=${LLM_ROUTER_HOST-unset} port=${LLM_ROUTER_PORT-unset}"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the scripts in a place with a hostile name."""
    place = tmp_path / "a b $(touch hacked) 'c'"
    place.mkdir()
    shutil.copy2(CHECKOUT / "manage.sh", place)
    return place


@pytest.fixture
def installed(checkout: Path) -> Path:
    """Have the script believe that everything is installed."""
    script = checkout / "manage.sh"
    text = script.read_text()
    main_call = 'main "$@"\n'
    assert text.endswith(main_call)
    # The installation itself is tried by starting from a fresh clone.
    script.write_text(text.removesuffix(main_call) + "install() { :; }\n" + main_call)
    command = checkout / ".venv" / "bin" / "open-llm-router"
    command.parent.mkdir(parents=True)
    command.write_text(FAKE_COMMAND)
    command.chmod(0o755)
    return checkout


def manage(
    checkout: Path, *arguments: str, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "manage.sh"), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd or checkout,
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), **env},
        timeout=60,
        check=False,
    )


def started(checkout: Path, *arguments: str, **env: str) -> list[str]:
    done = manage(checkout, "start", "llm-router", *arguments, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_defaults_are_local(installed: Path) -> None:
    assert started(installed) == ["serve", "host=localhost port=8086"]


def test_further_arguments_go_to_the_server(installed: Path) -> None:
    assert started(installed, "--port", "9", "--config", "a b")[0] == "serve --port 9 --config a b"


def test_the_environment_wins(installed: Path) -> None:
    (installed / ".env").write_text("LLM_ROUTER_PORT=1\n")
    assert started(installed, LLM_ROUTER_PORT="2")[1] == "host=localhost port=2"


@pytest.mark.parametrize(
    "line", ["LLM_ROUTER_PORT=1", "export LLM_ROUTER_PORT = '1'", 'LLM_ROUTER_PORT="1" # one\r']
)
def test_what_dotenv_says_is_left_to_the_server(installed: Path, line: str) -> None:
    (installed / ".env").write_text(line)
    assert started(installed)[1] == "host=localhost port=unset"
    assert started(installed, LLM_ROUTER_PORT="")[1] == "host=localhost port=unset"


@pytest.mark.parametrize("line", ["LLM_ROUTER_PORT=", "LLM_ROUTER_PORT=''", "#LLM_ROUTER_PORT=1"])
def test_a_blank_line_of_dotenv_says_nothing(installed: Path, line: str) -> None:
    (installed / ".env").write_text(line)
    assert started(installed)[1] == "host=localhost port=8086"


def test_dotenv_is_read_and_never_executed(installed: Path) -> None:
    marks = "A=$(touch hacked)\n`touch hacked`\nLLM_ROUTER_HOST=$(touch hacked)\ntouch hacked\n"
    (installed / ".env").write_text(marks)
    started(installed)
    assert not list(installed.parent.rglob("hacked"))


def test_it_works_from_anywhere_and_through_a_link(installed: Path, tmp_path: Path) -> None:
    link = tmp_path / "linked"
    link.symlink_to(installed / "manage.sh")
    done = subprocess.run(
        [str(link), "start", "llm-router"],
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        check=False,
    )
    assert done.stdout.splitlines()[0] == "serve"


@pytest.mark.parametrize(
    "arguments",
    [
        ("start", "everything"),
        ("nonsense",),
        ("service",),
        ("service", "fly"),
        ("service", "install", "--nonsense"),
    ],
)
def test_what_it_does_not_know_is_exit_code_2_with_the_usage(
    checkout: Path, arguments: tuple[str, ...]
) -> None:
    done = manage(checkout, *arguments)
    assert done.returncode == 2
    assert "Usage: ./manage.sh" in done.stderr


def test_help_is_given_without_an_installation(checkout: Path) -> None:
    assert "start llm-router" in manage(checkout, "help").stdout
    assert not (checkout / ".venv").exists()


def test_nothing_running_is_told(checkout: Path) -> None:
    assert manage(checkout, "status").returncode == 3
    assert manage(checkout, "stop").returncode == 0
    assert manage(checkout, "reload").returncode == 1


@pytest.mark.parametrize("text", ["", "x", "-1", "999999999", "$(touch hacked)", "another's"])
def test_a_pid_file_left_behind_harms_nobody(checkout: Path, text: str) -> None:
    pid_file = checkout / "run" / "open-llm-router.pid"
    pid_file.parent.mkdir()
    # The number may be another process's by now: here, of the one that runs this test.
    pid_file.write_text(str(os.getpid()) if text == "another's" else text)
    done = manage(checkout, "stop")
    assert done.returncode == 0
    assert "does not run" in done.stderr


def test_a_python_that_is_too_old_is_told(checkout: Path, tmp_path: Path) -> None:
    old = tmp_path / "bin"
    old.mkdir()
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        (old / name).write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit\nexit 1\n')
        (old / name).chmod(0o755)
    done = manage(checkout, "start", "llm-router", PATH=f"{old}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "Python 3.11 or later is needed; python3 here is Python 3.9.2" in done.stderr


def test_a_python_without_venv_is_told_what_to_install(checkout: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "python3").write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n')
    (bare / "python3").chmod(0o755)
    done = manage(checkout, "start", "llm-router", PATH=f"{bare}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("doctor", "--json"), "doctor --json"),
        (("init", "-x"), "init-openwebui -x"),
        (("scan-models", "ollama", "--update"), "scan-models ollama --update"),
    ],
)
def test_verbs_of_the_program_are_passed_on(
    installed: Path, arguments: tuple[str, ...], command: str
) -> None:
    # Nothing else is on the path: no psql, no node, no ollama is asked for.
    done = manage(installed, *arguments, PATH="/usr/bin:/bin")
    assert done.stdout.splitlines() == [command, "host=localhost port=8086"]


def test_ollama_gets_its_lines_of_dotenv_and_they_are_not_executed(installed: Path) -> None:
    binary = installed.parent / "bin" / "ollama"
    binary.parent.mkdir()
    binary.write_text('#!/bin/sh\necho "$@"; env | grep ^OLLAMA_ | sort\n')
    binary.chmod(0o755)
    (installed / ".env").write_text(
        "OLLAMA_MODELS='/a b/$(touch hacked)'\nexport OLLAMA_HOST=gpu:1\nOLLAMA_DEBUG=1\n"
    )
    path = f"{binary.parent}:{os.environ['PATH']}"
    done = manage(installed, "start", "ollama", PATH=path, OLLAMA_DEBUG="2")
    assert done.stdout.splitlines() == [
        "serve",
        "OLLAMA_DEBUG=2",
        "OLLAMA_HOST=gpu:1",
        "OLLAMA_MODELS=/a b/$(touch hacked)",
    ]
    assert not list(installed.parent.rglob("hacked"))


def test_a_service_is_laid_out_below_a_prefix_and_nothing_there_is_overwritten(
    tmp_path: Path,
) -> None:
    place = tmp_path / "it's $(touch hacked)"
    for _ in range(2):
        done = subprocess.run(
            [str(CHECKOUT / "manage.sh"), "service", "install", "--open-webui", "--prefix", place],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        keys = place / "etc" / "open-llm-router" / "env"
        assert keys.stat().st_mode & 0o777 == 0o600
        if "stays as it is" not in done.stderr:
            assert "\nLLM_ROUTER_HOST=localhost\nLLM_ROUTER_PORT=8086\n" in keys.read_text()
            keys.write_text("MINE=1\n")
    assert keys.read_text() == "MINE=1\n"
    program = place / "opt" / "open-llm-router"
    assert (program / ".env").readlink() == Path("/etc/open-llm-router/env")
    for name in ("router/app.py", "config/gunicorn.conf.py", "config/models.yaml", "wsgi.py"):
        assert (program / name).read_bytes() == (CHECKOUT / name).read_bytes()
    for name in (
        "systemd/system/open-llm-router.service",
        "systemd/system/open-llm-router-webui.service",
        "sysusers.d/open-llm-router.conf",
        "tmpfiles.d/open-llm-router.conf",
        "logrotate.d/open-llm-router",
    ):
        assert (place / "etc" / name).is_file()
        assert f"/etc/{name}" in done.stderr
    assert not list(tmp_path.rglob("hacked"))
    assert not list(program.rglob("__pycache__"))
