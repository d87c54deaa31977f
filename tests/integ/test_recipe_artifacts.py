"""recipe.md 10: artifacts that are files. Images: test_recipe_images.py; downloads from an object store: test_fetch.py and tests/e2e."""
import base64
import functools
import hashlib
import http.server
import io
import os
import stat
import threading
import zipfile

import pytest

ROOT = os.geteuid() == 0
WRITE = 0 if ROOT else 0o200  # a nucleus that is not root keeps write access


def digest(data, algorithm="sha256"):
    return base64.b64encode(hashlib.new(algorithm, data.encode() if isinstance(data, str) else data).digest()).decode()


def archive(files):
    """files: name -> text, or (text, mode)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, what in files.items():
            text, mode = what if isinstance(what, tuple) else (what, 0o644)
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | mode) << 16
            z.writestr(info, text)
    return out.getvalue()


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture(scope="module")
def web(session_dir):
    """A web server with a folder and the paths that were asked for."""
    folder = os.path.join(session_dir, "web")
    os.makedirs(folder, exist_ok=True)
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.folder, server.asked, server.url = folder, asked, f"http://127.0.0.1:{server.server_address[1]}"
    yield server
    server.shutdown()
    server.server_close()


# ---- 10, 10.1: members and URIs ----

@pytest.mark.parametrize("n, uri, code", [
    (0, "", "EMPTY_ARTIFACT_URI"), (1, "file.txt", "EMPTY_ARTIFACT_SCHEME"), (2, "//bucket/key", "EMPTY_ARTIFACT_SCHEME"),
    (3, "not a uri", "ARTIFACT_URI_NOT_VALID"), (4, "lambda:arn:x", "UNSUPPORTED_ARTIFACT_SCHEME"), (5, "ftp://h/f", "UNSUPPORTED_ARTIFACT_SCHEME"),
    (6, "s3:bucket/key", "S3_ARTIFACT_URI_NOT_VALID"), (7, "s3://bucket", "S3_ARTIFACT_URI_NOT_VALID"), (8, "s3://bucket/", "S3_ARTIFACT_URI_NOT_VALID"),
    (9, "s3:///key", "S3_ARTIFACT_URI_NOT_VALID"), (10, "S3://bucket/folder/", "S3_ARTIFACT_URI_NOT_VALID"),
    (11, "greengrass:", "ARTIFACT_URI_NOT_VALID"), (12, "docker:Not/Valid:", "DOCKER_ARTIFACT_URI_NOT_VALID")])
def test_a_bad_uri_fails_the_deployment_with_its_code(recipes, n, uri, code):
    recipes.put(f"uri{n}", "true", artifacts=[{"Uri": uri}])
    cause, stack = recipes.refused(f"uri{n}")
    assert stack == ["DEPLOYMENT_FAILURE", "ARTIFACT_DOWNLOAD_ERROR", code]
    assert f"uri{n} 1.0.0" in cause and (not uri or uri in cause)


def test_bad_uris_of_manifests_that_are_not_used_do_not_matter(recipes):
    recipes.put("other-manifest", manifests=[{"Lifecycle": {"run": "echo ok"}}, {"Platform": {"os": "windows"}, "Artifacts": [{"Uri": ""}]}])
    recipes.deploy("other-manifest")
    assert recipes.said("other-manifest") == ["ok"]


@pytest.mark.parametrize("n, unarchive, stack", [(0, "RAR", "IO_MAPPING_ERROR"), (1, "GZIP", "IO_MAPPING_ERROR")])
def test_other_archives_make_the_recipe_unusable(recipes, n, unarchive, stack):
    recipes.put(f"archive{n}", "true", artifacts=[{"Uri": "s3://b/f", "Unarchive": unarchive}])
    assert recipes.refused(f"archive{n}")[1][-1] == stack


@pytest.mark.parametrize("n, uri", enumerate(["s3://bucket/a/b/file.ext", "S3://bucket/file.ext", "greengrass:abc/def/file.ext", "greengrass:file.ext"]))
def test_the_file_name_is_what_follows_the_last_slash(recipes, n, uri):
    recipes.put(f"name{n}", "cat {artifacts:path}/file.ext", artifacts=[{"Uri": uri}])
    recipes.place(f"name{n}", "file.ext", "content\n")
    recipes.deploy(f"name{n}")
    assert recipes.said(f"name{n}") == ["content"]


# ---- 10.2: is a download needed? ----

def test_a_file_with_the_right_digest_is_used(recipes):
    recipes.put("right", "cat {artifacts:path}/f", artifacts=[{"Uri": "s3://b/f", "Digest": digest("right\n"), "Algorithm": "SHA-256"}])
    recipes.place("right", "f", "right\n")
    recipes.deploy("right")
    assert recipes.said("right") == ["right"]


@pytest.mark.parametrize("n, algorithm", enumerate(["SHA-1", "SHA-512", "MD5"]))
def test_other_algorithms_are_known(recipes, n, algorithm):
    recipes.put(f"algorithm{n}", "echo ok", artifacts=[{"Uri": "s3://b/f", "Algorithm": algorithm,
                                                       "Digest": digest("x", algorithm.replace("-", "").lower())}])
    recipes.place(f"algorithm{n}", "f", "x")
    recipes.deploy(f"algorithm{n}")


def test_an_algorithm_that_nobody_knows_fails_the_deployment(recipes):
    recipes.put("no-algorithm", "true", artifacts=[{"Uri": "s3://b/f", "Digest": "x", "Algorithm": "SHA-9"}])
    recipes.place("no-algorithm", "f")
    cause, stack = recipes.refused("no-algorithm")
    assert stack[-1] == "HASHING_ALGORITHM_UNAVAILABLE" and "SHA-9" in cause


def test_a_file_without_a_digest_is_used_whatever_the_scheme_says(recipes):
    for n, uri in enumerate(("s3://no/such/f", "greengrass:no/f", "https://127.0.0.1:1/f", "file:///no/such/f")):
        recipes.put(f"placed{n}", "cat {artifacts:path}/f", artifacts=[{"Uri": uri}])
        recipes.place(f"placed{n}", "f", "placed\n")
    recipes.deploy("placed0", "placed1", "placed2", "placed3")
    assert [recipes.said(f"placed{n}") for n in range(4)] == [["placed"]] * 4


def test_only_a_digest_or_only_an_algorithm_is_not_checked(recipes):
    recipes.put("half", "echo ok", artifacts=[{"Uri": "s3://b/f", "Digest": "wrong"}, {"Uri": "s3://b/g", "Algorithm": "SHA-256"}])
    for file in ("f", "g"):
        recipes.place("half", file)
    recipes.deploy("half")


@pytest.mark.parametrize("n, more", enumerate([{}, {"Digest": "x", "Algorithm": "SHA-256"}]))
@pytest.mark.parametrize("scheme", ["s3://b/", "greengrass:a/"])
def test_a_missing_file_on_a_device_without_a_store_fails_first_of_all_because_of_that(recipes, n, more, scheme):
    name = f"no-store{n}-{scheme[:2]}"
    recipes.put(name, "true", artifacts=[{"Uri": f"{scheme}f", **more}])
    cause, stack = recipes.refused(name)
    assert stack[-1] == "DEVICE_CONFIG_NOT_VALID_FOR_ARTIFACT_DOWNLOAD" and f"{name}/1.0.0" in cause


def test_a_wrong_file_on_a_device_without_a_store_is_not_used(recipes):
    recipes.put("wrong", "true", artifacts=[{"Uri": "s3://b/f", "Digest": digest("right"), "Algorithm": "SHA-256"}])
    recipes.place("wrong", "f", "wrong")
    assert recipes.refused("wrong")[1][-1] == "DEVICE_CONFIG_NOT_VALID_FOR_ARTIFACT_DOWNLOAD"


def test_a_missing_file_without_algorithm_fails_the_deployment_of_a_device_with_a_store(recipes):
    recipes.configure({"objectStore": {"endpoint": "http://127.0.0.1:9"}})
    try:
        recipes.put("no-hash", "true", artifacts=[{"Uri": "s3://b/f"}])
        cause, stack = recipes.refused("no-hash")
        assert stack[-1] == "RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM" and "no-hash/1.0.0" in cause
    finally:
        recipes.configure(reset=["/objectStore"])


def test_a_file_that_is_fetched_is_checked_and_one_that_is_there_not_fetched(recipes, web):
    with open(os.path.join(web.folder, "fetched.txt"), "w", encoding="utf-8") as f:
        f.write("fetched\n")
    artifact = {"Uri": f"{web.url}/fetched.txt?x=1", "Digest": digest("fetched\n"), "Algorithm": "SHA-256"}
    recipes.put("fetched", "cat {artifacts:path}/fetched.txt", artifacts=[artifact])
    recipes.deploy("fetched")
    assert recipes.said("fetched") == ["fetched"]
    before = len(web.asked)
    recipes.deploy("fetched")
    assert len(web.asked) == before
    recipes.put("mismatch", "true", artifacts=[{**artifact, "Digest": digest("other")}])
    assert "ARTIFACT_CHECKSUM_MISMATCH" in recipes.refused("mismatch")[1]
    assert not os.path.exists(recipes.path("packages/artifacts/mismatch/1.0.0/fetched.txt"))


def test_a_file_with_the_wrong_digest_is_fetched_again(recipes, web):
    with open(os.path.join(web.folder, "again.txt"), "w", encoding="utf-8") as f:
        f.write("new\n")
    recipes.put("again", "cat {artifacts:path}/again.txt",
                artifacts=[{"Uri": f"{web.url}/again.txt", "Digest": digest("new\n"), "Algorithm": "SHA-256"}])
    recipes.place("again", "again.txt", "old\n")
    recipes.deploy("again")
    assert recipes.said("again") == ["new"]


# ---- 10.3, 10.4: folders and archives ----

@pytest.mark.parametrize("n, file, folder", [(0, "archive.zip", "archive"), (1, "my.lib.zip", "my.lib"), (2, "Archive.zip", "Archive"),
                                             (3, "noext", "noext"), (4, ".hidden.zip", ".hidden.zip")])
def test_an_archive_is_unpacked_into_a_folder_of_its_name(recipes, n, file, folder):
    recipes.put(f"folder{n}", f"cat {{artifacts:decompressedPath}}/{folder}/app/main", artifacts=[{"Uri": f"s3://b/{file}", "Unarchive": "zip"}])
    recipes.place(f"folder{n}", file, archive({"app/main": "unpacked\n"}))
    recipes.deploy(f"folder{n}")
    assert recipes.said(f"folder{n}") == ["unpacked"]
    assert os.path.exists(recipes.path(f"packages/artifacts/folder{n}/1.0.0/{file}"))


def test_modes_of_the_archive_are_not_used_and_folders_are_open(recipes):
    recipes.put("zip-modes", "true", artifacts=[{"Uri": "s3://b/a.zip", "Unarchive": "ZIP"}])
    recipes.place("zip-modes", "a.zip", archive({"d/x": ("x", 0o777), "d/e/y": ("y", 0o000)}))
    recipes.deploy("zip-modes")
    base = recipes.path("packages/artifacts-unarchived/zip-modes/1.0.0/a")
    assert [mode(os.path.join(base, p)) for p in ("d/x", "d/e/y", "d", "d/e")] == [0o440 | WRITE, 0o440 | WRITE, 0o755, 0o755]


def change(path, text):
    os.chmod(path, 0o640)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def read(*paths):
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as f:
            found.append(f.read())
    return found


def test_an_archive_is_not_unpacked_again_over_files_of_the_same_size(recipes):
    recipes.put("unpacked", "true", artifacts=[{"Uri": "s3://b/a.zip", "Unarchive": "ZIP"}])
    recipes.place("unpacked", "a.zip", archive({"one": "1234", "two": "12345"}))
    recipes.deploy("unpacked")
    one, two = (recipes.path("packages/artifacts-unarchived/unpacked/1.0.0/a", name) for name in ("one", "two"))
    change(one, "abcd")
    recipes.deploy("unpacked")
    assert read(one, two) == ["abcd", "12345"]
    change(two, "abc")
    recipes.deploy("unpacked")
    assert read(two) == ["12345"]


@pytest.mark.parametrize("n, name", enumerate(["../outside", "a/../../../outside", "/outside"]))
def test_an_archive_that_leaves_its_folder_fails_the_deployment_and_leaves_nothing(recipes, n, name):
    recipes.put(f"escape{n}", "true", artifacts=[{"Uri": "s3://b/a.zip", "Unarchive": "ZIP"}])
    recipes.place(f"escape{n}", "a.zip", archive({"first": "1", name: "2"}))
    cause, stack = recipes.refused(f"escape{n}")
    assert stack[-1] == "IO_UNZIP_ERROR" and "outside" in cause
    assert not os.path.exists(recipes.path(f"packages/artifacts-unarchived/escape{n}/1.0.0/a/first"))
    assert not os.path.exists(recipes.path(f"packages/artifacts-unarchived/escape{n}/1.0.0/outside"))


def test_what_is_no_archive_fails_the_deployment(recipes):
    recipes.put("no-zip", "true", artifacts=[{"Uri": "s3://b/a.zip", "Unarchive": "ZIP"}])
    recipes.place("no-zip", "a.zip", "this is no archive")
    assert recipes.refused("no-zip")[1][-1] == "IO_UNZIP_ERROR"


# ---- 10.5: permissions ----

PERMISSIONS = [(None, 0o440), ({}, 0o440), ({"Read": "OWNER", "Execute": "NONE"}, 0o440), ({"Execute": "OWNER"}, 0o550), ({"Read": "ALL"}, 0o444),
               ({"Execute": "ALL"}, 0o555), ({"Read": "NONE", "Execute": "NONE"}, 0o400), ({"Read": "NONE", "Execute": "OWNER"}, 0o550),
               ({"Read": "NONE", "Execute": "ALL"}, 0o555), ({"Read": "ALL", "Execute": "OWNER"}, 0o554), ({"Read": "ALL", "Execute": "ALL"}, 0o555)]


def test_permissions_become_mode_bits_of_files_and_of_what_is_unpacked(recipes):
    artifacts = []
    for n, (permission, _) in enumerate(PERMISSIONS):
        artifacts.append({"Uri": f"s3://b/p{n}.zip", "Unarchive": "ZIP", "Permission": permission})
        recipes.place("permissions", f"p{n}.zip", archive({"inside": "x"}), mode=0o777)
    recipes.put("permissions", "true", artifacts=artifacts)
    recipes.deploy("permissions")
    base = recipes.path("packages/{}/permissions/1.0.0")
    assert [(p, mode(os.path.join(base.format("artifacts"), f"p{n}.zip")) & ~WRITE) for n, (p, _) in enumerate(PERMISSIONS)] == PERMISSIONS
    assert [(p, mode(os.path.join(base.format("artifacts-unarchived"), f"p{n}/inside")) & ~WRITE)
            for n, (p, _) in enumerate(PERMISSIONS)] == PERMISSIONS


@pytest.mark.skipif(not ROOT, reason="needs a nucleus that runs as root")
def test_files_and_the_work_folder_belong_to_the_component_s_user(recipes):
    recipes.put("owned", "cat {artifacts:path}/a.zip >/dev/null && {artifacts:decompressedPath}/a/run && touch new && echo ok",
                artifacts=[{"Uri": "s3://b/a.zip", "Unarchive": "ZIP", "Permission": {"Execute": "OWNER"}}])
    recipes.place("owned", "a.zip", archive({"run": "#!/bin/sh\nid -un\n"}))
    recipes.deploy("owned")
    assert recipes.said("owned") == ["nobody", "ok"]
    owners = [os.stat(recipes.path(p)).st_uid for p in ("packages/artifacts/owned/1.0.0", "packages/artifacts/owned/1.0.0/a.zip",
                                                        "packages/artifacts-unarchived/owned/1.0.0/a/run", "work/owned")]
    nobody = owners[3]
    assert nobody != 0 and owners == [0, nobody, nobody, nobody]
    recipes.deploy("owned")
    assert os.stat(recipes.path("packages/artifacts/owned/1.0.0/a.zip")).st_uid == nobody


@pytest.mark.skipif(not ROOT, reason="needs a nucleus that runs as root")
def test_what_is_not_executable_cannot_be_executed(recipes):
    recipes.put("not-executable", "{artifacts:path}/f; echo $?", artifacts=[{"Uri": "s3://b/f"}])
    recipes.place("not-executable", "f", "#!/bin/sh\necho no\n", mode=0o755)
    recipes.deploy("not-executable")
    assert recipes.said("not-executable") == ["126"]
