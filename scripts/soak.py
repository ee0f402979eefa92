"""Many visitors at once, for minutes, against a server on this machine: python scripts/soak.py.

Each answer is compared, bit for bit, with the answer to the same request when nobody else was
there. Prints the table of docs/reliability.md and fails if any answer was wrong or absent, if
memory grew, or if there were fewer or later answers than is asked for.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
import os
import random
import re
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gradio_client import Client, handle_file

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from serving import Server, serving  # noqa: E402

PICTURES = ("coffee.jpg", "chelsea_cat.jpg")
GROWTH = 0.05
"""Most by which memory may grow from the first third of the run to its last, median to median."""

ANSWERS_A_MINUTE, SEGMENT_SECONDS = 150, 2.0
"""Least of all answers together, and most that 95 % of labels take, on an idle machine."""

WARM_UPS = 4
PATIENCE_SECONDS = 600
QUEUE_FULL = "queue is full"
BURST = 3
"""Requests of a visitor at once, in the end, when there are more than the queue holds."""

Request = tuple[str, str, tuple[tuple[str, Any], ...]]
"""Endpoint, picture, arguments."""


@dataclass
class Tally:
    """What came of the requests; ``seconds`` by endpoint."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)
    refused_full: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def requests(short_side: int) -> list[Request]:
    """Return the mix: every picture with every named endpoint."""
    small, at = {"short_side": short_side}, {"x": 100, "y": 80}
    asked = [
        ("/segment", small),
        ("/segment", small | {"reach": "window", "window_size": 4}),
        ("/probe", small | at),
        ("/probe", small | {"x": 20, "y": 150, "reach": "hybrid"}),
        ("/profile", small),
        ("/receptive_field", small | at | {"probes": 1}),
        ("/attribute", small | at | {"method": "grad-cam"}),
        ("/what_if", small | at | {"kind": "hide-segment"}),
        ("/compare", small | {"other_reach": "window"}),
        ("/report", small),
    ]
    return [
        (name, picture, tuple(given.items()))
        for (name, given), picture in itertools.product(asked, PICTURES)
    ]


def connect(server: Server) -> Client:
    """Return a visitor who waits; the files of the answers go when the server's go."""
    folder = server.temporary.parent / "answers"
    patient = {"timeout": PATIENCE_SECONDS}
    return Client(server.url, verbose=False, download_files=folder, httpx_kwargs=patient)


def resident_bytes(server: Server) -> int:
    """Return the memory that the server and the processes it started hold; Linux only."""
    total = 0
    for number in family(server):
        status = Path(f"/proc/{number}/status").read_text()
        total += sum(int(n) for n in re.findall(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE))
    return total * 1024


def processor_seconds(server: Server) -> float:
    """Return the processor time that the server and the processes it started have taken."""
    ticks = 0
    for number in family(server):
        values = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        ticks += int(values[11]) + int(values[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def family(server: Server) -> list[int]:
    """Return the numbers of the server's process and of those it started."""
    own = server.process.pid
    children = Path(f"/proc/{own}/task").glob("*/children")
    return [own, *(int(number) for file in children for number in file.read_text().split())]


def ask(client: Client, request: Request) -> tuple[Any, list[bytes]]:
    """Return the JSON of an answer, without the seconds it took, and the content of its files."""
    name, picture, given = request
    sent = handle_file(str(ROOT / "assets" / "examples" / picture))
    found, *files = client.predict(picture=sent, api_name=name, **dict(given))
    paths = [path for given in files for path in (given if isinstance(given, list) else [given])]
    return _untimed(found), [_bytes(Path(path)) for path in paths]


@dataclass
class Watch:
    """What the server takes while visitors are there: bytes of memory, looked at every second."""

    memory: list[int] = field(default_factory=list)
    processor_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        """Memory in the last third of the run over that in the first, minus 1."""
        third = max(1, len(self.memory) // 3)
        return float(np.median(self.memory[-third:]) / np.median(self.memory[:third]) - 1)


def soak(server: Server, visitors: int, minutes: float, short_side: int) -> tuple[Tally, Watch]:
    """Return what happened, and what the server took for it."""
    mix = requests(short_side)
    client = connect(server)
    serial = {request: ask(client, request) for request in mix}
    _crowd(server, visitors, lambda: False, mix, serial, Tally(), rounds=WARM_UPS)
    tally, watch, over = Tally(), Watch(), threading.Event()
    start, used = time.monotonic(), processor_seconds(server)

    def look() -> None:
        while not over.wait(1):
            watch.memory.append(resident_bytes(server))

    watcher = threading.Thread(target=look)
    watcher.start()
    end = start + minutes * 60
    _crowd(server, visitors, lambda: time.monotonic() > end, mix, serial, tally)
    over.set()
    watcher.join()
    watch.seconds = time.monotonic() - start
    watch.processor_seconds = processor_seconds(server) - used
    return tally, watch


def burst(server: Server, count: int, short_side: int) -> Tally:
    """Return what came of ``count`` visitors who all ask at the same time."""
    (request, *_), tally = requests(short_side), Tally()
    serial = {request: ask(connect(server), request)}
    _crowd(server, count, lambda: False, [request], serial, tally, rounds=1)
    return tally


def _crowd(server, visitors, over, mix, serial, tally, rounds=None) -> None:
    start = threading.Barrier(visitors)
    threads = [
        threading.Thread(
            target=_visit, args=(server, seed, start, over, mix, serial, tally, rounds)
        )
        for seed in range(visitors)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _visit(server, seed, start, over, mix, serial, tally, rounds) -> None:
    """Once everybody is there, send requests one after the other, in an order of one's own."""
    order, client = random.Random(seed), connect(server)
    start.wait(PATIENCE_SECONDS)
    for _ in itertools.count() if rounds is None else range(rounds):
        if over():
            return
        request, sent = order.choice(mix), time.monotonic()
        try:
            same = ask(client, request) == serial[request]
            problem = None if same else "another answer than alone"
        except Exception as error:
            problem = str(error) or type(error).__name__
        with tally.lock:
            if problem and QUEUE_FULL in problem.lower():
                tally.refused_full += 1
                continue
            tally.seconds[request[0]].append(time.monotonic() - sent)
            if problem:
                tally.failures.append(f"{request}: {problem}")


def table(tally: Tally) -> str:
    """Return the figures of every endpoint as a Markdown table."""
    lines = ["| endpoint | requests | median s | p95 s | longest s |", "|---|---|---|---|---|"]
    for name, seconds in sorted(tally.seconds.items()):
        middle, high = np.percentile(seconds, [50, 95])
        lines.append(
            f"| `{name}` | {len(seconds)} | {middle:.1f} | {high:.1f} | {max(seconds):.1f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Run it and return 1 when anything was not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="how long, after the warm-up")
    parser.add_argument("--visitors", type=int, default=16, help="how many at once")
    parser.add_argument("--short-side", type=int, default=128, help="pixels the network sees")
    parser.add_argument(
        "--answers", type=float, default=ANSWERS_A_MINUTE, help="least a minute; 0: any"
    )
    parser.add_argument(
        "--segment-seconds",
        type=float,
        default=SEGMENT_SECONDS,
        help="most for 95 %% of the labels",
    )
    args = parser.parse_args()
    flags = ("--weights", "default", "--queue-size", str(args.visitors), "--threads", "1")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), *flags) as server:
        tally, watch = soak(server, args.visitors, args.minutes, args.short_side)
        full = burst(server, BURST * args.visitors, args.short_side)
    total = sum(map(len, tally.seconds.values()))
    a_minute = 60 * total / watch.seconds
    labels = np.percentile(tally.seconds["/segment"] or [np.inf], [50, 95])
    print(f"{args.visitors} visitors, {args.minutes:g} minutes, short side {args.short_side}, ")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[1]:.1f} at the end (5 minutes)\n")
    print(table(tally))
    print(f"\n{total} answers, {a_minute:.0f} a minute, {len(tally.failures)} wrong or failed")
    print(f"/segment: median {labels[0]:.1f} s, 95th percentile {labels[1]:.1f} s")
    print(
        f"processor: {watch.processor_seconds / max(total, 1):.2f} s an answer, "
        f"{watch.processor_seconds / watch.seconds:.2f} cores of the server's"
    )
    print(
        f"{BURST * args.visitors} at once: {full.refused_full} told that the queue is full, "
        f"{len(full.seconds['/segment'])} answered, {len(full.failures)} wrong or failed"
    )
    first, last = watch.memory[0] / 2**20, watch.memory[-1] / 2**20
    print(f"memory {first:.0f} MiB at first, {last:.0f} MiB at last, {watch.growth:+.1%}")
    failures = tally.failures + full.failures
    for failure in failures[:10]:
        print(failure, file=sys.stderr)
    good = total and full.refused_full and not failures and not tally.refused_full
    fast = a_minute >= args.answers and labels[1] <= args.segment_seconds
    return 0 if good and fast and watch.growth <= GROWTH else 1


def _bytes(path: Path) -> bytes:
    """Return the content of a file; of an NPZ its arrays, since its zip has the time in it.

    Of a table what took how long is left out, as it is of the JSON.
    """
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        return json.dumps(_untimed(rows)).encode()
    if path.suffix != ".npz":
        return path.read_bytes()
    with np.load(path) as arrays:
        return b"".join(name.encode() + arrays[name].tobytes() for name in sorted(arrays.files))


def _untimed(content: Any) -> Any:
    """Return parsed JSON without the values that say how long something took."""
    if isinstance(content, list):
        return [_untimed(item) for item in content]
    if isinstance(content, dict):
        return {k: _untimed(v) for k, v in content.items() if not k.endswith("seconds")}
    return content


if __name__ == "__main__":
    sys.exit(main())
