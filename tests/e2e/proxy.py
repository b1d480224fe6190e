# SPDX-License-Identifier: Apache-2.0
"""Between cooper and the registry: `proxy.py HOST:PORT` passes requests on and notes for each what was asked for, the status, and
how many bytes came with it and went back: "GET /v2/a/blobs/sha256:... HTTP/1.1" 200 in=0 out=1234"""
import http.client
import http.server
import os
import sys

HOP = ("connection", "transfer-encoding")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        out = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            out += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return out

    def do(self):
        body = self.body()
        if "NO_MOUNT" in os.environ and "mount=" in self.path:
            self.path = self.path.split("?")[0]
        there = http.client.HTTPConnection(sys.argv[1])
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
        there.request(self.command, self.path, body or None, headers)
        r = there.getresponse()
        data = r.read()
        print(f'"{self.requestline}" {r.status} in={len(body)} out={len(data)}', flush=True)
        self.send_response_only(r.status)
        for k, v in r.getheaders():
            if k.lower() not in (*HOP, "content-length"):
                self.send_header(k, v)
        told = r.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", told or str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"Serving on port {server.server_address[1]} ", flush=True)
server.serve_forever()
