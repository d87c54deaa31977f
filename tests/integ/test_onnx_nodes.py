"""Every operator of the back-end onnx against the reference cases of ONNX itself: one case is a model of one node, its inputs and what has
to come out. A case is tried as it is and, when an operand has to be a constant, with all operands but the first one as constants."""
import os
import re
from collections import Counter

import numpy

import support.onnx_names  # noqa: F401
from onnx import numpy_helper
from onnx.backend.test.case import node

# Operators that have to pass at least one case. (The cases of Cast and ReduceLogSumExp are of types that are not
# computed; test_operators.c has others.)
REQUIRED = """Abs Acos Add And ArgMax ArgMin Asin Atan AveragePool BatchNormalization Ceil Celu Clip Concat Conv ConvTranspose Cos DepthToSpace
DequantizeLinear Div Dropout Elu Equal Erf Exp Expand Flatten Floor Gather Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
HardSigmoid HardSwish Identity LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mul Neg NonMaxSuppression Not Or
PRelu Pad Pow QuantizeLinear Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
ReduceSumSquare Relu Reshape Resize Round Selu Shape Sigmoid Sign Sin Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze
Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Unsqueeze Upsample Where Xor""".split()
OLDEST = 7  # opset
REFUSED = re.compile(r'operator \S+ \(node ".*", opset \d+\): |input ".*"(: | is of type )|the model has no input|more than 6 dimensions')

RUN = """
root = sys.argv[1]
for name in sorted(os.listdir(root)):
    folder = os.path.join(root, name)
    print("begin", name, flush=True)
    try:
        model = dlr.DLRModel(folder)
        with numpy.load(os.path.join(folder, "inputs.npz")) as inputs:
            result = model.run({key: inputs[key] for key in model.get_input_names()})
        numpy.savez(os.path.join(folder, "results.npz"), *result)
        print("ok", name, flush=True)
    except dlr.DLRError as e:
        print("refused", name, str(e).replace(chr(10), " "), flush=True)
"""


def collect():
    """The cases whose values are all tensors of numbers."""
    for case in node.collect_testcases(None):
        values = [v for data in case.data_sets for side in data for v in side]
        if any(not isinstance(v, (numpy.ndarray, numpy.generic)) or v.dtype == object for v in values) or len(case.data_sets) != 1:
            continue
        if any(n.domain for n in case.model.graph.node):
            continue
        for opset in case.model.opset_import:
            opset.version = max(opset.version, OLDEST)  # these operators are the same there
        yield case


def with_constants(model, inputs):
    """The model with all its inputs but the first as constants."""
    changed = type(model)()
    changed.CopyFrom(model)
    del changed.graph.input[1:]
    for value, array in list(zip(model.graph.input, inputs))[1:]:
        changed.graph.initializer.append(numpy_helper.from_array(array, value.name))
    return changed


def write(folder, model, inputs):
    os.makedirs(folder)
    with open(os.path.join(folder, "model.onnx"), "wb") as f:
        f.write(model.SerializeToString())
    numpy.savez(os.path.join(folder, "inputs.npz"), **{v.name: a for v, a in zip(model.graph.input, inputs)})


def outcomes(dlr_script, root):
    """Name -> "ok" or the refusal, of all the models below root, from one process."""
    said = [line.split(" ", 2) for line in dlr_script(RUN, str(root), DLR_BACKEND="onnx", TVM_NUM_THREADS="1").splitlines()]
    return {word[1]: word[2] if word[0] == "refused" else "ok" for word in said if word[0] != "begin"}


def difference(case, folder):
    """Why the results are not those of the case; empty when they are."""
    with numpy.load(os.path.join(folder, "results.npz")) as results:
        got = [results[key] for key in results.files]
    for have, want in zip(got, case.data_sets[0][1]):
        if have.dtype != want.dtype or have.shape != want.shape:
            return f"{have.dtype}{list(have.shape)}, expected {want.dtype}{list(want.shape)}"
        try:
            numpy.testing.assert_allclose(have, want, rtol=case.rtol, atol=1e-5)
        except AssertionError as e:
            return str(e)
    return ""


def test_the_reference_cases_of_onnx_pass_or_are_refused_by_name(dlr_script, tmp_path, record_property):
    cases = {case.name: case for case in collect()}
    for name, case in cases.items():
        inputs = case.data_sets[0][0]
        write(tmp_path / name, case.model, inputs)
        if len(inputs) > 1 and len(inputs) == len(case.model.graph.input):
            write(tmp_path / f"{name}.constants", with_constants(case.model, inputs), inputs[:1])
    outcome = outcomes(dlr_script, tmp_path)
    passed, wrong, applicable = Counter(), [], 0
    for name, case in cases.items():
        tried = [each for each in (name, f"{name}.constants") if outcome.get(each) == "ok"]
        operator = case.model.graph.node[0].op_type
        wrong += [f"{each}: {outcome[each]}" for each in (name, f"{name}.constants")
                  if each in outcome and each not in tried and not REFUSED.search(outcome[each])]
        different = [f"{each}: {text}" for each in tried if (text := difference(case, tmp_path / each))]
        wrong += different
        applicable += bool(tried)
        passed[operator] += bool(tried) and not different
    line = f"{passed.total()} passed of {applicable} applicable ({len(cases)} cases of ONNX' node tests)"
    print(line)
    record_property("line", line)
    assert not wrong, "\n".join(wrong)
    assert not [operator for operator in REQUIRED if not passed[operator]]
