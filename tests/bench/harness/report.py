# SPDX-License-Identifier: Apache-2.0
"""Arguments, rounds and tables of the benchmark programs."""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from harness.process import FIRST, Failed, Missing, prefer_self

SKIPPED = 77
QUIET_LOAD = 0.5
# Worse than its bar by more than this fails with --gate; the machine's own noise is below it.
GATE = 1.15


@dataclasses.dataclass
class Row:
    """A figure and its bar; `at_most` says which side of the bar is good."""
    what: str
    figure: float
    unit: str
    bar: float
    at_most: bool
    note: str = ""

    def excess(self):
        """1 or less: the bar is met."""
        if self.at_most:
            return self.figure / self.bar
        return self.bar / self.figure if self.figure > 0 else float("inf")

    def cells(self, smoke):
        sign = "<=" if self.at_most else ">="
        excess = self.excess()
        verdict = "met" if excess <= 1 else f"MISSED by {(excess - 1) * 100:.0f}%"
        figure = f"{self.figure:.0f}" if abs(self.figure) >= 1000 else f"{self.figure:.3g}"
        return [self.what, figure + self.unit, f"{sign} {self.bar:g}{self.unit}",
                "not judged" if smoke else verdict, self.note]


def print_table(rows, smoke):
    """In a smoke run the figures mean nothing."""
    cells = [["figure", "measured", "bar", "", ""]] + [row.cells(smoke) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def arguments(description, *, peers=False, priority=FIRST):
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true",
                        help="a few requests, to see that it works; its figures mean nothing")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--weir", help="the weir binary (default: WEIR_BIN, else the newest build)")
    parser.add_argument("--bare-server", help="the bare_server binary (default: the newest build)")
    parser.add_argument("--simulator", help="the weir-simulator binary (default: the newest build)")
    parser.add_argument("--wait-quiet", type=float, default=0, metavar="SECONDS",
                        help=f"wait so long for a load average below {QUIET_LOAD}")
    parser.add_argument("--gate", action="store_true",
                        help="fail if a figure is worse than its bar by more than 15%%")
    parser.add_argument("--rows", help="also append the table to this file, as JSON lines")
    if peers:
        parser.add_argument("--without-weir", action="store_true",
                            help="only the proxies Weir is compared with")
    options = parser.parse_args()
    if options.smoke:
        options.rounds = 1
    else:
        prefer_self(priority)
    return options


def wait_quiet(seconds):
    deadline = time.monotonic() + seconds
    while os.getloadavg()[0] >= QUIET_LOAD and time.monotonic() < deadline:
        time.sleep(5)
    if (load := os.getloadavg()[0]) >= QUIET_LOAD:
        print(f"note: the load average is {load:.2f}; something else runs on this machine")


def interleave(rounds, subjects):
    """Calls each subject once per round; returns the results by name, in rounds."""
    results = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, measure in subjects.items():
            results[name].append(measure())
    return results


def median_ratio(subject, reference):
    """Both by rounds: of the two halves of one round only, because the clock drifts."""
    return statistics.median(a / b for a, b in zip(subject, reference))


def spread(values):
    values = list(values)
    return f"{min(values):.3g}-{max(values):.3g}"


def run_program(name, options, measure):
    """Runs `measure(options, directory)`, which returns rows; prints them and ends the program."""
    # What was started ends with it, also when somebody's patience does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        wait_quiet(options.wait_quiet)
        with tempfile.TemporaryDirectory(prefix=f"weir-{name}-") as directory:
            with contextlib.ExitStack() as stack:
                rows = measure(options, pathlib.Path(directory), stack)
    except Missing as missing:
        print(f"SKIPPED {name}: {missing}")
        sys.exit(SKIPPED)
    except (Failed, subprocess.TimeoutExpired) as failure:
        print(f"FAILED {name}: {failure}", file=sys.stderr)
        sys.exit(1)
    print_table(rows, options.smoke)
    if options.rows:
        with open(options.rows, "a") as file:
            file.writelines(json.dumps(dataclasses.asdict(row)) + "\n" for row in rows)
    worst = max((row.excess() for row in rows), default=0)
    sys.exit(1 if options.gate and not options.smoke and worst > GATE else 0)
