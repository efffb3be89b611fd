"""The table of docs/benchmarks.md out of the figures of the rows."""

import statistics


def value(figures, server, figure):
    """Median (least to most) of a figure."""
    values = figures.get(server, {}).get(figure)
    if not values:
        return "not measured"
    middle = number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({number(min(values))} to {number(max(values))})"


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(figures, peer, figure, less_is_better=False):
    """metalman's figure to a peer's, round by round: what else the machine did in a round, both felt."""
    ours, theirs = figures.get("metalman", {}).get(figure), figures.get(peer, {}).get(figure)
    if not ours or not theirs:
        return "not measured"
    ratios = [b / a if less_is_better else a / b for a, b in zip(ours, theirs)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else f"{ratios[0]:.2f}"


def line(what, goal, figures, peer, figure, unit="", less_is_better=False):
    cells = [what, goal, *(f"{value(figures, server, figure)}{unit}" for server in ("metalman", peer))]
    return f"| {' | '.join([*cells, peer, ratio(figures, peer, figure, less_is_better)])} |"


def markdown(results):
    """The whole table; rows that were not measured are left out."""
    lines = ["| figure | goal | metalman | peer | which | ratio |", "|---|---|---|---|---|---|"]
    if figures := results.get("dhcp"):
        lines += [
            line("DHCP exchanges/s, own generator", "≥ 10×", figures, "kea", "own"),
            line("DHCP exchanges/s, perfdhcp", "≥ 4× or its ceiling", figures, "kea", "perfdhcp"),
            line("DHCP exchange, p99 at half of each one's maximum", "< 1 ms", figures, "kea", "half p99 ms", " ms", True),
        ]
        for server in ("kea, leases on disk", "reflector"):
            own, theirs = (value(figures, server, figure) for figure in ("own", "perfdhcp"))
            lines.append(f"| the same, once: {server} | | | own {own}, perfdhcp {theirs} | {server} | |")
    for row, what, figure, goal in (
        ("tftp", "TFTP 64 MiB, MB/s", "MB/s", "≥ 2×"),
        ("tftp", "the same, windowsize 16 offered", "windowed MB/s", ""),
        ("tftp-delay", "TFTP 16 MiB at 10 ms, windowsize 16 offered, MB/s", "mb_per_second", "≥ 10×"),
    ):
        if figures := results.get(row):
            lines += [line(what, goal, figures, peer, figure) for peer in ("dnsmasq", "tftpd-hpa")]
    if figures := results.get("http"):
        for clients in ("1", "8", "1 discarding", "8 discarding"):
            for unit in ("MB/s", "MB/CPU-s"):
                goal = "" if "discarding" in clients else "≥ 1×"
                lines.append(line(f"HTTP 1 GiB, clients: {clients}, {unit}", goal, figures, "nginx", f"{clients} {unit}"))
    if figures := results.get("fleet"):
        lines += [
            line("500 machines, last one done", "sooner", figures, "dnsmasq + nginx", "seconds", " s", True),
            line("peak resident memory then", "< 256 MB", figures, "dnsmasq + nginx", "peak MB", " MB", True),
        ]
    return "\n".join(lines)
