"""Many streams at once on one worker: are all complete, and what do they cost in memory?

python bench/streams.py                    # 1,000 streams of 60 events, one each 0.5 s
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import fault_gateway as fg  # noqa: E402

TIMEOUTS = "timeouts: {first_content_s: 120, idle_s: 120, total_s: 300}\n"
MAX_RSS_MIB = 150


async def one(port: int, request: bytes) -> bool:
    """Read one stream; tell whether it came to its end marker and its last chunk."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    tail = b""
    while b"0\r\n\r\n" not in tail[-5:]:
        part = await reader.read(65536)
        if not part:
            break
        tail = (tail + part)[-400:]
    writer.close()
    return b"data: [DONE]" in tail


async def all_at_once(port: int, count: int, model: str) -> list[bool]:
    body = json.dumps(fg.body_of("chat", model, stream=True)).encode()
    request = fg.head("POST", "/v1/chat/completions", len(body)) + body
    return await asyncio.gather(*(one(port, request) for _ in range(count)))


def peak_mib(pid: int, ends: threading.Event, seen: list[float]) -> None:
    while not ends.wait(0.25):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        seen.append(pages * 4096 / (1 << 20))


def measure(count: int, events: int, pause_ms: int) -> bool:
    model = f"oa/ok+n.{events}+ms.{pause_ms}"
    with (
        tempfile.TemporaryDirectory() as directory,
        fg.upstream() as fake,
        fg.gateway(Path(directory), fg.config(fake, TIMEOUTS)) as gateway,
    ):
        (pid,) = gateway.workers()
        ends, seen = threading.Event(), [0.0]
        threading.Thread(target=peak_mib, args=(pid, ends, seen), daemon=True).start()
        began_s = time.monotonic()
        told = asyncio.run(all_at_once(gateway.port, count, model))
        took_s = time.monotonic() - began_s
        ends.set()
    print(f"{sum(told)} of {count} streams complete, {took_s:.1f} s, peak RSS {max(seen):.0f} MiB")
    return all(told) and max(seen) < MAX_RSS_MIB


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--events", type=int, default=60)
    parser.add_argument("--pause-ms", type=int, default=500)
    options = parser.parse_args()
    sys.exit(0 if measure(options.streams, options.events, options.pause_ms) else 1)
