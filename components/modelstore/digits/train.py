#!/usr/bin/python3
"""Trains the meter reader's digit model and writes everything that is committed beside this script.

    /usr/bin/python3 train.py [--out DIR]

Data: the 1797 handwritten digits of scikit-learn (8x8 grey, values 0..16), inside Debian's python3-sklearn. A fixed
stratified fifth is held out: the network never sees it, the accuracy in MODEL_CARD.md is measured on it, and the sample
images are taken from it. Needs python3-sklearn, python3-numpy, python3-onnx; nothing is downloaded.
"""

import argparse
import json
import os
import struct
import warnings
import zlib

import numpy as np

warnings.simplefilter("ignore")
for alias, real in (("float", float), ("int", int), ("bool", bool), ("object", object)):
    if alias not in np.__dict__:
        setattr(np, alias, real)  # python3-onnx 1.12 still uses names that numpy removed
import onnx  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

SEED = 20240307
HELD_OUT = 0.2
SIZE = 8
VERSIONS = {  # channels of the two convolutions, hidden units, epochs
    "v1": dict(c1=8, c2=16, hidden=48, epochs=150),
    "v2": dict(c1=16, c2=32, hidden=64, epochs=120),
}
SAMPLES_PER_DIGIT = 2
SAMPLE_SCALE = 8  # 8x8 becomes 64x64


def load():
    """Images as float32 in 0..1, labels, and the indices of both parts of the split."""
    digits = load_digits()
    x = (digits.images / 16.0).astype(np.float32)
    index = np.arange(len(x))
    train, held = train_test_split(index, test_size=HELD_OUT, stratify=digits.target, random_state=SEED)
    return x, digits.target, np.sort(train), np.sort(held)


def as_seen(x):
    """What the classifier feeds: the image as bytes, enlarged to a sample, and reduced again by its resizer."""
    return downscale(upscale(np.round(x * 255.0)), SIZE) / 255.0


def upscale(x):
    return x.repeat(SAMPLE_SCALE, axis=1).repeat(SAMPLE_SCALE, axis=2)


def downscale(x, size):
    """Bilinear filter widened to the scale, as in components/classify/resize.c."""
    m = filter_matrix(x.shape[1], size)
    return np.clip(np.einsum("ij,njk,lk->nil", m, x, m), 0, 255).astype(np.float32)


def filter_matrix(n, size):
    scale = n / size
    support = max(scale, 1.0)
    m = np.zeros((size, n))
    for o in range(size):
        centre = (o + 0.5) * scale
        at = np.arange(n) + 0.5
        w = np.maximum(0.0, 1.0 - np.abs(at - centre) / support)
        m[o] = w / w.sum()
    return m


def augment(x, rng):
    """Shift, rotation, scale, shear and brightness, each image by its own draw."""
    n = len(x)
    angle = rng.uniform(-0.22, 0.22, n)
    scale = rng.uniform(0.88, 1.12, n)
    shear = rng.uniform(-0.15, 0.15, n)
    dx, dy = rng.uniform(-0.8, 0.8, (2, n))
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    yy, xx = np.mgrid[0:SIZE, 0:SIZE] - (SIZE - 1) / 2
    u = c[:, None, None] * xx + (shear * scale - s)[:, None, None] * yy + dx[:, None, None] + (SIZE - 1) / 2
    v = s[:, None, None] * xx + c[:, None, None] * yy + dy[:, None, None] + (SIZE - 1) / 2
    x0, y0 = np.floor(u).astype(int), np.floor(v).astype(int)
    fx, fy = u - x0, v - y0
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2)))
    i = np.arange(n)[:, None, None]

    def at(yi, xi):
        return padded[i, np.clip(yi + 2, 0, SIZE + 3), np.clip(xi + 2, 0, SIZE + 3)]

    out = (at(y0, x0) * (1 - fx) * (1 - fy) + at(y0, x0 + 1) * fx * (1 - fy)
           + at(y0 + 1, x0) * (1 - fx) * fy + at(y0 + 1, x0 + 1) * fx * fy)
    return (out * rng.uniform(0.8, 1.1, (n, 1, 1)) + rng.normal(0, 0.03, x.shape)).astype(np.float32)


def patches(x):
    """[n,c,h,w] to [n,h,w,c*9]: the 3x3 neighbourhood of each pixel, zero outside."""
    n, c, h, w = x.shape
    p = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(p, (3, 3), axis=(2, 3))
    return view.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


class Net:
    """Conv 3x3, Relu, Conv 3x3, Relu, MaxPool 2x2, Gemm, Relu, Gemm, Softmax; with its gradient and Adam."""

    def __init__(self, rng, c1, c2, hidden):
        flat = c2 * (SIZE // 2) ** 2

        def weight(out, inp):
            return (rng.normal(0, np.sqrt(2.0 / inp), (out, inp))).astype(np.float32)

        self.c1, self.c2, self.flat = c1, c2, flat
        self.p = {"conv1_w": weight(c1, 9), "conv1_b": np.zeros(c1, np.float32),
                  "conv2_w": weight(c2, c1 * 9), "conv2_b": np.zeros(c2, np.float32),
                  "fc1_w": weight(hidden, flat), "fc1_b": np.zeros(hidden, np.float32),
                  "fc2_w": weight(10, hidden), "fc2_b": np.zeros(10, np.float32)}
        self.m = {k: np.zeros_like(v) for k, v in self.p.items()}
        self.v = {k: np.zeros_like(v) for k, v in self.p.items()}
        self.t = 0

    def forward(self, x):
        p = self.p
        k = {"p1": patches(x[:, None])}
        k["a1"] = np.maximum(k["p1"] @ p["conv1_w"].T + p["conv1_b"], 0)
        k["p2"] = patches(k["a1"].transpose(0, 3, 1, 2))
        k["a2"] = np.maximum(k["p2"] @ p["conv2_w"].T + p["conv2_b"], 0)
        n = len(x)
        blocks = k["a2"].reshape(n, SIZE // 2, 2, SIZE // 2, 2, self.c2)
        k["blocks"], k["pool"] = blocks, blocks.max(axis=(2, 4))
        k["flat"] = k["pool"].transpose(0, 3, 1, 2).reshape(n, self.flat)
        k["a3"] = np.maximum(k["flat"] @ p["fc1_w"].T + p["fc1_b"], 0)
        z = k["a3"] @ p["fc2_w"].T + p["fc2_b"]
        z = np.exp(z - z.max(axis=1, keepdims=True))
        k["y"] = z / z.sum(axis=1, keepdims=True)
        return k

    def gradient(self, k, target):
        n, half, p, g = len(target), SIZE // 2, self.p, {}
        d = (k["y"] - target) / n
        g["fc2_w"], g["fc2_b"] = d.T @ k["a3"], d.sum(0)
        d = (d @ p["fc2_w"]) * (k["a3"] > 0)
        g["fc1_w"], g["fc1_b"] = d.T @ k["flat"], d.sum(0)
        d = (d @ p["fc1_w"]).reshape(n, self.c2, half, half).transpose(0, 2, 3, 1)
        hit = k["blocks"] == k["pool"][:, :, None, :, None]
        d = (hit * d[:, :, None, :, None]).reshape(n, SIZE, SIZE, self.c2) * (k["a2"] > 0)
        rows, p2 = d.reshape(-1, self.c2), k["p2"].reshape(-1, self.c1 * 9)
        g["conv2_w"], g["conv2_b"] = rows.T @ p2, rows.sum(0)
        d = (d @ p["conv2_w"]).reshape(n, SIZE, SIZE, self.c1, 3, 3)
        back = np.zeros((n, SIZE + 2, SIZE + 2, self.c1), np.float32)
        for i in range(3):
            for j in range(3):
                back[:, i:i + SIZE, j:j + SIZE] += d[:, :, :, :, i, j]
        d = back[:, 1:-1, 1:-1] * (k["a1"] > 0)
        rows = d.reshape(-1, self.c1)
        g["conv1_w"], g["conv1_b"] = rows.T @ k["p1"].reshape(-1, 9), rows.sum(0)
        return g

    def adam(self, g, rate):
        self.t += 1
        for name, value in g.items():
            if name.endswith("_w"):
                value = value + 1e-4 * self.p[name]
            self.m[name] = 0.9 * self.m[name] + 0.1 * value
            self.v[name] = 0.999 * self.v[name] + 0.001 * value ** 2
            m, v = self.m[name] / (1 - 0.9 ** self.t), self.v[name] / (1 - 0.999 ** self.t)
            self.p[name] = (self.p[name] - rate * m / (np.sqrt(v) + 1e-8)).astype(np.float32)

    def accuracy(self, x, labels):
        return float((self.forward(x)["y"].argmax(1) == labels).mean())


def train(x, labels, c1, c2, hidden, epochs):
    rng = np.random.default_rng(SEED)
    net = Net(rng, c1, c2, hidden)
    batch, steps = 64, 0
    total = epochs * (len(x) // batch)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            pick = order[start:start + batch]
            rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * steps / total)) + 1e-5
            net.adam(net.gradient(net.forward(augment(x[pick], rng)), np.eye(10, dtype=np.float32)[labels[pick]]), rate)
            steps += 1
    return net


def export(net, path, version):
    p = net.p
    weights = {"conv1_w": p["conv1_w"].reshape(net.c1, 1, 3, 3), "conv2_w": p["conv2_w"].reshape(net.c2, net.c1, 3, 3)}
    init = [numpy_helper.from_array(weights.get(k, v).astype(np.float32), k) for k, v in p.items()]
    conv = dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
    nodes = [
        helper.make_node("Conv", ["input", "conv1_w", "conv1_b"], ["conv1"], "conv1", **conv),
        helper.make_node("Relu", ["conv1"], ["relu1"], "relu1"),
        helper.make_node("Conv", ["relu1", "conv2_w", "conv2_b"], ["conv2"], "conv2", **conv),
        helper.make_node("Relu", ["conv2"], ["relu2"], "relu2"),
        helper.make_node("MaxPool", ["relu2"], ["pool"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pool"], ["flat"], "flatten", axis=1),
        helper.make_node("Gemm", ["flat", "fc1_w", "fc1_b"], ["fc1"], "fc1", transB=1),
        helper.make_node("Relu", ["fc1"], ["relu3"], "relu3"),
        helper.make_node("Gemm", ["relu3", "fc2_w", "fc2_b"], ["fc2"], "fc2", transB=1),
        helper.make_node("Softmax", ["fc2"], ["output"], "softmax", axis=1),
    ]
    graph = helper.make_graph(
        nodes, "meter-reader-digits",
        [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 1, SIZE, SIZE])],
        [helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, 10])], init)
    model = helper.make_model(graph, producer_name="sedge", producer_version=version,
                              opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    onnx.checker.check_model(model)
    with open(path, "wb") as f:
        f.write(model.SerializeToString())
    return os.path.getsize(path)


def metadata(version):
    return {
        "Requirements": {"TargetDeviceType": "cpu"},
        "Model": {
            "Inputs": [{"name": "input", "dtype": "float32", "shape": [1, 1, SIZE, SIZE]}],
            "Outputs": [{"name": "output", "dtype": "float32", "shape": [1, 10]}],
        },
        "ImageClassification": {
            "Description": "meter reader's digit model " + version,
            "Width": SIZE, "Height": SIZE, "Channels": "gray",
            "Mean": [0], "Scale": [255],
            "Labels": "labels.txt", "Softmax": True,
        },
    }


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def png(pixels):
    h, w = pixels.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + pixels[y].tobytes() for y in range(h))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def bmp(pixels):
    h, w = pixels.shape
    stride = (w * 3 + 3) // 4 * 4
    rows = b"".join(pixels[y].repeat(3).tobytes().ljust(stride, b"\0") for y in range(h - 1, -1, -1))
    return (struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, w, h, 1, 24, 0, len(rows), 2835, 2835, 0, 0) + rows)


def samples(folder, x, labels, held):
    os.makedirs(folder, exist_ok=True)
    for digit in range(10):
        chosen = [i for i in held if labels[i] == digit][:SAMPLES_PER_DIGIT]
        for k, i in enumerate(chosen):
            pixels = upscale(np.round(x[i:i + 1] * 255.0))[0].astype(np.uint8)
            kind, encode = ("bmp", bmp) if k == 1 and digit % 5 == 0 else ("png", png)
            write(os.path.join(folder, "digit_%d_%04d.%s" % (digit, i, kind)), encode(pixels))


CARD = """# A meter reader's digit model

Reads one handwritten digit. Input `input`: float32 `[1,1,8,8]`, grey, ink bright on dark, byte / 255. Output `output`:
float32 `[1,10]`, softmax probabilities of the digits 0 to 9. ONNX opset 13: Conv, Relu, MaxPool, Flatten, Gemm, Softmax.

**Data.** The 1797 handwritten digits of scikit-learn ({n_train} for training, {n_held} held out: a stratified split with
seed {seed}). They are a part of the "Optical Recognition of Handwritten Digits" set (E. Alpaydin, C. Kaynak; UCI Machine
Learning Repository, CC BY 4.0): its test part, by 13 writers. The file tells nothing about who
wrote which digit, so both parts of our split may hold digits of the same writer.

**Training.** `train.py` (numpy, fixed seed, some minutes): Adam, shifts, rotations, scale, shear, brightness, noise.

**Measured on the held-out {n_held} digits** (never trained on; the length of training of v1 was
raised once, from 40 epochs, after its accuracy on the training part had shown that it was not done):

| version | parameters | file | accuracy, 8x8 as they are | accuracy through a 64x64 sample and the classifier's resizer |
| --- | --- | --- | --- | --- |
{rows}

The sample images in `samples/` are held-out digits, enlarged to 64x64; a file name holds the label and the number in the
data set.

**Limits.** One centred digit, bright on dark. A picture of a whole meter needs a detector first, which this is not. Anything
that is not a digit still gets one of ten labels: look at the score.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    out = parser.parse_args().out
    x, labels, part, held = load()
    rows = []
    for version, shape in VERSIONS.items():
        net = train(x[part], labels[part], **shape)
        folder = os.path.join(out, version)
        os.makedirs(folder, exist_ok=True)
        size = export(net, os.path.join(folder, "digits.onnx"), version)
        write(os.path.join(folder, "model.meta"), (json.dumps(metadata(version), indent=2) + "\n").encode())
        write(os.path.join(folder, "labels.txt"), "".join("%d\n" % d for d in range(10)).encode())
        raw = net.accuracy(x[held], labels[held])
        seen = net.accuracy(as_seen(x[held]), labels[held])
        count = sum(v.size for v in net.p.values())
        rows.append("| %s | %d | %.0f KB | %.2f %% | %.2f %% |" % (version, count, size / 1000, 100 * raw, 100 * seen))
        print(version, "train %.4f" % net.accuracy(x[part], labels[part]), "held out %.4f" % raw, "as seen %.4f" % seen)
    samples(os.path.join(out, "samples"), x, labels, held)
    card = CARD.format(n_train=len(part), n_held=len(held), seed=SEED, rows="\n".join(rows))
    write(os.path.join(out, "MODEL_CARD.md"), card.encode())


if __name__ == "__main__":
    main()
