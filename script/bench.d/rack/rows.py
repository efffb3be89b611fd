"""The rows of the table: each starts a metalman and a rack of its own, and returns its figures."""

import ctypes
import ipaddress
import json
import math
import re
import signal
import subprocess
import threading
import time

from cluster import Cluster
from net import FIRST, RELAY, SERVER, Failed, Net, await_true, run

HTTP_PORT = 8880
BMCS = "10.65.0.0"
POWER_MS = 2000
# Machines of one `rack serve`: each takes two descriptors, and a process may have 20,000 of them.
EACH = 5000
# <sched.h>; Python has setns only since 3.12.
CLONE_NEWNET = 0x40000000


class Rack(Net):
    """metalman in one namespace, `rack serve` in the other, in processes of their own: what is measured is metalman alone,
    with its API server."""

    def __init__(self, rack, metalman, kubectl):
        super().__init__(rack)
        self.binary, self.kubectl = metalman, kubectl
        run("ip", "-n", self.client, "route", "add", "local", f"{BMCS}/16", "dev", "lo")
        run("ip", "-n", self.server, "route", "add", f"{BMCS}/16", "via", RELAY)
        self.fleets = []
        self.image = self._image()
        self.metalman = self._metalman()

    def _image(self):
        disk = self.folder / "image" / "disk"
        disk.mkdir(parents=True)
        (disk / "metadata.yaml").write_text("dhcpBootImageName: loader\n")
        (disk / "loader").write_bytes(b"loader" * 1000)
        layout = self.folder / "layout"
        self.inside(self.server, self.binary, "image", "build", disk.parent, "-t", "bench:1", "-o", f"oci:{layout}")
        return f"oci:{layout}:1"

    def _metalman(self):
        state = self.folder / "state"
        process = self.serve(
            "metalman", self.binary, "serve-pxe", "--standalone", state, "--cache-dir", self.folder / "cache", "--bind-address",
            SERVER, "--serve-url", f"http://{SERVER}:{HTTP_PORT}", environment={"RUST_LOG": "warn"},
        )
        ready = lambda: self.inside(self.server, "curl", "-fsS", f"http://{SERVER}:8081/readyz")  # noqa: E731
        await_true("metalman to be ready", 60, lambda: self.alive(process) and (ready() or True))
        self.kubeconfig = state / "kubeconfig"
        view = self.inside(self.server, self.kubectl, "--kubeconfig", self.kubeconfig, "config", "view", "--raw", "-o", "json")
        self.view = view
        return process

    def machines(self, count, *arguments):
        """Starts `rack serve`, as often as descriptors demand, and waits until its Machines are registered."""
        for first in range(0, count, EACH):
            number = len(self.fleets)
            log, relay = self.folder / f"rack-{number}.log", f"10.64.1.{number + 1}"
            run("ip", "-n", self.client, "address", "add", f"{relay}/16", "dev", "wire")
            address = lambda base: ipaddress.IPv4Address(base) + first  # noqa: E731
            command = [
                "ip", "netns", "exec", self.client, self.rack, "serve", "--machines", min(EACH, count - first), "--number", first,
                "--server", SERVER, "--relay", relay, "--first", address(FIRST), "--bmc", f"{address(BMCS)}:8000", "--power-ms",
                POWER_MS, "--post-ms", 1000, "--start-ms", 1000, "--heartbeat", 0, "--silent", "--running", "--kubeconfig",
                self.kubeconfig, "--register", self.image, "--report", "json", *arguments,
            ]
            fleet = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log.open("w"), stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            fleet.bench_name = log.stem
            self.processes.append(fleet)
            self.fleets.append(fleet)
            await_true("the fleet", 300, lambda: self.alive(fleet) and "ready" in log.read_text())

    def summary(self):
        """What the first `rack serve` says of itself."""
        log = self.folder / "rack-0.log"
        said = len(log.read_text().splitlines())
        self.fleets[0].send_signal(signal.SIGUSR1)
        lines = await_true("the fleet's summary", 60, lambda: log.read_text().splitlines()[said:])
        return json.loads(lines[0])

    def metric(self, name):
        """The sum of a metric over its labels."""
        text = self.inside(self.server, "curl", "-fsS", f"http://{SERVER}:8081/metrics")
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))

    def resident(self):
        """Resident memory of metalman now, in MB."""
        with open(f"/proc/{self.metalman.pid}/status") as status:
            return int(re.search(r"VmRSS:\s*(\d+)", status.read())[1]) * 1024 / 1e6

    def peak(self):
        return self.usage(self.metalman)["peak_bytes"] / 1e6

    def all_looked_at(self, cluster, count, seconds):
        """Waits until metalman knows the power of so many machines, and has nothing more to write."""

        def known():
            on = sum(machine.get("status", {}).get("power") == "On" for machine in cluster.machines()["items"])
            if on < count:
                raise Failed(f"{on} of {count} machines are known to be on")
            time.sleep(1)
            return self.is_idle_enough()

        await_true("metalman to know all machines", seconds, known)

    def is_idle_enough(self):
        before = self.usage(self.metalman)["cpu_seconds"]
        time.sleep(2)
        return self.usage(self.metalman)["cpu_seconds"] - before < 0.4


class Inside:
    """Runs what it decorates on a thread inside a namespace: sockets that it makes belong there."""

    def __init__(self, namespace):
        self.namespace = namespace

    def __call__(self, work):
        outcome = {}

        def enter():
            try:
                with open(f"/var/run/netns/{self.namespace}") as handle:
                    if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), f"entering {self.namespace}")
                outcome["value"] = work()
            except BaseException as error:  # noqa: BLE001: passed on below
                outcome["error"] = error

        thread = threading.Thread(target=enter, daemon=True)
        thread.start()
        thread.join()
        if "error" in outcome:
            raise outcome["error"]
        return outcome["value"]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def power_cycle(rack, count, dead):
    """Reboots `count` healthy machines, beside so many dead BMCs, all asked for at once."""
    rack.machines(count + dead, "--dead", dead, "--delay-ms", 50)

    def cycle():
        cluster = Cluster(rack.view)
        rack.all_looked_at(cluster, count, 300)
        names = [f"rack-{i}" for i in range(count)]
        everybody = [f"rack-{i}" for i in range(count + dead)]
        revision = cluster.machines()["metadata"]["resourceVersion"]
        asked = {}
        asking = threading.Thread(daemon=True, target=Inside(rack.server), args=(lambda: asked.update(cluster.raise_counters(everybody, {"rebootCounter": 1})),))

        def is_done(machine):
            status = machine.get("status", {})
            cycling = any(condition["type"] == "PoweredOff" for condition in status.get("conditions", []))
            return status.get("operations", {}).get("rebootCounter") == 1 and not cycling

        asking.start()
        done = cluster.watch_until(revision, names, is_done, 300)
        asking.join()
        return [done[name] - asked[name] for name in names], max(done.values()) - min(asked.values())

    took, whole = Inside(rack.server)(cycle)
    summary = rack.summary()
    if summary["bmcs"]["most_changing_at_once"] > 1:
        raise SystemExit(f"a BMC had several changing requests at once: {summary['bmcs']}")
    waits = 2 * POWER_MS / 1e3
    return {
        "machines": count, "seconds": whole, "beyond waits": whole - waits, "p50 s": percentile(took, 0.5),
        "p99 s": percentile(took, 0.99), "peak MB": rack.peak(), "requests": summary["bmcs"]["requests"],
    }


def cycle(bench):
    """1,000 machines, once without and once with ten dead BMCs, in turns."""
    figures = {}
    for number in range(bench.rounds):
        for name, dead in (("all alive", 0), ("ten dead", 10)):
            rack = Rack(bench.rack, bench.metalman, bench.kubectl)
            try:
                seen = power_cycle(rack, 50 if bench.quick else 1000, dead)
            finally:
                rack.close()
            for figure, value in seen.items():
                figures.setdefault(name, {}).setdefault(figure, []).append(value)
            print(f"  round {number + 1} {name}: {seen}", flush=True)
    return figures


def idle(bench):
    """10,000 machines that nothing is asked of."""
    count, seconds = (200, 10) if bench.quick else (10_000, 180)
    rack = Rack(bench.rack, bench.metalman, bench.kubectl)
    try:
        rack.machines(count)

        def settle():
            cluster = Cluster(rack.view)
            rack.all_looked_at(cluster, count, 900)
            return cluster.revision()

        before = Inside(rack.server)(settle)
        cpu, asked = rack.usage(rack.metalman)["cpu_seconds"], rack.metric("metalman_redfish_requests_total")
        resident, start = [], time.monotonic()
        while time.monotonic() - start < seconds:
            time.sleep(min(5, seconds))
            rack.alive(rack.metalman)
            resident.append(rack.resident())
        took = time.monotonic() - start
        figures = {
            "machines": count, "seconds": took,
            "core %": 100 * (rack.usage(rack.metalman)["cpu_seconds"] - cpu) / took,
            "BMC requests/s": (rack.metric("metalman_redfish_requests_total") - asked) / took,
            "API writes/s": (Inside(rack.server)(lambda: Cluster(rack.view).revision()) - before) / took,
            "resident MB": max(resident), "peak MB": rack.peak(),
        }
        print(f"  {figures}", flush=True)
        return {"idle": {figure: [value] for figure, value in figures.items()}}
    finally:
        rack.close()


ROWS = {"cycle": cycle, "idle": idle}
