"""Creates Machines through the API, eight at a time: apply.py KUBECONFIG.json MACHINES.json"""

import base64
import concurrent.futures
import http.client
import json
import ssl
import sys
import tempfile
import threading
import urllib.parse

with open(sys.argv[1]) as file:
    config = json.load(file)
with open(sys.argv[2]) as file:
    machines = json.load(file)

cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
server = urllib.parse.urlsplit(cluster["server"])
context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
headers = {"Content-Type": "application/json"}
if "client-certificate-data" in user:
    with tempfile.NamedTemporaryFile() as pem:
        pem.write(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
        pem.flush()
        context.load_cert_chain(pem.name)
else:
    headers["Authorization"] = f"Bearer {user['token']}"

connections = threading.local()


def create(machine):
    if not hasattr(connections, "own"):
        connections.own = http.client.HTTPSConnection(server.hostname, server.port, context=context, timeout=60)
    connections.own.request("POST", "/apis/unbounded-cloud.io/v1alpha3/machines", json.dumps(machine), headers)
    response = connections.own.getresponse()
    said = response.read().decode()
    if response.status != 201:
        sys.exit(f"create {machine['metadata']['name']}: {response.status} {said}")


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    for _ in pool.map(create, machines):
        pass
