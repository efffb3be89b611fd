"""Boot servers side by side with the peers that they replace; called by `script/bench boot`."""

import argparse
import datetime
import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path

from rows import ROWS, Bench
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

    results = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
    for row in chosen.rows or ROWS:
        print(f"{row}:", flush=True)
        start = time.monotonic()
        results[row] = ROWS[row](bench)
        results.setdefault("about", {})[row] = {
            "date": datetime.date.today().isoformat(), "quick": chosen.quick, "rounds": rounds,
            "seconds": round(time.monotonic() - start), "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        }
        # After each row: what was measured is not lost when a later row fails.
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\n{markdown(results)}\n\nfigures of all rounds: {chosen.json}")


# SIGTERM and Ctrl-C unwind, so that namespaces and processes are removed.
if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
