"""Boot servers side by side with the peers that they replace; called by `script/bench boot`."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from rows import ROWS, Bench
from runner import measure, unwinding
from table import markdown

PROGRAMS = {
    "ip": "iproute2", "kea-dhcp4": "kea-dhcp4-server", "perfdhcp": "kea-admin", "dnsmasq": "dnsmasq-base",
    "in.tftpd": "tftpd-hpa", "nginx": "nginx", "curl": "curl",
}


def arguments():
    parser = argparse.ArgumentParser(prog="script/bench boot", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)} [default: all]")
    parser.add_argument("--quick", action="store_true", help="a smoke run: small files, one round; its figures mean nothing")
    parser.add_argument("--rounds", type=int, help="rounds, all servers in each [default: 3]")
    parser.add_argument("--json", type=Path, default=Path("target/bench-boot.json"), help="figures; rows not asked for are kept")
    parser.add_argument("--peers-only", action="store_true", help="without metalman")
    parser.add_argument("--built", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--kubectl", required=True, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if unknown := set(chosen.rows) - set(ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    return chosen


def main():
    chosen = arguments()
    missing = [f"{program} (Debian package {package})" for program, package in PROGRAMS.items() if not shutil.which(program)]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    os.environ["RUST_BACKTRACE"] = "0"
    rounds = chosen.rounds or (1 if chosen.quick else 3)
    metalman = None if chosen.peers_only else str(chosen.built / "metalman")
    apply = Path(__file__).with_name("apply.py")
    bench = Bench(str(chosen.built / "rack"), metalman, chosen.kubectl, apply, chosen.quick, rounds)
    measure(chosen, ROWS, bench, markdown)


if __name__ == "__main__":
    unwinding(main)
