"""sedge-dlr as a user would call it."""
import json
import os
import struct
import subprocess

import pytest

from support.dlr_python import DIGITS


@pytest.fixture(scope="module")
def tool(bin_dir):
    """tool(*words, code=0): what it printed; with another code, what it complained about."""
    def run(*words, code=0, **variables):
        done = subprocess.run([os.path.join(bin_dir, "sedge-dlr"), *words], capture_output=True, text=True, timeout=120,
                              env={**os.environ, **variables})
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr if code else done.stdout

    return run


def test_info_tells_what_is_in_a_model_and_why_it_runs_where(tool):
    said = tool("info", DIGITS)
    for words in ("back-end   onnx (the importer supports every operator)", "input  float32 [1,1,8,8]", "2 Conv", "weights    8"):
        assert words in said
    report = json.loads(tool("info", DIGITS, "--json"))
    assert report["operators"]["Conv"] == 2 and report["outputs"] == [{"name": "output", "type": "float32", "shape": [1, 10]}]
    assert report["memory"] > 0


def test_run_classifies_images(tool):
    image = os.path.join(DIGITS, "..", "samples", "digit_0_0101.png")
    assert tool("run", DIGITS, image, "--top", "1").splitlines()[1].split() == ["0.9998", "0"]
    [one] = json.loads(tool("run", DIGITS, image, "--json", "--threads", "1"))
    assert one["results"][0]["label"] == "0" and len(one["results"]) == 5 and one["results"][0]["score"] > 0.99


def test_run_takes_and_gives_raw_tensors(tool, tmp_path):
    (tmp_path / "in").write_bytes(struct.pack("<64f", *[1] * 64))
    given = f"input={tmp_path / 'in'}"
    assert tool("run", DIGITS, "--input", given).startswith("output 0: 10 elements of float32: ")
    for name in ("0", "output"):
        tool("run", DIGITS, "--input", given, "--output", f"{name}={tmp_path / 'out'}")
        assert sum(struct.unpack("<10f", (tmp_path / "out").read_bytes())) == pytest.approx(1)


def test_bench_tells_latency_load_time_and_memory(tool):
    assert "median" in tool("bench", DIGITS, "--runs", "3")
    figures = json.loads(tool("bench", DIGITS, "--runs", "3", "--threads", "1", "--json"))
    assert figures["backend"] == "onnx" and figures["threads"] == 1
    assert 0 < figures["bestMs"] <= figures["medianMs"] <= figures["p99Ms"] and figures["peakMB"] >= figures["residentMB"] > 0


@pytest.mark.parametrize("words, code, complaint", [
    ((), 2, "usage: sedge-dlr info"),
    (("info",), 2, "which model?"),
    (("info", DIGITS, DIGITS), 2, "info takes one model"),
    (("info", "/nowhere"), 1, "/nowhere: no such file or folder"),
    (("run", DIGITS), 2, "give images, or --input"),
    (("run", DIGITS, "a.png", "--input", "x=y"), 2, "do not go together"),
    (("run", DIGITS, "/dev/null"), 1, "/dev/null"),
    (("run", DIGITS, "--input", "x=/dev/null"), 1, "no input \"x\""),
    (("run", DIGITS, "--input", "input=/etc/hostname"), 1, "takes 256 (64 elements of float32)"),
    (("run", DIGITS, "--input", "input"), 2, "expected NAME=FILE"),
    (("bench", DIGITS, "--runs", "0"), 2, "--runs: 0 is outside 1..100000"),
    (("bench", DIGITS, "--speed"), 2, "unrecognized option"),
])
def test_wrong_words_are_answered_with_what_is_wrong(tool, words, code, complaint):
    assert complaint in tool(*words, code=code)


def test_a_model_that_neo_compiled_classifies_photos(tool, shared_dir):
    neo = os.path.join(shared_dir, "data", "neo", "mobilenet_v2_224")
    if not os.path.isdir(neo):
        pytest.skip("../shared/data is not there")
    if os.uname().machine != "x86_64":
        pytest.skip("the compiled model is for x86-64")
    labels, photo = (os.path.join(shared_dir, "data", name) for name in ("labels.txt", "images/cat_720p.jpg"))
    assert "Egyptian cat" in tool("run", neo, photo, "--labels", labels, "--top", "1")
