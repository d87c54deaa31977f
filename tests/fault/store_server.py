"""An object store over HTTP with as much of S3 as a device asks for, and with the faults that a test wants.

    store = StoreServer(folder)            # below it: BUCKET/KEY
    store.cuts = [1000]                    # the next GET of an object ends after so many bytes
    store.refuse = 3                       # the next answers are 503
    store.slow_s = 0.2                     # before each answer
    store.hold = threading.Event()         # that each answer waits for"""
import http.server
import os
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def _answer(self, status, body, headers=None, send=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if send is None else body[:send])
        if send is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        server = self.server.store
        url = urllib.parse.urlsplit(self.path)
        if server.slow_s:
            time.sleep(server.slow_s)
        if server.hold:
            server.hold.wait(600)
        with server.lock:
            refused = server.refuse > 0
            server.refuse -= refused
        path = urllib.parse.unquote(url.path).strip("/")
        if refused:
            self._answer(503, b"<Error><Code>SlowDown</Code></Error>")
        elif "list-type" in url.query:
            self._answer(200, server.listing(path, urllib.parse.parse_qs(url.query).get("prefix", [""])[0]))
        else:
            self._object(server, path)

    def _object(self, server, path):
        try:
            with open(os.path.join(server.folder, path), "rb") as f:
                data = f.read()
        except OSError:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        headers, status, start = {"ETag": f'"{len(data)}-{hash(data)}"', "Accept-Ranges": "bytes"}, 200, 0
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and wanted.endswith("-"):
            start, status = int(wanted[6:-1]), 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        with server.lock:
            cut = server.cuts.pop(0) if server.cuts and len(data) > 4096 else None
        self._answer(status, data[start:], headers, cut)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a device that has been killed


class StoreServer:
    def __init__(self, folder, port=0):
        self.folder, self.lock = folder, threading.Lock()
        self.cuts, self.refuse, self.slow_s, self.hold = [], 0, 0, None
        self.server = _Server(("127.0.0.1", port), _Handler)
        self.server.store = self
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def put(self, key, data):
        path = os.path.join(self.folder, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())

    def listing(self, bucket, prefix):
        folder = os.path.join(self.folder, bucket, prefix)
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        contents = "".join(f"<Contents><Key>{escape(prefix + n)}</Key></Contents>" for n in names)
        return (f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>").encode()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
