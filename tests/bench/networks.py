"""ONNX files of SqueezeNet 1.1 and ResNet-50 with seeded random weights: the sizes of the real networks, without their knowledge."""
import common  # noqa: F401 (the path to support)
import numpy

import support.onnx_names  # noqa: F401
from onnx import TensorProto, helper, numpy_helper, save

SEED = 2024
SIDE = 224
CLASSES = 1000


class Network:
    def __init__(self):
        self.random = numpy.random.default_rng(SEED)
        self.nodes, self.weights = [], []

    def node(self, op, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def weight(self, *shape, scale=1.0):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array((self.random.standard_normal(shape) * scale).astype(numpy.float32), name))
        return name

    def conv(self, x, inputs, outputs, kernel, stride=1, pad=0, relu=True):
        scale = (2.0 / (inputs * kernel * kernel)) ** 0.5
        y = self.node("Conv", x, self.weight(outputs, inputs, kernel, kernel, scale=scale), self.weight(outputs, scale=0.01),
                      kernel_shape=[kernel, kernel], strides=[stride, stride], pads=[pad] * 4)
        return self.node("Relu", y) if relu else y

    def pool(self, x, pad=0):
        return self.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[pad] * 4)

    def save(self, path, output):
        graph = helper.make_graph(
            self.nodes, "network", [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, CLASSES])], self.weights)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)


def squeezenet(path):
    n = Network()

    def fire(x, inputs, squeeze, expand):
        s = n.conv(x, inputs, squeeze, 1)
        return n.node("Concat", n.conv(s, squeeze, expand, 1), n.conv(s, squeeze, expand, 3, pad=1), axis=1)

    x = n.pool(n.conv("input", 3, 64, 3, stride=2))
    x = n.pool(fire(fire(x, 64, 16, 64), 128, 16, 64))
    x = n.pool(fire(fire(x, 128, 32, 128), 256, 32, 128))
    x = fire(fire(x, 256, 48, 192), 384, 48, 192)
    x = fire(fire(x, 384, 64, 256), 512, 64, 256)
    n.save(path, n.node("Flatten", n.node("GlobalAveragePool", n.conv(x, 512, CLASSES, 1))))


def resnet50(path):
    n = Network()

    def block(x, inputs, middle, stride):
        y = n.conv(n.conv(n.conv(x, inputs, middle, 1), middle, middle, 3, stride=stride, pad=1), middle, middle * 4, 1, relu=False)
        if stride != 1 or inputs != middle * 4:
            x = n.conv(x, inputs, middle * 4, 1, stride=stride, relu=False)
        return n.node("Relu", n.node("Add", x, y))

    x, channels = n.pool(n.conv("input", 3, 64, 7, stride=2, pad=3), pad=1), 64
    for middle, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(blocks):
            x, channels = block(x, channels, middle, stride if i == 0 else 1), middle * 4
    x = n.node("Flatten", n.node("GlobalAveragePool", x))
    n.save(path, n.node("Gemm", x, n.weight(2048, CLASSES, scale=0.02), n.weight(CLASSES, scale=0.01)))
