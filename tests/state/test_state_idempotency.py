"""One call for each key, whoever asks, and what is kept of it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from router.state.idempotency import KEPT_S, IdempotentAnswers, StoredAnswer

KEY, BODY = b"key", b"body"
ANSWER = StoredAnswer(200, "{}", b"hello")


def answers(path: Path, **options: object) -> IdempotentAnswers:
    return IdempotentAnswers(path / "state" / "keys.sqlite", **options)  # type: ignore[arg-type]


def test_the_first_claims_and_the_next_waits(tmp_path: Path) -> None:
    store = answers(tmp_path)
    assert store.claim(KEY, BODY, 0.0) == "claimed"
    assert store.claim(KEY, BODY, 1.0) == "running"


def test_of_many_at_once_one_claims(tmp_path: Path) -> None:
    stores = [answers(tmp_path) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        claims = list(pool.map(lambda store: store.claim(KEY, BODY, 0.0), stores))
    assert sorted(map(str, claims)) == ["claimed"] + ["running"] * 15


_WORKER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from router.state.idempotency import IdempotentAnswers

print("ready", flush=True)
for line in sys.stdin:
    store = IdempotentAnswers(Path(line.strip()))
    with ThreadPoolExecutor(8) as pool:
        keys = [f"{sys.argv[1]}-{number}".encode() for number in range(8)]
        claims = list(pool.map(lambda key: store.claim(key, b"body", 0.0), keys))
    print(claims == ["claimed"] * 8, flush=True)
"""


def test_workers_that_need_the_file_first_at_the_same_time_all_get_it(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for number in range(4)
    ]
    said: list[str] = []
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for number in range(10):  # SQLite itself does not wait for its switch to WAL
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write(f"{tmp_path / str(number) / 'keys.sqlite'}\n")
                worker.stdin.flush()
            said += [worker.stdout.readline() for worker in workers if worker.stdout]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    assert set(said) == {"True\n"}


def test_a_success_is_kept_for_two_minutes(tmp_path: Path) -> None:
    store = answers(tmp_path)
    store.claim(KEY, BODY, 0.0)
    store.store(KEY, ANSWER, 5.0)
    assert store.claim(KEY, BODY, 5.0 + KEPT_S - 0.1) == ANSWER
    assert store.claim(KEY, BODY, 5.0 + KEPT_S) == "claimed"


def test_another_body_is_refused_while_running_and_after(tmp_path: Path) -> None:
    store = answers(tmp_path)
    store.claim(KEY, BODY, 0.0)
    assert store.claim(KEY, b"other", 0.0) == "other_body"
    store.store(KEY, ANSWER, 0.0)
    assert store.claim(KEY, b"other", 0.0) == "other_body"
    assert store.claim(b"other key", b"other", 0.0) == "claimed"


def test_a_released_claim_is_free(tmp_path: Path) -> None:
    store = answers(tmp_path)
    store.claim(KEY, BODY, 0.0)
    store.release(KEY)
    assert store.claim(KEY, b"other", 0.0) == "claimed"


def test_a_release_does_not_take_a_stored_answer(tmp_path: Path) -> None:
    store = answers(tmp_path)
    store.claim(KEY, BODY, 0.0)
    store.store(KEY, ANSWER, 0.0)
    store.release(KEY)
    assert store.claim(KEY, BODY, 0.0) == ANSWER


def test_a_claim_dies_with_its_process(tmp_path: Path) -> None:
    answers(tmp_path).claim(KEY, BODY, 0.0)
    survivor = answers(tmp_path, is_alive=lambda pid: pid != os.getpid())
    assert survivor.claim(KEY, BODY, 1.0) == "claimed"


def test_a_claim_ends_with_its_lease(tmp_path: Path) -> None:
    store = answers(tmp_path, lease_s=10.0)
    store.claim(KEY, BODY, 0.0)
    assert store.claim(KEY, BODY, 9.9) == "running"
    assert store.claim(KEY, BODY, 10.0) == "claimed"


def test_what_is_kept_is_the_owners_alone(tmp_path: Path) -> None:
    answers(tmp_path).claim(KEY, BODY, 0.0)
    files = list((tmp_path / "state").iterdir())
    assert files
    assert {file.stat().st_mode & 0o077 for file in files} == {0}


def test_expired_words_are_wiped_from_the_file(tmp_path: Path) -> None:
    store = answers(tmp_path)
    store.claim(KEY, BODY, 0.0)
    store.store(KEY, StoredAnswer(200, "{}", b"a secret word" * 10), 0.0)
    store.claim(b"later", BODY, 1000.0)
    kept = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())
    assert b"a secret word" not in kept


def test_a_file_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    store = answers(tmp_path)
    store.claim(KEY, BODY, 0.0)
    for file in (tmp_path / "state").iterdir():
        file.unlink()
    assert store.claim(KEY, BODY, 0.0) == "claimed"
