from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from router.state.host_secret import host_secret


def test_all_workers_get_the_same_secret_in_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "state" / "affinity.key"
    secret = host_secret(path)
    assert len(secret) == 32
    assert host_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["affinity.key"]


def test_the_worker_that_comes_second_takes_the_secret_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "affinity.key"
    first: list[bytes] = []

    def overtaken(count: int) -> bytes:
        first.append(b"\x01" * count)
        path.write_text(first[0].hex())
        return b"\x02" * count

    assert host_secret(path, overtaken) == first[0]


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "affinity.key"
    path.write_text("abc")
    assert host_secret(path) == host_secret(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_rights_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="ermission"):
        host_secret(tmp_path / "affinity.key")
