"""The rows of the table. A row starts each server in turn, several rounds, lets the same client measure it, and returns lists of
figures: {server: {figure: [one for each round]}}."""

import hashlib
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import servers
from net import FIRST, RELAY, SERVER, Failed, Net, await_true

MIB = 1 << 20
TOLERATED = 0.01


class Bench:
    """What every row needs."""

    def __init__(self, rack, metalman, kubectl, apply, quick, rounds):
        self.rack, self.quick, self.rounds = rack, quick, rounds
        self._metalman = (metalman, kubectl, apply) if metalman else None

    def contestants(self, machines, **peers):
        """The peers, and metalman first unless it is left out."""
        ours = {"metalman": servers.metalman(*self._metalman, machines)} if self._metalman else {}
        return {**ours, **peers}

    def each_round(self, net, files, contestants, measure, figures, rounds=None):
        """Runs every contestant once a round, one at a time; adds what `measure(process, name)` returns to the figures."""
        for number in range(rounds or self.rounds):
            for name, start in contestants.items():
                process = start(net, files)
                try:
                    for figure, value in measure(process, name).items():
                        figures.setdefault(name, {}).setdefault(figure, []).append(value)
                finally:
                    net.stop(process)
                print(f"  round {number + 1} {name}: {brief(figures[name])}", flush=True)
        return figures


def brief(figures):
    """The latest figures, for the one who waits."""
    return "  ".join(f"{name} {values[-1]:.4g}" for name, values in figures.items() if isinstance(values[-1], (int, float)))


def content(folder, name, size):
    """A file whose blocks all differ, so that a wrong order is seen; its SHA-256. It compresses well, so that packing is quick."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with (folder / name).open("wb") as file:
        for number in range(size // MIB):
            block = b"".join(f"{name} {number:08x} {page:08x}\n".encode().ljust(64, b".") * 64 for page in range(256))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def files_of(net, **sizes):
    """A netboot image's folder with these files (MiB) and a loader; its disk folder and their hashes."""
    disk = net.folder / "image" / "disk"
    hashes = {name: content(disk, name, size * MIB) for name, size in {"loader": 1, **sizes}.items()}
    (disk / "metadata.yaml").write_text("dhcpBootImageName: loader\n")
    return disk, hashes


# DHCP


def dhcp(bench):
    clients = 512 if bench.quick else 4096
    seconds = "0.5" if bench.quick else "1.5"
    net, figures = Net(bench.rack), {}
    try:
        files, _ = files_of(net)
        macs = net.folder / "macs"
        macs.write_text("".join(servers.mac(i) + "\n" for i in range(clients)))
        guesses = {}

        def answering():
            trial = net.load(*target, "--clients", clients, "--rate", "500", "--seconds", "0.2")
            return trial["drops"] == 0

        target = ("dhcp", "--server", f"{SERVER}:67", "--relay", RELAY)

        def measure(process, name):
            await_true(f"{name} to answer DHCP", 60, lambda: net.alive(process) and answering())
            start, growth = (guesses[name] * 0.9, 1.15) if name in guesses else (4000, 2)
            search = ("--start", f"{start:.0f}", "--growth", growth, "--seconds", seconds, "--clients", clients)
            found = net.load(*target, *search)
            if found["best"] is None:
                raise SystemExit(f"{name} drops 1 % or more at any rate: {found['trials']}")
            best, half = found["best"], found["half"]
            guesses[name] = best["rate"]
            theirs = perfdhcp(net, macs, 1 if bench.quick else 2, guesses.get(f"{name} perfdhcp"))
            guesses[f"{name} perfdhcp"] = theirs
            return {
                "own": best["completed_rate"], "perfdhcp": theirs, "half": half["rate"],
                "half p50 ms": half["exchange"]["p50_ms"], "half p99 ms": half["exchange"]["p99_ms"],
                "peak MB": net.usage(process)["peak_bytes"] / 1e6,
            }

        contestants = bench.contestants(clients, kea=servers.kea(clients))
        bench.each_round(net, files, contestants, measure, figures)
        once = {"kea, leases on disk": servers.kea(clients, persist=True), "reflector": servers.reflector}
        return bench.each_round(net, files, once, measure, figures, rounds=1)
    finally:
        net.close()


def perfdhcp(net, macs, seconds, guess):
    """The largest rate of completed exchanges at which perfdhcp sees under 1 % drops. It is asked for ever more, and then for the
    middle between pass and failure; what counts is what it did, as it does not keep up with what it is asked for."""
    best, passed, failed, rate = 0, 0, None, guess * 0.9 if guess else 2000
    while failed is None or failed - passed > 0.04 * failed:
        trials = [perfdhcp_trial(net, macs, seconds, rate, mode) for mode in ("single", "multi")]
        good = [completed for completed, drops in trials if drops < TOLERATED]
        gained = max(good, default=0)
        # Past its own ceiling it is only noise that differs.
        if good and gained > best * 1.01:
            best, passed = gained, rate
        else:
            failed, best = rate, max(best, gained)
        if failed is None:
            rate *= 1.15 if guess else 2
        else:
            rate = (passed + failed) / 2 if passed else failed / 2
        if rate < 10:
            raise SystemExit(f"perfdhcp sees 1 % drops or more at any rate; last {trials}")
    return best


def perfdhcp_trial(net, macs, seconds, rate, mode):
    """Exchanges completed a second, and the share that was not."""
    command = ["perfdhcp", "-4", "-l", RELAY, "-M", macs, "-g", mode, "-r", round(rate), "-p", seconds, "-W", 500_000, SERVER]
    done = subprocess.run(["ip", "netns", "exec", net.client, *map(str, command)], capture_output=True, text=True, timeout=60)
    # 3: some exchanges were dropped.
    if done.returncode not in (0, 3):
        raise Failed(f"perfdhcp: {done.stdout}{done.stderr}")
    numbers = {what: list(map(int, re.findall(rf"{what} packets: (\d+)", done.stdout))) for what in ("sent", "received")}
    began, completed = numbers["sent"][0], numbers["received"][1]
    return completed / seconds, 1 - completed / max(began, 1)


# TFTP


def tftp_request(file, digest, windowsize, port=69):
    return (
        "tftp", "--server", f"{SERVER}:{port}", "--from", FIRST, "--file", file, "--blksize", "1468",
        "--windowsize", windowsize, "--sha256", digest,
    )


def tftp(bench):
    net = Net(bench.rack)
    try:
        size = 4 if bench.quick else 64
        files, hashes = files_of(net, kernel=size)

        def measure(process, name):
            ready = lambda: net.load(*tftp_request("loader", hashes["loader"], 1))  # noqa: E731
            await_true(f"{name} to answer TFTP", 120, lambda: net.alive(process) and ready())
            plain = net.load(*tftp_request("kernel", hashes["kernel"], 1))
            windowed = net.load(*tftp_request("kernel", hashes["kernel"], 16))
            return {
                "MB/s": plain["mb_per_second"], "windowed MB/s": windowed["mb_per_second"],
                "windowsize": windowed["windowsize"], "timeouts": plain["timeouts"] + windowed["timeouts"],
            }

        contestants = bench.contestants(8, dnsmasq=servers.dnsmasq(), **{"tftpd-hpa": servers.tftpd_hpa()})
        return bench.each_round(net, files, contestants, measure, {})
    finally:
        net.close()


def tftp_delay(bench):
    """One block at a time and 10 ms for each takes the peers minutes, and next to no CPU. So all their rounds run at once, on
    ports of their own through the same relay; metalman's follow, one by one, without that company."""
    net, figures = Net(bench.rack, delay_ms=10), {}
    try:
        size = 1 if bench.quick else 16
        files, hashes = files_of(net, kernel=size)

        def read(port, file="kernel"):
            return net.load(*tftp_request(file, hashes[file], 16, port), timeout=900)

        def note(name, report):
            for figure in ("mb_per_second", "seconds", "windowsize", "timeouts"):
                figures.setdefault(name, {}).setdefault(figure, []).append(report[figure])

        peers = {"tftpd-hpa": (servers.tftpd_hpa(1069), 1069), "dnsmasq": (servers.dnsmasq(), 69)}
        started = {name: (start(net, files), port) for name, (start, port) in peers.items()}
        for name, (process, port) in started.items():
            await_true(f"{name} to answer TFTP", 60, lambda: net.alive(process) and read(port, "loader"))
        with ThreadPoolExecutor(16) as pool:
            reads = [(name, pool.submit(read, port)) for name, (_, port) in started.items() for _ in range(bench.rounds)]
            for name, one in reads:
                note(name, one.result())
        for process, _ in started.values():
            net.stop(process)

        for start in bench.contestants(8).values():
            process = start(net, files)
            await_true("metalman to answer TFTP", 120, lambda: net.alive(process) and read(69, "loader"))
            for _ in range(bench.rounds):
                note("metalman", read(69))
            net.stop(process)
        return figures
    finally:
        net.close()


# HTTP


def http(bench):
    net = Net(bench.rack)
    try:
        size = 64 if bench.quick else 1024
        files, hashes = files_of(net, disk=size)
        target = ("http", "--server", f"{SERVER}:{servers.HTTP_PORT}", "--from", FIRST, "--path", "/disk")

        def measure(process, name):
            whole = lambda: net.load(*target, "--sha256", hashes["disk"])  # noqa: E731
            await_true(f"{name} to serve the file", 300, lambda: net.alive(process) and whole())
            figures = {}
            for clients, rounds in ((1, 4), (8, 1)):
                for how in ((), ("--discard",)):
                    seen = net.load(*target, "--clients", clients, "--rounds", rounds, "--server-pid", process.pid, *how)
                    label = f"{clients}{' discarding' if how else ''}"
                    figures[f"{label} MB/s"] = seen["mb_per_second"]
                    figures[f"{label} MB/CPU-s"] = seen["mb_per_cpu_second"]
            return {**figures, "peak MB": net.usage(process)["peak_bytes"] / 1e6}

        return bench.each_round(net, files, bench.contestants(8, nginx=servers.nginx), measure, {})
    finally:
        net.close()


# Everything at once


def fleet(bench):
    net = Net(bench.rack)
    try:
        machines, size = (50, 8) if bench.quick else (500, 64)
        files, hashes = files_of(net, disk=size)

        def boot(process, name, peer=None):
            def ready():
                net.load(*tftp_request("loader", hashes["loader"], 1))
                net.load("http", "--server", f"{SERVER}:{servers.HTTP_PORT}", "--from", FIRST, "--path", "/disk", "--sha256", hashes["disk"])
                return True

            await_true(f"{name} to serve", 120, lambda: net.alive(process) and ready())
            seen = net.load(
                "boot", "--server", SERVER, "--http-port", servers.HTTP_PORT, "--relay", RELAY, "--machines", machines,
                "--first", FIRST, "--tftp-file", "loader", "--http-path", "/disk", "--windowsize", "16", timeout=600,
            )
            if seen["failed"]:
                raise SystemExit(f"{name}: {seen['failed']} machines did not boot: {seen['failures']}")
            peaks = [net.usage(one)["peak_bytes"] / 1e6 for one in (process, peer) if one]
            return {
                "seconds": seen["seconds"], "peak MB": sum(peaks), "DHCP repeated": seen["dhcp_repeated"],
                "TFTP timeouts": seen["tftp_timeouts"], "DHCP done, last, s": seen["steps"]["dhcp"]["max_ms"] / 1e3,
                "TFTP median s": seen["steps"]["tftp"]["p50_ms"] / 1e3, "HTTP median s": seen["steps"]["http"]["p50_ms"] / 1e3,
            }

        def measure(process, name):
            if name == "metalman":
                return boot(process, name)
            files_server = servers.nginx(net, files)
            try:
                return boot(process, name, files_server)
            finally:
                net.stop(files_server)

        contestants = bench.contestants(machines, **{"dnsmasq + nginx": servers.dnsmasq(machines)})
        return bench.each_round(net, files, contestants, measure, {})
    finally:
        net.close()


ROWS = {"dhcp": dhcp, "tftp": tftp, "tftp-delay": tftp_delay, "http": http, "fleet": fleet}
