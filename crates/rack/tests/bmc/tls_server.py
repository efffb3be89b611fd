"""A TLS server as old as told, with a Redfish service root, one system that is on, and HTTP Basic.

tls_server.py PORT FOLDER MIN-VERSION MAX-VERSION CIPHERS, with cert.pem and key.pem in FOLDER. Says "port N" when it listens,
and "request METHOD PATH nobody|basic" for each request.
"""
import http.server
import json
import ssl
import sys
import warnings

port, folder, oldest, newest, ciphers = sys.argv[1:]
warnings.simplefilter("ignore")  # old versions are the point

ROOT = {"Systems": {"@odata.id": "/redfish/v1/Systems"}}
RESOURCES = {
    "/redfish/v1/": ROOT,
    "/redfish/v1/Systems": {"Members": [{"@odata.id": "/redfish/v1/Systems/1"}]},
    "/redfish/v1/Systems/1": {"Id": "1", "PowerState": "On"},
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        basic = self.headers.get("Authorization", "").startswith("Basic ")
        print("request", self.command, self.path, "basic" if basic else "nobody")
        found = RESOURCES.get(self.path)
        status = 404 if found is None else 200 if basic or found is ROOT else 401
        body = json.dumps(found or {}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        print("error", sys.exc_info()[1])


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers(ciphers)
context.minimum_version = ssl.TLSVersion[oldest]
context.maximum_version = ssl.TLSVersion[newest]
context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
server = Server(("127.0.0.1", int(port)), Handler)
# The handshake belongs to the thread of its connection.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("port", server.server_address[1])
server.serve_forever()
