"""The HTTPS data plane as a device sees it, with the store behind its presigned URLs; it fails when a test says so.

    with DataPlane(ca) as plane:
        plane.groups["cam-1"] = {"cameras": ["all"]}                       # group -> its parents
        plane.publish("a", "1.0.0", recipe, {"model.bin": b"..."})         # greengrass: artifacts with digests
        plane.refuse("resolveComponentCandidates", (503, {}, {"message": "later"}))      # the next question of this kind
        plane.store.cut = 1000                                             # bytes, then the next transfer breaks

`plane.calls` has (kind, path, body) of each question, `plane.store.requests` (path, headers) of each transfer."""
import base64
import contextlib
import hashlib
import http.server
import json
import re
import ssl
import threading
import urllib.parse


def digest(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _serve(handler, context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def _answer(handler, status, headers, body):
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


class SignedStore:
    """Gives a file to whom shows a signature that still counts; knows ranges and ETags, as S3 does."""

    def __init__(self):
        self.files, self.signatures, self.requests = {}, {}, []
        self.cut = None      # so many bytes of the body, then the connection breaks; once
        self.gate = None     # an Event that a transfer waits for in its middle
        self.uses = None     # how often a signature counts; None: without end
        self.spoiled = {}    # key -> what the first transfers of it give instead
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                store._get(self)

            def log_message(self, *args):
                pass

        self.server = _serve(Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def sign(self, key):
        signature = f"s{len(self.signatures)}"
        self.signatures[signature] = [key, self.uses]
        return f"{self.url}/{urllib.parse.quote(key)}?X-Signature={signature}"

    def expire(self):
        """What was signed so far counts no more."""
        for entry in self.signatures.values():
            entry[1] = 0

    def _get(self, handler):
        parts = urllib.parse.urlsplit(handler.path)
        key = urllib.parse.unquote(parts.path[1:])
        entry = self.signatures.get(parts.query.partition("=")[2])
        self.requests.append((key, dict(handler.headers)))
        if not entry or entry[0] != key or entry[1] == 0:
            _answer(handler, 403, {}, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
            return
        if entry[1]:
            entry[1] -= 1
        if key not in self.files:
            _answer(handler, 404, {}, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        spoiled = self.spoiled.get(key) if "Range" not in handler.headers else None
        self._send(handler, spoiled.pop(0) if spoiled else self.files[key])

    def _send(self, handler, data):
        etag = '"' + hashlib.md5(data).hexdigest() + '"'
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        if found and handler.headers.get("If-Range", etag) == etag:
            first, last = int(found[1]), min(int(found[2] or len(data)), len(data) - 1)
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        else:
            first, last = 0, len(data) - 1
            handler.send_response(200)
        body = data[first:last + 1]
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("ETag", etag)
        handler.end_headers()
        self._body(handler, body)

    def _body(self, handler, body):
        if len(body) > 1 and self.gate:
            handler.wfile.write(body[:len(body) // 2])
            handler.wfile.flush()
            self.gate.wait(600)
            body = body[len(body) // 2:]
        if len(body) > 1 and self.cut is not None:
            body, self.cut = body[:self.cut], None
            handler.close_connection = True
        with contextlib.suppress(OSError):
            handler.wfile.write(body)


class DataPlane:
    REGION, ACCOUNT = "local", "000000000000"

    def __init__(self, ca, port=0):
        cert, key = ca.server("localhost", "127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.load_verify_locations(ca.cert)
        context.verify_mode = ssl.CERT_REQUIRED
        self.context, self.store = context, SignedStore()
        self.groups, self.components, self.documents = {}, {}, {}
        self.answers, self.calls, self.things = {}, [], []
        self.page = 100
        self.server = None
        self.start()

    def start(self):
        plane = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                plane._answer(self, b"")

            def do_POST(self):
                plane._answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *args):
                pass

        self.server = _serve(Handler, self.context)
        self.port = self.server.server_port

    def stop(self):
        """The port refuses connections from now on."""
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()
        self.store.server.shutdown()
        self.store.server.server_close()

    # ---- what tests do ----

    def arn(self, name, version):
        return f"arn:aws:greengrass:{self.REGION}:{self.ACCOUNT}:components:{name}:versions:{version}"

    def publish(self, name, version, lifecycle="true", files=None, depends=None, scheme="greengrass", **artifact):
        """files: file name -> content. artifact: more members of each artifact."""
        uris = {f: f"greengrass:{name}-{version}/{f}" if scheme == "greengrass" else f"s3://shop/{name}/{version}/{f}" for f in files or {}}
        for f, data in (files or {}).items():
            self.store.files[uris[f]] = data
        recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": name, "ComponentVersion": version,
                  "ComponentDependencies": {k: {"VersionRequirement": v} for k, v in (depends or {}).items()},
                  "Manifests": [{"Platform": {"os": "linux"}, "Lifecycle": {"run": lifecycle},
                                 "Artifacts": [{"Uri": uris[f], "Digest": digest(data), "Algorithm": "SHA-256", **artifact}
                                               for f, data in (files or {}).items()]}]}
        self.components[name, version] = recipe

    def refuse(self, kind, *answers):
        """The next questions of this kind get (status, headers, body); None: the connection breaks."""
        self.answers.setdefault(kind, []).extend(answers)

    def refuse_always(self, kind, answer):
        self.answers[kind] = answer

    def count(self, kind):
        return sum(k == kind for k, _, _ in self.calls)

    def asked_for(self, component):
        """The candidates of this name that were put to the data plane."""
        found = [json.loads(body)["componentCandidates"][0] for kind, _, body in self.calls if kind == "resolveComponentCandidates"]
        return [c for c in found if c["componentName"] == component]

    # ---- the service ----

    def _planned(self, kind):
        planned = self.answers.get(kind, [])
        if isinstance(planned, list):
            return planned.pop(0) if planned else "normal"
        return planned

    def _answer(self, handler, body):
        try:
            subject = handler.connection.getpeercert()["subject"]
            thing = dict(pair for rdn in subject for pair in rdn)["commonName"]
        except (TypeError, KeyError, AttributeError):
            thing = None
        parts = urllib.parse.urlsplit(handler.path)
        path = [urllib.parse.unquote(p) for p in parts.path.split("/")[3:]]
        kind = path[2] if path[0] in ("coreDevices", "components") else path[0]
        self.calls.append((kind, handler.path, body))
        self.things.append(thing)
        planned = self._planned(kind)
        if planned is None:
            handler.close_connection = True
            return
        if planned == "normal":
            planned = getattr(self, f"_{kind}")(thing, path, urllib.parse.parse_qs(parts.query), body)
        status, headers, answer = planned
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        with contextlib.suppress(OSError):
            _answer(handler, status, {"Content-Type": "application/json", **headers}, text)

    @staticmethod
    def _error(status, exception, message):
        return status, {"x-amzn-ErrorType": f"{exception}:http://internal.amazon.com/coral/"}, {"message": message}

    def _thingGroups(self, thing, path, query, body):
        if path[1] != thing:
            return self._error(403, "AccessDeniedException", "not your thing")
        groups = [{"thingGroupName": g, "rootToParentThingGroups": [{"thingGroupName": p} for p in parents]}
                  for g, parents in self.groups.get(thing, {}).items()]
        start = int(query.get("nextToken", ["0"])[0])
        more = {"nextToken": str(start + self.page)} if start + self.page < len(groups) else {}
        return 200, {}, {"thingGroups": groups[start:start + self.page], **more}

    def _resolveComponentCandidates(self, thing, path, query, body):
        candidate, = json.loads(body)["componentCandidates"]
        name, wanted = candidate["componentName"], list(candidate["versionRequirements"].values())
        versions = sorted((v for n, v in self.components if n == name), key=lambda v: [int(x) for x in v.split(".")], reverse=True)
        for version in versions:
            if all(w in ("*", version) or (w[0] == "^" and w[1:].split(".")[0] == version.split(".")[0]) for w in wanted):
                recipe = base64.b64encode(json.dumps(self.components[name, version]).encode()).decode()
                return 200, {}, {"resolvedComponentVersions": [{"arn": self.arn(name, version), "componentName": name,
                                                                "componentVersion": version, "recipe": recipe}]}
        return self._error(404, "ResourceNotFoundException", f"no usable version of {name}")

    def _artifacts(self, thing, path, query, body):
        return 200, {}, {"preSignedUrl": self.store.sign(path[3])}

    def _deployments(self, thing, path, query, body):
        if path[3] not in self.documents:
            return self._error(404, "ResourceNotFoundException", "no such deployment")
        data = json.dumps(self.documents[path[3]]).encode()
        self.store.files[f"deployments/{path[3]}"] = data
        return 200, {}, {"preSignedUrl": self.store.sign(f"deployments/{path[3]}"),
                         "integrityCheck": {"algorithm": "SHA-256", "digest": digest(data)}}
