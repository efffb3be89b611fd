"""The table of docs/benchmarks.md out of the figures of the rows."""

import statistics


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def value(figures, figure, unit=""):
    """Median (least to most) of a figure."""
    values = figures.get(figure)
    if not values:
        return "not measured"
    middle = number(statistics.median(values)) + unit
    return middle if len(values) == 1 else f"{middle} ({number(min(values))} to {number(max(values))})"


def markdown(results):
    lines = ["| figure | goal | metalman |", "|---|---|---|"]
    if cycle := results.get("cycle"):
        alive, dead = cycle["all alive"], cycle["ten dead"]
        ratios = [there / here for here, there in zip(alive["p99 s"], dead["p99 s"])]
        lines += [
            f"| machines power-cycled at once | 1,000 | {number(alive['machines'][0])} |",
            f"| all completed, beyond the power waits imposed | ≤ 60 s | {value(alive, 'beyond waits', ' s')} |",
            f"| a machine's cycle, median | | {value(alive, 'p50 s', ' s')} |",
            f"| a machine's cycle, 99th percentile | | {value(alive, 'p99 s', ' s')} |",
            f"| the same, beside ten dead BMCs | within 10 % | {value(dead, 'p99 s', ' s')}, {value({'r': ratios}, 'r')} times |",
            f"| requests to BMCs for that | | {value(alive, 'requests')} |",
            f"| peak resident memory, API server included | < 256 MB | {value(alive, 'peak MB', ' MB')} |",
        ]
    if idle := results.get("idle", {}).get("idle"):
        lines += [
            f"| idle machines | 10,000 | {value(idle, 'machines')} |",
            f"| resident memory, API server included | < 300 MB | {value(idle, 'resident MB', ' MB')} |",
            f"| of one core | < 5 % | {value(idle, 'core %', ' %')} |",
            f"| requests to BMCs a second | steady | {value(idle, 'BMC requests/s')} |",
            f"| writes to the API server a second | steady | {value(idle, 'API writes/s')} |",
        ]
    return "\n".join(lines)
