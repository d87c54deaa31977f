#!/usr/bin/python3
"""Latency, load time and memory of the model runtime, beside ONNX Runtime in the same run.

    tests/bench/dlr.py [BUILD_DIR] [--ort FILE] [--runs N] [--repeats N] [--json]

MobileNet V2 and V1 0.25 come from ../shared/data (as ONNX, and compiled by TVM), SqueezeNet 1.1 and ResNet-50 are made with seeded weights. For each, back-end
after back-end, REPEATS times over; a figure is the best of the medians of N runs. --ort: libonnxruntime.so.1; without it there are no ratios. Quiet machine, please.
"""
import json
import os
import subprocess
import tempfile

import common
import networks

DATA = os.path.join(common.SOURCE, "..", "shared", "data")
COLUMNS = (("median ms", "medianMs"), ("p99 ms", "p99Ms"), ("load to first result ms", "firstResultMs"), ("memory MB", "residentMB"),
           ("peak MB", "peakMB"))


def models(folder):
    """Name -> {back-end: path}."""
    found = {}
    for name in ("mobilenet_v2_224", "mobilenet_v1_0.25_128"):
        onnx, compiled = os.path.join(DATA, "models", name + ".onnx"), os.path.join(DATA, "neo", name)
        if os.path.exists(onnx):
            found[name] = {"onnx": onnx, "ort": onnx, "tvm": compiled}
    for name, make in (("squeezenet_1.1", networks.squeezenet), ("resnet_50", networks.resnet50)):
        path = os.path.join(folder, name + ".onnx")
        make(path)
        found[name] = {"onnx": path, "ort": path}
    return found


def bench(o, path, backend, threads):
    env = dict(os.environ, DLR_BACKEND="ort" if backend == "ort" else "onnx", DLR_ORT_PATH=o.ort or "", TVM_NUM_THREADS=str(threads))
    words = [os.path.join(o.build, "bin", "sedge-dlr"), "bench", path, "--json", "--runs", str(o.runs)]
    return json.loads(subprocess.run(words, env=env, check=True, capture_output=True, text=True).stdout)


def measure(o, paths, threads):
    best = {}
    for _ in range(o.repeats):
        for backend, path in paths.items():
            if backend == "ort" and not o.ort:
                continue
            figures = bench(o, path, backend, threads)
            figures["firstResultMs"] = figures["loadMs"] + figures["firstMs"]
            old = best.setdefault(backend, figures)
            best[backend] = {k: min(old[k], v) if isinstance(v, float) else v for k, v in figures.items()}
    return best


def ratio(figures, peer, key):
    return f" ({figures[key] / peer[key]:.2f})" if peer and figures is not peer else ""


def measurements(o):
    """(network, threads, back-end -> figures), one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        for name, paths in models(folder).items():
            for threads in (1, 2):
                yield name, threads, measure(o, paths, threads)


def print_table(rows):
    print("In brackets: as a ratio of ONNX Runtime's.\n")
    print("| network | threads | back-end | " + " | ".join(title for title, _ in COLUMNS) + " |")
    print("| --- " * (3 + len(COLUMNS)) + "|")
    for name, threads, best in rows:
        for backend, figures in best.items():
            cells = [f"{figures[key]:.2f}{ratio(figures, best.get('ort'), key)}" for _, key in COLUMNS]
            print(f"| {name} | {threads} | {backend} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--ort")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    o = parser.parse_args()
    if o.json:
        print(json.dumps([{"network": n, "threads": t, "backends": b} for n, t, b in measurements(o)]))
    else:
        print_table(measurements(o))


if __name__ == "__main__":
    main()
