"""What every benchmark of rows does: measures those that are asked for, and keeps and prints their figures."""

import datetime
import json
import os
import platform
import signal
import sys
import time


def measure(chosen, rows, bench, markdown):
    """Measures the chosen rows and prints the table of all figures that are known by now."""
    results = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
    for row in chosen.rows or rows:
        print(f"{row}:", flush=True)
        start = time.monotonic()
        results[row] = rows[row](bench)
        results.setdefault("about", {})[row] = {
            "date": datetime.date.today().isoformat(), "quick": bench.quick, "rounds": bench.rounds,
            "seconds": round(time.monotonic() - start), "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        }
        # After each row: what was measured is not lost when a later row fails.
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\n{markdown(results)}\n\nfigures of all rounds: {chosen.json}")


def unwinding(main):
    """Runs it so that SIGTERM unwinds as Ctrl-C does, and namespaces and processes are removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
