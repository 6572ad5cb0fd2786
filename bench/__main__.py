"""
Run every benchmark on this machine and write the figures to docs/benchmarks.md.

    python -m bench [--only NAME ...] [--no-write | --quick]

Each benchmark is a module of this package with `run(effort) -> list[Figure]`. Machines are noisy:
comparisons are ratios within one run, and nothing here fails for being slow. `--quick` proves in
three minutes that each benchmark runs, and fails where a ratio is below a third of its goal.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import os
import platform
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.effort import FULL, QUICK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.effort import Effort
    from bench.result import Figure

BENCHMARKS: Final = (
    "startup",
    "planning",
    "doctor",
    "sdk_codec",
    "sdk_delivery",
    "sdk_consume",
    "sdk_asks",
    "sdk_exactly_once",
)
PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BEGIN: Final = "<!-- figures: written by `make bench` -->"
END: Final = "<!-- end of figures -->"


def section(name: str, figures: Sequence[Figure]) -> str:
    """A benchmark's figures as Markdown, with date and machine."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d")
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    said = f"Measured {now} on {machine}, at a load of {os.getloadavg()[2]:.1f}."
    lines = [f"### {name}", "", said, "", "| what | figure | goal | reached |", "|---|---|---|---|"]
    lines += [_row(figure) for figure in figures]
    notes = [f"- {f.name}: {f.note}" for f in figures if f.note]
    return "\n".join([*lines, "", *notes, ""] if notes else [*lines, ""])


def _row(figure: Figure) -> str:
    reached = {True: "yes", False: "**no**", None: ""}[figure.met]
    return f"| {figure.name} | {figure.value:.3g} {figure.unit} | {figure.goal or ''} | {reached} |"


def write(sections: Mapping[str, str]) -> None:
    """Put sections into the page, between its marks; those of other benchmarks stay."""
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    old, _, tail = rest.partition(END)
    kept = {text.split(maxsplit=1)[0]: f"### {text}" for text in old.split("\n### ")[1:]}
    merged = kept | dict(sections)
    texts = [merged[name].rstrip() + "\n" for name in BENCHMARKS if name in merged]
    PAGE.write_text("\n".join([head + BEGIN, "", *texts, END]) + tail, encoding="utf-8")


def main(args: Sequence[str]) -> int:
    """Run the chosen benchmarks, print and write what they found; 1 where something broke."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument("--no-write", action="store_true", help="print the figures only")
    parser.add_argument("--quick", action="store_true", help="small sizes; writes nothing")
    options = parser.parse_args(args)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an end that stops what was started
    effort = QUICK if options.quick else FULL
    broken: list[Figure] = []
    for name in options.only:
        figures = measure(name, effort)
        text = section(name, figures)
        print(text, flush=True)
        if not (options.no_write or options.quick):
            write({name: text})  # at once: a later one may fail
        broken += [figure for figure in figures if figure.broken]
    for figure in broken if options.quick else ():
        print(f"{figure.name}: {figure.value:.3g} is below {figure.floor:g}", file=sys.stderr)
    return 1 if broken and options.quick else 0


def measure(name: str, effort: Effort) -> list[Figure]:
    """What one benchmark found; where that says that something broke, what it finds next."""
    run = importlib.import_module(f"bench.{name}").run
    for last in (False, True):
        print(f"measuring {name} ...", flush=True)
        figures: list[Figure] = run(effort)
        if last or effort.is_full or not any(figure.broken for figure in figures):
            break
    return figures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
