"""The servers that are measured: how each is configured and started. A server is a function of a `Net` and a folder of files
to a process; each is given what its documentation recommends for speed."""

import ipaddress
import json

from net import FIRST, RELAY, SERVER, await_true

HTTP_PORT = 8880


def mac(index):
    return "02:6d:00:" + index.to_bytes(3, "big").hex(":")


def address(index):
    return str(ipaddress.IPv4Address(FIRST) + index)


def kea(clients, persist=False, pool=False):
    """Kea DHCPv4 with two threads and memfile leases, as its manual recommends for relayed traffic."""

    def start(net, _files):
        reservations = [{"hw-address": mac(i), "ip-address": address(i), "hostname": f"m{i}"} for i in range(clients)]
        config = {
            "interfaces-config": {"interfaces": [f"wire/{SERVER}"], "dhcp-socket-type": "udp"},
            "lease-database": {
                "type": "memfile", "persist": persist, "lfc-interval": 0, "name": str(net.folder / "kea-leases.csv"),
            },
            "multi-threading": {"enable-multi-threading": True, "thread-pool-size": 2, "packet-queue-size": 56},
            "valid-lifetime": 3600,
            "authoritative": True,
            "match-client-id": False,
            "host-reservation-identifiers": ["hw-address"],
            "option-data": [
                {"name": "routers", "data": SERVER},
                {"name": "domain-name-servers", "data": SERVER},
            ],
            "next-server": SERVER,
            "boot-file-name": "loader",
            "subnet4": [{
                "subnet": "10.64.0.0/16",
                "reservations-global": False,
                "reservations-in-subnet": not pool,
                "reservations-out-of-pool": not pool,
                **({"pools": [{"pool": "10.64.128.0 - 10.64.255.254"}]} if pool else {"reservations": reservations}),
            }],
            "loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "stdout"}]}],
        }
        path = net.folder / "kea.json"
        path.write_text(json.dumps({"Dhcp4": config}))
        environment = {"KEA_PIDFILE_DIR": str(net.folder), "KEA_LOCKFILE_DIR": str(net.folder)}
        return net.serve("kea", "kea-dhcp4", "-c", path, environment=environment)

    return start


def reflector(net, _files):
    """No server at all: the ceiling of a generator."""
    return net.serve(
        "reflector", net.rack, "load", "dhcp-reflect", "--listen", f"{SERVER}:67", "--relay", f"{RELAY}:67", "--first", FIRST
    )


def dnsmasq(machines=0):
    """dnsmasq as TFTP server, and with machines as DHCP server too. `no-ping`: it would wait for an echo before each offer."""

    def start(net, files):
        lines = [
            "port=0", "user=root", "interface=wire", "bind-interfaces", "enable-tftp", f"tftp-root={files}", "tftp-max=1000",
            "quiet-tftp", "no-resolv", "no-hosts", f"pid-file={net.folder}/dnsmasq.pid",
        ]
        if machines:
            lines += [
                "dhcp-range=10.64.0.0,static,255.255.0.0", "dhcp-authoritative", "no-ping", "quiet-dhcp",
                f"dhcp-leasefile={net.folder}/dnsmasq.leases", f"dhcp-lease-max={2 * machines}", "dhcp-boot=loader",
                *(f"dhcp-host={mac(i)},{address(i)},m{i}" for i in range(machines)),
            ]
        path = net.folder / "dnsmasq.conf"
        path.write_text("\n".join(lines) + "\n")
        return net.serve("dnsmasq", "dnsmasq", "--keep-in-foreground", f"--conf-file={path}")

    return start


def tftpd_hpa(port=69):
    def start(net, files):
        return net.serve("tftpd-hpa", "in.tftpd", "--foreground", "--user", "root", "--address", f"{SERVER}:{port}", "--secure", files)

    return start


def nginx(net, files):
    """nginx with sendfile, one worker for each core."""
    path = net.folder / "nginx.conf"
    temporary = "".join(f"  {kind}_temp_path {net.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path.write_text(
        f"user root;\nworker_processes auto;\ndaemon off;\npid {net.folder}/nginx.pid;\nerror_log stderr error;\n"
        "events { worker_connections 2048; }\n"
        f"http {{\n  sendfile on;\n  tcp_nopush on;\n  access_log off;\n{temporary}"
        f"  server {{ listen {SERVER}:{HTTP_PORT} backlog=1024; root {files}; }}\n}}\n"
    )
    return net.serve("nginx", "nginx", "-c", path)


def metalman(binary, kubectl, apply, machines):
    """metalman with its own control plane in a folder, in relay mode. State and image cache live as long as the network does:
    only the first start creates the Machines and pulls the image."""

    def start(net, files):
        state, layout = net.folder / "state", net.folder / "layout"
        fresh = not state.exists()
        if fresh:
            net.inside(net.server, binary, "image", "build", files.parent, "-t", "bench:1", "-o", f"oci:{layout}")
            (net.folder / "machines.json").write_text(json.dumps(manifests(machines, f"oci:{layout}:1")))
        process = net.serve(
            "metalman", binary, "serve-pxe", "--standalone", state, "--cache-dir", net.folder / "cache", "--bind-address", SERVER,
            "--serve-url", f"http://{SERVER}:{HTTP_PORT}", "--http-port", HTTP_PORT, "--health-port", "8081",
            environment={"RUST_LOG": "warn"},
        )
        kubeconfig = state / "kubeconfig"
        if fresh:
            await_true("metalman's kubeconfig", 60, lambda: net.alive(process) and kubeconfig.exists())
            view = net.inside(net.server, kubectl, "--kubeconfig", kubeconfig, "config", "view", "--raw", "-o", "json")
            (net.folder / "kubeconfig.json").write_text(view)
            crd = lambda: net.inside(net.server, kubectl, "--kubeconfig", kubeconfig, "get", "machines")  # noqa: E731
            await_true("the Machine API", 60, lambda: net.alive(process) and (crd() or True))
            net.inside(net.server, "python3", apply, net.folder / "kubeconfig.json", net.folder / "machines.json")
            # Readiness is of the Machines that there were at the start: none.
            pulled = ("wait", "machine", f"m{machines - 1}", "--for=condition=ImageReady", "--timeout=5s")
            image = lambda: net.inside(net.server, kubectl, "--kubeconfig", kubeconfig, *pulled)  # noqa: E731
            await_true("the image of the Machines", 180, lambda: net.alive(process) and (image() or True))
        ready = lambda: net.inside(net.server, "curl", "-fsS", f"http://{SERVER}:8081/readyz")  # noqa: E731
        await_true("metalman to be ready", 180, lambda: net.alive(process) and (ready() or True))
        # Thousands of Machines that were created a moment ago are no part of what is measured: their conditions are written.
        await_true("metalman to have written its conditions", 120, lambda: net.is_idle(process))
        return process

    return start


def manifests(machines, image):
    return [
        {
            "apiVersion": "unbounded-cloud.io/v1alpha3",
            "kind": "Machine",
            "metadata": {"name": f"m{i}"},
            "spec": {"pxe": {"image": image, "dhcpLeases": [{
                "mac": mac(i), "ipv4": address(i), "subnetMask": "255.255.0.0", "gateway": SERVER, "dns": [SERVER], "hostname": f"m{i}",
            }]}},
        }
        for i in range(machines)
    ]
