"""A rack of simulated machines behind emulated BMCs that answer slowly, or never; called by `script/bench rack`."""

import argparse
import os
import shutil
import sys
from collections import namedtuple
from pathlib import Path

# Namespaces and processes are the other benchmark's.
sys.path.append(str(Path(__file__).resolve().parent.parent / "boot"))

from rows import ROWS  # noqa: E402
from runner import measure, unwinding  # noqa: E402
from table import markdown  # noqa: E402

Bench = namedtuple("Bench", "rack metalman kubectl quick rounds")


def arguments():
    parser = argparse.ArgumentParser(prog="script/bench rack", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)} [default: all]")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few machines, one round; its figures mean nothing")
    parser.add_argument("--rounds", type=int, help="rounds of the power cycles [default: 3]")
    parser.add_argument("--json", type=Path, default=Path("target/bench-rack.json"), help="figures; rows not asked for are kept")
    parser.add_argument("--built", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--kubectl", required=True, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if unknown := set(chosen.rows) - set(ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    return chosen


def main():
    chosen = arguments()
    for program, package in (("ip", "iproute2"), ("curl", "curl")):
        if not shutil.which(program):
            sys.exit(f"not installed: {program} (Debian package {package})")
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    rounds = chosen.rounds or (1 if chosen.quick else 3)
    bench = Bench(str(chosen.built / "rack"), str(chosen.built / "metalman"), chosen.kubectl, chosen.quick, rounds)
    measure(chosen, ROWS, bench, markdown)


if __name__ == "__main__":
    unwinding(main)
