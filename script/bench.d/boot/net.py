"""Two network namespaces with a wire between them, and the processes that run in them. Everything is gone after close()."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

SERVER = "10.64.0.1"
RELAY = "10.64.0.2"  # the client's end: a DHCP relay, and the router to all machines
FIRST = "10.64.128.0"  # address of machine 0
MACHINES = "10.64.128.0/17"


class Failed(Exception):
    """What was tried, and what was said."""


def run(*command, timeout=300):
    """Runs to the end; its output."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        raise Failed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def await_true(what, seconds, condition):
    """Waits until the condition returns something true; shows what it last said when it does not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            said = condition()
            if said:
                return said
        except (Failed, OSError, subprocess.TimeoutExpired) as error:
            said = error
        if time.monotonic() > deadline:
            raise Failed(f"gave up after {seconds} s waiting for {what}; last seen: {said}")
        time.sleep(0.05)


class Net:
    """The namespaces `c` and `s`, and a folder for files. The wire is a veth pair, or with `delay_ms` two taps with the
    user-space relay of the crate rack between them, half of the delay in each direction."""

    def __init__(self, rack, delay_ms=None):
        self.rack = rack
        self.folder = Path(tempfile.mkdtemp(prefix="bench-boot."))
        self.client = f"bootc{os.getpid()}"
        self.server = f"boots{os.getpid()}"
        self.processes = []
        try:
            self._wire(delay_ms)
        except BaseException:
            self.close()
            raise

    def _wire(self, delay_ms):
        for namespace in (self.client, self.server):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        if delay_ms is None:
            run("ip", "-n", self.client, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", self.server)
        else:
            self._relay(delay_ms)
        for namespace, address in ((self.client, RELAY), (self.server, SERVER)):
            run("ip", "-n", namespace, "address", "add", f"{address}/16", "dev", "wire")
            run("ip", "-n", namespace, "link", "set", "wire", "up")
        # All machines' addresses are local to the client's end; the server reaches them through one neighbour, as it
        # reaches a relayed network.
        run("ip", "-n", self.client, "route", "add", "local", MACHINES, "dev", "lo")
        run("ip", "-n", self.server, "route", "add", MACHINES, "via", RELAY)
        for namespace in (self.client, self.server):
            await_true("the wire", 10, lambda: "LOWER_UP" in run("ip", "-n", namespace, "link", "show", "wire"))

    def _relay(self, delay_ms):
        log = self.folder / "link.log"
        ends = {f"bl{os.getpid()}c": self.client, f"bl{os.getpid()}s": self.server}
        command = [self.rack, "link", "--ends", *ends, "--delay-ms", str(delay_ms / 2)]
        relay = subprocess.Popen(command, stdout=log.open("w"), stderr=subprocess.STDOUT, start_new_session=True)
        self.processes.append(relay)
        await_true(f"the relay ({log})", 10, lambda: "ready" in log.read_text())
        for end, namespace in ends.items():
            run("ip", "link", "set", end, "netns", namespace, "name", "wire")

    def inside(self, namespace, *command, timeout=300):
        """Runs in a namespace to the end; its output."""
        return run("ip", "netns", "exec", namespace, *map(str, command), timeout=timeout)

    def load(self, *arguments, timeout=300):
        """Runs `rack load` in the client's namespace; its report."""
        return json.loads(self.inside(self.client, self.rack, "load", *arguments, "--report", "json", timeout=timeout))

    def usage(self, process):
        """CPU seconds and peak memory of a server."""
        return json.loads(run(self.rack, "load", "usage", "--pid", str(process.pid), "--report", "json"))

    def is_idle(self, process):
        """Whether a server uses under a twentieth of a core in the coming second."""
        before = self.usage(process)["cpu_seconds"]
        time.sleep(1)
        return self.usage(process)["cpu_seconds"] - before < 0.05

    def serve(self, name, *command, environment=None):
        """Starts a server in the server's namespace; its process (ip netns exec becomes the server)."""
        log = (self.folder / f"{name}.log").open("a")
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.server, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        process.bench_name = name
        self.processes.append(process)
        return process

    def alive(self, process):
        """Fails with the end of the server's log when it has ended."""
        if process.poll() is not None:
            log = (self.folder / f"{process.bench_name}.log").read_text(errors="replace")
            raise SystemExit(f"{process.bench_name} ended with {process.returncode}:\n{log[-3000:]}")
        return True

    def stop(self, process):
        """Ends a server and the processes that it started."""
        self.processes.remove(process)
        for sign, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            try:
                os.killpg(process.pid, sign)
                process.wait(patience)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        process.wait()

    def close(self):
        """Ends and removes everything."""
        for process in list(self.processes):
            self.stop(process)
        for namespace in (self.client, self.server):
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)
