"""sedge-fetch against a real object store, a real web server, broken connections and hostile archives."""
import base64
import contextlib
import functools
import gzip
import hashlib
import http.server
import io
import os
import select
import socket
import ssl
import subprocess
import tarfile
import threading
import zipfile

import pytest

from local import CA, Fetch, FetchError, free_port
from support.proxy import CuttingProxy

QUICK = {"attempts": 3, "retryBaseMs": 10, "retryMaxMs": 50, "connectTimeoutMs": 60000, "stallTimeoutMs": 60000, "minFreeBytes": 0}
ODD_KEYS = ["plain.txt", "with blank.txt", "plus+plus.txt", "grüße/日本.txt", "100%.txt", "a&b=c?d#e.txt",
            "tilde~(x)'!*.txt", "deep/er/and/deeper.bin"]


def sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def failure(f, request):
    with pytest.raises(FetchError) as caught:
        f.run(request)
    return caught.value


@pytest.fixture
def fetch(bin_dir):
    """fetch(store_settings, **config): a running sedge-fetch that gives up quickly."""
    with contextlib.ExitStack() as stack:
        def start(store=None, env=None, **config):
            return stack.enter_context(Fetch(bin_dir, store, env=env, **{**QUICK, **config}))
        yield start


@pytest.fixture
def store(swift, fetch):
    return fetch(swift.settings())


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextlib.contextmanager
def web_server(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def answering(*answers, seen=None):
    """Handler class that gives these (status, headers, body) in turn, the last again and again."""
    left = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if seen is not None:
                seen.append((self.path, dict(self.headers)))
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass
    return Handler


# ---- the store ----

def test_odd_keys_can_be_put_listed_and_fetched(store, bucket, tmp_root):
    for i, key in enumerate(ODD_KEYS):
        store.run({"op": "put", "url": f"s3://{bucket}/{key}", "text": f"content {i}"})
    assert sorted(store.run({"op": "list", "bucket": bucket})["keys"]) == sorted(ODD_KEYS)
    for i, key in enumerate(ODD_KEYS):
        dest = os.path.join(tmp_root, str(i))
        answer = store.run({"op": "get", "url": f"s3://{bucket}/{key}", "dest": dest,
                            "digest": sha256(f"content {i}".encode())})
        assert answer["cached"] is False
        with open(dest) as f:
            assert f.read() == f"content {i}"
        assert store.run({"op": "text", "url": f"s3://{bucket}/{key}"})["text"] == f"content {i}"


def test_listing_by_prefix_and_delimiter(store, bucket):
    for key in ("p/a/1.json", "p/a/2.json", "p/b/1.json", "q/1.json"):
        store.run({"op": "put", "url": f"s3://{bucket}/{key}", "text": "x"})
    assert store.run({"op": "list", "bucket": bucket, "prefix": "p/"})["keys"] == ["p/a/1.json", "p/a/2.json", "p/b/1.json"]
    answer = store.run({"op": "list", "bucket": bucket, "prefix": "p/", "delimiter": "/"})
    assert (answer["keys"], answer["prefixes"]) == ([], ["p/a/", "p/b/"])
    assert store.run({"op": "list", "bucket": bucket, "prefix": "none/"})["keys"] == []


def test_listing_goes_on_over_pages(fetch):
    def page(keys, token):
        more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
        contents = "".join(f"<Contents><Key>{k}</Key></Contents>" for k in keys)
        return (f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<IsTruncated>{'true' if token else 'false'}</IsTruncated>{contents}{more}</ListBucketResult>").encode()
    seen = []
    with web_server(answering((200, {}, page(["a", "b&amp;c"], "t/1+")), (200, {}, page(["d"], None)), seen=seen)) as url:
        f = fetch({"endpoint": url})
        assert f.run({"op": "list", "bucket": "bucket", "prefix": "x"})["keys"] == ["a", "b&c", "d"]
    assert [path for path, _ in seen] == ["/bucket?list-type=2&prefix=x",
                                          "/bucket?continuation-token=t%2F1%2B&list-type=2&prefix=x"]


def test_put_of_a_file_head_and_delete(store, bucket, tmp_root):
    path = os.path.join(tmp_root, "big")
    data = os.urandom(3 << 20)
    with open(path, "wb") as f:
        f.write(data)
    put = store.run({"op": "put", "url": f"s3://{bucket}/big", "file": path, "contentType": "application/x-test"})
    assert put["sha256"] == hashlib.sha256(data).hexdigest() and put["bytes"] == len(data)
    assert store.run({"op": "head", "url": f"s3://{bucket}/big"})["bytes"] == len(data)
    store.run({"op": "delete", "url": f"s3://{bucket}/big"})
    store.run({"op": "delete", "url": f"s3://{bucket}/big"})
    assert failure(store, {"op": "head", "url": f"s3://{bucket}/big"}).code == "not-found"


def test_conditional_put_refuses_what_is_there(store, bucket):
    put = {"op": "put", "url": f"s3://{bucket}/once", "text": "1", "ifNoneMatch": "*"}
    store.run(put)
    error = failure(store, {**put, "text": "2"})
    assert error.code == "conflict" and "exists already" in error.message
    assert store.run({"op": "text", "url": f"s3://{bucket}/once"})["text"] == "1"


def test_many_transfers_at_once(store, bucket, tmp_root):
    bodies = {f"n{i}": os.urandom(100000 + i) for i in range(20)}
    for name, body in bodies.items():
        path = os.path.join(tmp_root, name)
        with open(path, "wb") as f:
            f.write(body)
    for i in [store.send({"op": "put", "url": f"s3://{bucket}/{n}", "file": f"{tmp_root}/{n}"}) for n in bodies]:
        store.wait(i)
    ids = [store.send({"op": "get", "url": f"s3://{bucket}/{n}", "dest": f"{tmp_root}/out/{n}", "digest": sha256(b)})
           for n, b in bodies.items()]
    assert [store.wait(i)["bytes"] for i in ids] == [len(b) for b in bodies.values()]


def test_a_file_with_the_right_digest_is_not_fetched_again(store, bucket, tmp_root):
    store.run({"op": "put", "url": f"s3://{bucket}/k", "text": "data"})
    get = {"op": "get", "url": f"s3://{bucket}/k", "dest": f"{tmp_root}/k", "digest": sha256(b"data"), "mode": 0o440}
    assert store.run(get)["cached"] is False
    assert os.stat(f"{tmp_root}/k").st_mode & 0o777 == 0o440
    store.run({**get, "dest": f"{tmp_root}/x/y/k"})
    assert [os.stat(f"{tmp_root}/{d}").st_mode & 0o777 for d in ("x", "x/y")] == [0o755, 0o755]
    store.run({"op": "delete", "url": f"s3://{bucket}/k"})
    assert store.run({**get, "mode": 0o555})["cached"] is True
    assert os.stat(f"{tmp_root}/k").st_mode & 0o777 == 0o555


# ---- errors a user will make ----

def test_wrong_secret(swift, fetch, bucket):
    f = fetch(swift.settings(secretAccessKey="wrong"))
    error = failure(f, {"op": "get", "url": f"s3://{bucket}/k", "dest": "/tmp/never"})
    assert error.code == "denied"
    assert error.stack == ["ARTIFACT_DOWNLOAD_ERROR", "S3_ERROR", "S3_ACCESS_DENIED"]
    for word in (f"s3://{bucket}/k", swift.endpoint, "403", "accessKeyId", "secretAccessKey", "system.objectStore"):
        assert word in error.message
    assert "wrong" not in error.message


def test_no_credentials(swift, fetch, bucket):
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    f = fetch({"endpoint": swift.endpoint}, env={**env, "HOME": "/nonexistent"})
    error = failure(f, {"op": "text", "url": f"s3://{bucket}/k"})
    assert error.code == "denied" and "not signed" in error.message and "system.objectStore" in error.message


def test_credentials_from_environment_and_file(swift, fetch, bucket, store, tmp_root):
    store.run({"op": "put", "url": f"s3://{bucket}/k", "text": "secret"})
    env = {"PATH": os.environ["PATH"], "HOME": tmp_root}
    by_env = fetch({"endpoint": swift.endpoint},
                   env={**env, "AWS_ACCESS_KEY_ID": swift.access_key, "AWS_SECRET_ACCESS_KEY": swift.secret_key})
    assert by_env.run({"op": "text", "url": f"s3://{bucket}/k"})["text"] == "secret"
    os.mkdir(f"{tmp_root}/.aws")
    with open(f"{tmp_root}/.aws/credentials", "w") as f:
        f.write(f"[default]\naws_access_key_id = no\naws_secret_access_key = no\n\n[ device ]\n# comment\n"
                f"aws_access_key_id={swift.access_key}\naws_secret_access_key = {swift.secret_key}\n")
    by_file = fetch({"endpoint": swift.endpoint}, env={**env, "AWS_PROFILE": "device"})
    assert by_file.run({"op": "text", "url": f"s3://{bucket}/k"})["text"] == "secret"


def test_half_of_the_credentials(swift, fetch, bucket):
    f = fetch({"endpoint": swift.endpoint, "accessKeyId": "x"})
    error = failure(f, {"op": "text", "url": f"s3://{bucket}/k"})
    assert error.code == "invalid" and "accessKeyId without secretAccessKey" in error.message


def test_missing_bucket(store, swift):
    error = failure(store, {"op": "list", "bucket": "no-such-bucket"})
    assert error.code == "not-found"
    assert error.stack == ["COMPONENT_PACKAGE_LOADING_ERROR", "S3_ERROR", "S3_RESOURCE_NOT_FOUND"]
    for word in ('bucket "no-such-bucket" does not exist', swift.endpoint, "objectStore.bucket"):
        assert word in error.message


def test_missing_key(store, bucket):
    error = failure(store, {"op": "get", "url": f"s3://{bucket}/a/b.zip", "dest": "/tmp/never"})
    assert error.code == "not-found"
    assert error.stack == ["ARTIFACT_DOWNLOAD_ERROR", "S3_ERROR", "S3_RESOURCE_NOT_FOUND"]
    for word in (f'no key "a/b.zip" in bucket "{bucket}"', "published"):
        assert word in error.message


def test_store_down(fetch):
    endpoint = f"http://127.0.0.1:{free_port()}"
    f = fetch({"endpoint": endpoint})
    request = f.send({"op": "get", "url": "s3://bucket/k", "dest": "/tmp/never"})
    with pytest.raises(FetchError) as caught:
        f.wait(request)
    assert caught.value.code == "unavailable"
    assert caught.value.stack == ["ARTIFACT_DOWNLOAD_ERROR", "NETWORK_ERROR"]
    for word in ("gave up after 3 attempts", endpoint, "Connection refused", "objectStore.endpoint"):
        assert word in caught.value.message
    assert [e["event"] for e in f.events[request]] == ["retry", "retry", "error"]


def test_unknown_host(fetch):
    error = failure(fetch({"endpoint": "http://host.invalid"}), {"op": "text", "url": "s3://bucket/k"})
    assert error.code == "unavailable" and "host.invalid" in error.message and "name" in error.message


def test_wrong_digest(store, bucket, tmp_root):
    store.run({"op": "put", "url": f"s3://{bucket}/k", "text": "data"})
    error = failure(store, {"op": "get", "url": f"s3://{bucket}/k", "dest": f"{tmp_root}/k", "digest": sha256(b"other")})
    assert error.code == "digest-mismatch"
    assert error.stack == ["ARTIFACT_DOWNLOAD_ERROR", "ARTIFACT_CHECKSUM_MISMATCH"]
    for word in (f"s3://{bucket}/k", sha256(b"data"), sha256(b"other"), "publish"):
        assert word in error.message
    assert os.listdir(tmp_root) == []


def test_text_with_wrong_sha256(store, bucket):
    store.run({"op": "put", "url": f"s3://{bucket}/k", "text": "data"})
    assert failure(store, {"op": "text", "url": f"s3://{bucket}/k", "sha256": "0" * 64}).code == "digest-mismatch"


@pytest.mark.parametrize("request_line, code, word", [
    ({"op": "get", "url": "ftp://host/x", "dest": "/tmp/x"}, "unsupported", "unsupported scheme"),
    ({"op": "get", "url": "docker:image", "dest": "/tmp/x"}, "unsupported", "unsupported scheme"),
    ({"op": "get", "url": "no-scheme", "dest": "/tmp/x"}, "invalid", "no scheme"),
    ({"op": "get", "url": "", "dest": "/tmp/x"}, "invalid", "empty"),
    ({"op": "get", "url": "s3://b", "dest": "/tmp/x"}, "invalid", "no key"),
    ({"op": "get", "url": "s3:///k", "dest": "/tmp/x"}, "invalid", "s3://BUCKET/KEY"),
    ({"op": "get", "url": "http:///x", "dest": "/tmp/x"}, "invalid", "http(s)://HOST"),
    ({"op": "get", "url": "file://relative", "dest": "/tmp/x"}, "invalid", "file:///PATH"),
    ({"op": "get", "url": "s3://b/k", "dest": "relative"}, "invalid", "absolute path"),
    ({"op": "get", "url": "s3://b/k"}, "invalid", "dest"),
    ({"op": "get", "url": "s3://b/k", "dest": "/tmp/x", "digest": "x", "algorithm": "MD99"}, "unsupported", "MD99"),
    ({"op": "get", "url": "s3://b/k", "dest": "/tmp/x", "digest": "%%%"}, "invalid", "base64"),
    ({"op": "get", "url": "s3://b/k", "dest": "/tmp/x", "unarchive": "RAR", "unarchiveTo": "/tmp/y"}, "unsupported", "RAR"),
    ({"op": "fly", "url": "s3://b/k"}, "invalid", "fly"),
    ({"op": "get", "url": "s3://b/k", "dest": "/tmp/x", "colour": 1}, "invalid", "colour"),
])
def test_bad_requests_are_refused_at_once(fetch, request_line, code, word):
    error = failure(fetch({"endpoint": "http://127.0.0.1:1"}), request_line)
    assert error.code == code and word in error.message


def test_lines_that_are_no_requests_do_no_harm(fetch, tmp_root):
    f = fetch()
    for text in ("garbage", "[1]", '{"op":"config"}', '"x"'):
        f.popen.stdin.write(text.encode() + b"\n")
        f.popen.stdin.flush()
        event = f.next_event()
        assert event["id"] is None and event["event"] == "error"
    with open(f"{tmp_root}/a", "w") as out:
        out.write("x")
    assert f.run({"op": "text", "url": f"file://{tmp_root}/a"})["text"] == "x"


def test_bad_endpoint_is_told_for_each_request(fetch):
    f = fetch({"endpoint": "localhost:9000"})
    for _ in range(2):
        error = failure(f, {"op": "text", "url": "s3://b/k"})
        assert error.code == "invalid" and "objectStore.endpoint" in error.message and "http://HOST:PORT" in error.message


# ---- broken connections ----

def test_a_download_is_resumed_where_the_connection_broke(swift, store, fetch, bucket, tmp_root):
    data = os.urandom(2 << 20)
    with open(f"{tmp_root}/src", "wb") as f:
        f.write(data)
    store.run({"op": "put", "url": f"s3://{bucket}/big", "file": f"{tmp_root}/src"})
    with CuttingProxy(swift.port) as proxy:
        proxy.cuts = [700000, 700000]
        # The host name is signed: the proxy must be named as the client sees it, which the store accepts.
        f = fetch(swift.settings(endpoint=f"http://127.0.0.1:{proxy.port}"))
        request = f.send({"op": "get", "url": f"s3://{bucket}/big", "dest": f"{tmp_root}/big", "digest": sha256(data)})
        assert f.wait(request)["attempts"] == 3
        with open(f"{tmp_root}/big", "rb") as got:
            assert got.read() == data
        assert [e["event"] for e in f.events[request] if e["event"] != "progress"] == ["retry", "retry", "done"]
        ranges = [line for text in proxy.requests for line in text.split("\r\n") if line.startswith("Range:")]
        assert len(ranges) == 2 and all(int(r.split("=")[1].rstrip("-")) > 500000 for r in ranges)
    assert sorted(os.listdir(tmp_root)) == ["big", "src"]


def test_a_download_is_resumed_by_the_next_run(swift, store, fetch, bucket, tmp_root):
    data = os.urandom(1 << 20)
    with open(f"{tmp_root}/src", "wb") as f:
        f.write(data)
    store.run({"op": "put", "url": f"s3://{bucket}/big", "file": f"{tmp_root}/src"})
    get = {"op": "get", "url": f"s3://{bucket}/big", "dest": f"{tmp_root}/big", "digest": sha256(data)}
    with CuttingProxy(swift.port) as proxy:
        settings = swift.settings(endpoint=f"http://127.0.0.1:{proxy.port}")
        proxy.cuts = [500000]
        assert failure(fetch(settings, attempts=1), get).code == "unavailable"
        assert os.path.getsize(f"{tmp_root}/big.part") > 400000
        proxy.requests.clear()
        assert fetch(settings).run(get)["bytes"] == len(data)
        assert "Range: bytes=" in proxy.requests[0]


def test_an_object_that_changed_meanwhile_is_fetched_from_the_beginning(swift, store, fetch, bucket, tmp_root):
    old, new = os.urandom(1 << 20), os.urandom(1 << 20)
    for name, data in (("old", old), ("new", new)):
        with open(f"{tmp_root}/{name}", "wb") as f:
            f.write(data)
    store.run({"op": "put", "url": f"s3://{bucket}/big", "file": f"{tmp_root}/old"})
    get = {"op": "get", "url": f"s3://{bucket}/big", "dest": f"{tmp_root}/big", "digest": sha256(new)}
    with CuttingProxy(swift.port) as proxy:
        settings = swift.settings(endpoint=f"http://127.0.0.1:{proxy.port}")
        proxy.cuts = [500000]
        failure(fetch(settings, attempts=1), get)
        store.run({"op": "put", "url": f"s3://{bucket}/big", "file": f"{tmp_root}/new"})
        fetch(settings).run(get)
    with open(f"{tmp_root}/big", "rb") as f:
        assert f.read() == new


def test_server_errors_heal_and_refusals_do_not(fetch, tmp_root):
    seen = []
    with web_server(answering((503, {}, b"busy"), (500, {}, b""), (200, {}, b"fine"), seen=seen)) as url:
        assert fetch().run({"op": "get", "url": f"{url}/x", "dest": f"{tmp_root}/x"})["attempts"] == 3
    for status, code in ((403, "denied"), (404, "not-found"), (410, "invalid")):
        seen.clear()
        with web_server(answering((status, {}, b"no"), seen=seen)) as url:
            error = failure(fetch(), {"op": "get", "url": f"{url}/x", "dest": f"{tmp_root}/x"})
        assert error.code == code and f"{url}/x" in error.message and str(status) in error.message
        assert error.stack == ["ARTIFACT_DOWNLOAD_ERROR", "HTTP_REQUEST_ERROR"]
        assert len(seen) == 1


def test_a_short_answer_is_no_success(fetch, tmp_root):
    with web_server(answering((200, {"Content-Length": "100"}, b"short"))) as url:
        error = failure(fetch(), {"op": "get", "url": f"{url}/x", "dest": f"{tmp_root}/x"})
    assert error.code == "unavailable" and not os.path.exists(f"{tmp_root}/x")


def test_a_silent_server_times_out(fetch, tmp_root):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        f = fetch(attempts=1, stallTimeoutMs=1000)
        error = failure(f, {"op": "get", "url": f"http://127.0.0.1:{silent.getsockname()[1]}/x", "dest": f"{tmp_root}/x"})
    assert error.code == "timeout"


def test_cancel(fetch, tmp_root):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        f = fetch()
        request = f.send({"op": "get", "url": f"http://127.0.0.1:{silent.getsockname()[1]}/x", "dest": f"{tmp_root}/x"})
        f.cancel(request)
        with pytest.raises(FetchError) as caught:
            f.wait(request)
    assert caught.value.code == "canceled"


# ---- other schemes, limits ----

def test_http_with_redirect_and_file(fetch, tmp_root):
    os.mkdir(f"{tmp_root}/www")
    with open(f"{tmp_root}/www/ä b.txt", "w") as f:
        f.write("web")
    with web_server(functools.partial(Quiet, directory=f"{tmp_root}/www")) as url:
        f = fetch()
        f.run({"op": "get", "url": f"{url}/%C3%A4%20b.txt", "dest": f"{tmp_root}/a"})
        with web_server(answering((302, {"Location": f"{url}/%C3%A4%20b.txt"}, b""))) as other:
            f.run({"op": "get", "url": f"{other}/", "dest": f"{tmp_root}/b"})
        with web_server(answering((302, {"Location": f"file://{tmp_root}/www/x"}, b""))) as other:
            assert failure(f, {"op": "get", "url": f"{other}/", "dest": f"{tmp_root}/no"}).code == "unsupported"
    f.run({"op": "get", "url": f"file://{tmp_root}/www/%C3%A4%20b.txt", "dest": f"{tmp_root}/c", "digest": sha256(b"web")})
    for name in "abc":
        with open(f"{tmp_root}/{name}") as got:
            assert got.read() == "web"
    error = failure(f, {"op": "get", "url": f"file://{tmp_root}/none", "dest": f"{tmp_root}/d"})
    assert error.code == "not-found" and f"{tmp_root}/none" in error.message
    assert failure(f, {"op": "get", "url": f"file://{tmp_root}", "dest": f"{tmp_root}/d"}).code == "invalid"


def test_an_empty_file(store, bucket, tmp_root):
    store.run({"op": "put", "url": f"s3://{bucket}/empty", "text": ""})
    assert store.run({"op": "get", "url": f"s3://{bucket}/empty", "dest": f"{tmp_root}/e", "digest": sha256(b"")})["bytes"] == 0


def test_max_bytes(fetch, tmp_root):
    for headers in ({}, {"Content-Length": "2000", "Connection": "close"}):
        with web_server(answering((200, headers, b"x" * 2000))) as url:
            error = failure(fetch(), {"op": "get", "url": f"{url}/x", "dest": f"{tmp_root}/x", "maxBytes": 1000})
        assert error.code == "limit-exceeded" and "1000" in error.message


def test_free_space_is_checked_first(fetch, tmp_root):
    seen = []
    with web_server(answering((200, {}, b"x" * 5000), seen=seen)) as url:
        f = fetch(minFreeBytes=1 << 50)
        error = failure(f, {"op": "get", "url": f"{url}/x", "dest": f"{tmp_root}/x"})
    assert error.code == "no-space" and "bytes free" in error.message and seen == []
    assert error.stack == ["ARTIFACT_DOWNLOAD_ERROR", "DISK_SPACE_CRITICAL"]


def test_no_space_on_a_small_disk(fetch, tmp_root):
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small tmpfs")
    disk = f"{tmp_root}/disk"
    os.mkdir(disk)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True).returncode != 0:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        with web_server(answering((200, {}, b"x" * (3 << 20)))) as url:
            error = failure(fetch(), {"op": "get", "url": f"{url}/x", "dest": f"{disk}/x"})
            assert error.code == "no-space" and "DISK_SPACE_CRITICAL" in error.stack and disk in error.message
        with open(f"{tmp_root}/z.zip", "wb") as out, zipfile.ZipFile(out, "w") as z:
            z.writestr("big", os.urandom(3 << 20))
        error = failure(fetch(), {"op": "unpack", "file": f"{tmp_root}/z.zip", "unarchive": "ZIP", "unarchiveTo": f"{disk}/z"})
        assert error.code == "no-space" and os.listdir(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


# ---- archives ----

def make_zip(path, entries, symlinks=()):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in entries.items():
            z.writestr(name, data)
        for name, target in symlinks:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o120777 << 16
            z.writestr(info, target)


def make_tar(path, members, mode="w"):
    """members: (name, type, content or link target)"""
    with tarfile.open(path, mode) as t:
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(data)
                t.addfile(info, io.BytesIO(data))
            else:
                info.linkname = data
                t.addfile(info)


@pytest.mark.parametrize("kind", ["ZIP", "TAR", "TGZ"])
def test_archives_are_unpacked_with_modes(fetch, tmp_root, kind):
    archive, to = f"{tmp_root}/a", f"{tmp_root}/un/a"
    content = {"top.txt": b"top", "dir/inner.sh": b"#!/bin/sh\n", "dir/sub/grüße.bin": os.urandom(100000)}
    if kind == "ZIP":
        make_zip(archive, {**content, "emptydir/": b""})
    else:
        make_tar(archive, [(n, tarfile.REGTYPE, d) for n, d in content.items()] + [("./emptydir", tarfile.DIRTYPE, "")],
                 "w:gz" if kind == "TGZ" else "w")
    with open(archive, "rb") as f:
        digest = sha256(f.read())
    f = fetch()
    get = {"op": "get", "url": f"file://{archive}", "dest": f"{tmp_root}/copy", "digest": digest, "unarchive": kind,
           "unarchiveTo": to, "fileMode": 0o550}
    assert f.run(get)["unpacked"] == 3
    for name, data in content.items():
        with open(f"{to}/{name}", "rb") as got:
            assert got.read() == data
        assert os.stat(f"{to}/{name}").st_mode & 0o777 == 0o550
    for folder in (f"{tmp_root}/un", to, f"{to}/dir", f"{to}/dir/sub", f"{to}/emptydir"):
        assert os.stat(folder).st_mode & 0o777 == 0o755
    # Once more: nothing is written; a lost file is brought back.
    before = os.stat(f"{to}/top.txt").st_ino
    assert f.run(get)["unpacked"] == 3 and os.stat(f"{to}/top.txt").st_ino == before
    os.remove(f"{to}/dir/inner.sh")
    f.run(get)
    assert os.path.exists(f"{to}/dir/inner.sh")
    assert sorted(os.listdir(f"{tmp_root}/un")) == [".a.unpacked", "a"]


def test_a_new_archive_replaces_the_folder_whole(fetch, tmp_root):
    f = fetch()
    for names in (("a", "b"), ("b", "c")):
        make_zip(f"{tmp_root}/z.zip", {n: b"x" for n in names})
        f.run({"op": "unpack", "file": f"{tmp_root}/z.zip", "unarchive": "ZIP", "unarchiveTo": f"{tmp_root}/z"})
        assert sorted(os.listdir(f"{tmp_root}/z")) == list(names)


def test_links_inside_the_folder_are_kept(fetch, tmp_root):
    make_tar(f"{tmp_root}/t", [("lib/real.so", tarfile.REGTYPE, b"elf"), ("lib/link.so", tarfile.SYMTYPE, "real.so"),
                               ("bin/tool", tarfile.SYMTYPE, "../lib/real.so"), ("hard", tarfile.LNKTYPE, "lib/real.so")])
    fetch().run({"op": "unpack", "file": f"{tmp_root}/t", "unarchive": "TAR", "unarchiveTo": f"{tmp_root}/to"})
    for name in ("lib/link.so", "bin/tool", "hard"):
        with open(f"{tmp_root}/to/{name}", "rb") as f:
            assert f.read() == b"elf"


REG, SYM, HARD = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
HOSTILE_TARS = {
    "parent": ([("../evil", REG, b"x")], "leave the folder"),
    "parent inside": ([("a/../../evil", REG, b"x")], "leave the folder"),
    "absolute": ([("/tmp/sedge-evil", REG, b"x")], "absolute path"),
    "symlink out": ([("l", SYM, "../../etc/passwd")], "link out of the folder"),
    "absolute symlink": ([("l", SYM, "/etc/passwd")], "link out of the folder"),
    "through a symlink": ([("d", SYM, "."), ("d/x", REG, b"x")], "not a folder"),
    "symlink over two links": ([("p/q/b", SYM, "../.."), ("l", SYM, "p/q/b/..")], "link out of the folder"),
    "hard link out": ([("h", HARD, "../../etc/passwd")], "hard link"),
    "hard link to a symlink": ([("s", SYM, "x"), ("h", HARD, "s")], "hard link"),
    "hard link to nothing": ([("h", HARD, "none")], "hard link"),
    "device": ([("d", tarfile.CHRTYPE, "")], "device"),
    "pipe": ([("p", tarfile.FIFOTYPE, "")], "device, pipe or socket"),
    "file as folder": ([("f", REG, b"x"), ("f/g", REG, b"x")], "not a folder"),
    "control character": ([("a\nb", REG, b"x")], "control characters"),
    "deep": ([("/".join("d" * 40) + "/x", REG, b"x")], "deeper"),
}


@pytest.mark.parametrize("name", HOSTILE_TARS)
def test_hostile_tars_are_refused_whole(fetch, tmp_root, name):
    members, word = HOSTILE_TARS[name]
    make_tar(f"{tmp_root}/t", [("good", REG, b"good"), *members])
    error = failure(fetch(), {"op": "unpack", "file": f"{tmp_root}/t", "unarchive": "TAR", "unarchiveTo": f"{tmp_root}/in/to"})
    assert error.code == "invalid" and word in error.message and f"{tmp_root}/t" in error.message
    assert error.stack == ["ARTIFACT_DOWNLOAD_ERROR", "IO_ERROR", "IO_UNZIP_ERROR"]
    assert os.listdir(f"{tmp_root}/in") == [] and sorted(os.listdir(tmp_root)) == ["in", "t"]


@pytest.mark.parametrize("entries, symlinks, word", [
    ({"../evil": b"x"}, (), "leave the folder"),
    ({"/abs": b"x"}, (), "absolute path"),
    ({}, (("l", "../out"),), "link out of the folder"),
])
def test_hostile_zips_are_refused_whole(fetch, tmp_root, entries, symlinks, word):
    make_zip(f"{tmp_root}/z", {"good": b"x", **entries}, symlinks)
    error = failure(fetch(), {"op": "unpack", "file": f"{tmp_root}/z", "unarchive": "ZIP", "unarchiveTo": f"{tmp_root}/to"})
    assert error.code == "invalid" and word in error.message and os.listdir(tmp_root) == ["z"]


def test_bombs_are_refused(fetch, tmp_root):
    with gzip.open(f"{tmp_root}/bomb", "wb", 9) as g, tarfile.open(fileobj=g, mode="w|") as t:
        info = tarfile.TarInfo("zeros")
        info.size = 300 << 20
        t.addfile(info, open("/dev/zero", "rb"))
    error = failure(fetch(), {"op": "unpack", "file": f"{tmp_root}/bomb", "unarchive": "TGZ", "unarchiveTo": f"{tmp_root}/to"})
    assert error.code == "limit-exceeded" and "bomb" in error.message and os.listdir(tmp_root) == ["bomb"]


@pytest.mark.parametrize("kind", ["ZIP", "TAR", "TGZ"])
def test_damaged_archives_are_refused(fetch, tmp_root, kind):
    make_zip(f"{tmp_root}/z", {"a": os.urandom(50000)})
    with open(f"{tmp_root}/z", "rb") as f:
        whole = f.read()
    for data in (whole[:20000], b"no archive at all " * 100, whole[:1000] + os.urandom(500) + whole[1500:]):
        with open(f"{tmp_root}/x", "wb") as f:
            f.write(data)
        error = failure(fetch(), {"op": "unpack", "file": f"{tmp_root}/x", "unarchive": kind, "unarchiveTo": f"{tmp_root}/to"})
        assert error.code == "invalid" and "archive" in error.message and not os.path.exists(f"{tmp_root}/to")


# ---- the process ----

def test_it_does_not_outlive_its_parent(bin_dir, tmp_root):
    script = (f"import subprocess,sys,time\np=subprocess.Popen(['{bin_dir}/sedge-fetch'],stdin=subprocess.PIPE,"
              f"stdout=subprocess.PIPE)\np.stdin.write(b'{{\"op\":\"config\"}}\\nx\\n');p.stdin.flush();p.stdout.readline()\n"
              f"print(p.pid,flush=True);time.sleep(600)")
    parent = subprocess.Popen(["/usr/bin/python3", "-c", script], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    with open(f"/proc/{pid}/status") as f:
        status = dict(line.split(":", 1) for line in f)
    assert status["NoNewPrivs"].strip() == "1"
    handle = os.pidfd_open(pid)
    parent.kill()
    parent.wait()
    assert select.select([handle], [], [], 60)[0], "sedge-fetch is still there"
    os.close(handle)


def test_started_as_root_it_becomes_the_user_it_is_told(bin_dir, tmp_root, fetch):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    os.chmod(tmp_root, 0o777)
    f = fetch(user="nobody")
    with open(f"{tmp_root}/a", "w") as out:
        out.write("x")
    f.run({"op": "get", "url": f"file://{tmp_root}/a", "dest": f"{tmp_root}/b"})
    with open(f"/proc/{f.popen.pid}/status") as status:
        uids = next(line for line in status if line.startswith("Uid:")).split()[1:]
    assert set(uids) == {str(os.stat(f"{tmp_root}/b").st_uid)} != {"0"}
    error = failure(fetch(user="no-such-user-here"), {"op": "text", "url": f"file://{tmp_root}/a"})
    assert error.code == "not-found" and "no-such-user-here" in error.message


def test_unknown_options_are_refused(bin_dir):
    done = subprocess.run([f"{bin_dir}/sedge-fetch", "--secret=x"], capture_output=True, text=True)
    assert done.returncode == 2 and "usage" in done.stderr
    assert subprocess.run([f"{bin_dir}/sedge-fetch", "--version"]).returncode == 0


# ---- TLS ----

def test_https_with_the_right_and_the_wrong_authority(fetch, ca, tmp_root):
    cert, key = ca.server("localhost", "127.0.0.1")
    other = CA(f"{tmp_root}/other")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answering((200, {}, b"safe")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_port}/x"
    try:
        assert fetch(caFile=ca.cert).run({"op": "text", "url": url})["text"] == "safe"
        error = failure(fetch(caFile=other.cert), {"op": "text", "url": url})
        assert error.code == "denied" and "certificate" in error.message and "caFile" in error.message
        assert error.stack[-1] == "TLS_HANDSHAKE_FAILURE"
        error = failure(fetch(caFile=f"{tmp_root}/none"), {"op": "text", "url": url})
        assert error.code == "invalid" and "caFile" in error.message
        error = failure(fetch(caFile=ca.cert, attempts=1), {"op": "text", "url": url.replace("https", "http")})
        assert error.code == "unavailable"
    finally:
        server.shutdown()
        server.server_close()
