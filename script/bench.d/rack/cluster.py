"""The Machines of a cluster through its API: raise counters, see when operations are done."""

import base64
import concurrent.futures
import http.client
import json
import ssl
import tempfile
import threading
import time
import urllib.parse

from net import Failed

MACHINES = "/apis/unbounded-cloud.io/v1alpha3/machines"


class Cluster:
    """By a kubeconfig in JSON."""

    def __init__(self, kubeconfig):
        config = json.loads(kubeconfig)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = urllib.parse.urlsplit(cluster["server"])
        ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=ca)
        self.headers = {}
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile() as pem:
                pem.write(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
                pem.flush()
                self.context.load_cert_chain(pem.name)
        else:
            self.headers["Authorization"] = f"Bearer {user['token']}"
        self.own = threading.local()

    def _connection(self):
        return http.client.HTTPSConnection(self.server.hostname, self.server.port, context=self.context, timeout=300)

    def request(self, method, path, body=None, kind="application/merge-patch+json"):
        """One request; the object that is answered."""
        if not hasattr(self.own, "connection"):
            self.own.connection = self._connection()
        headers = {**self.headers, **({"Content-Type": kind} if body else {})}
        self.own.connection.request(method, path, json.dumps(body) if body else None, headers)
        response = self.own.connection.getresponse()
        said = response.read()
        if response.status >= 300:
            raise Failed(f"{method} {path}: {response.status} {said.decode()}")
        return json.loads(said)

    def machines(self):
        return self.request("GET", MACHINES)

    def revision(self):
        """It grows by one with every write."""
        return int(self.request("GET", f"{MACHINES}?limit=1")["metadata"]["resourceVersion"])

    def raise_counters(self, names, operations):
        """Changes spec.operations of them, eight at a time; when each was asked for."""

        def ask(name):
            asked = time.monotonic()
            self.request("PATCH", f"{MACHINES}/{name}", {"spec": {"operations": operations}})
            return name, asked

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return dict(pool.map(ask, names))

    def watch_until(self, revision, names, is_done, seconds):
        """Watches from a revision on until all those Machines are done; when each was."""
        done, waiting, deadline = {}, set(names), time.monotonic() + seconds
        connection = self._connection()
        connection.request("GET", f"{MACHINES}?watch=1&resourceVersion={revision}", headers=self.headers)
        response = connection.getresponse()
        if response.status != 200:
            raise Failed(f"watch: {response.status} {response.read().decode()}")
        while waiting:
            line = response.readline()
            now = time.monotonic()
            if not line or now > deadline:
                raise Failed(f"{len(waiting)} of {len(names)} Machines are not done after {seconds} s, such as {sorted(waiting)[:3]}")
            machine = json.loads(line)["object"]
            name = machine["metadata"]["name"]
            if name in waiting and is_done(machine):
                waiting.remove(name)
                done[name] = now
        connection.close()
        return done
