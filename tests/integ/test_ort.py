"""The back-end ort: ONNX Runtime from npm behind the C API, for what the importer does not support."""
import os
import platform

import pytest

import support.onnx_names  # noqa: F401
from onnx import TensorProto, helper, save
from support.dlr_python import DIGITS
from support.node import install

ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}


@pytest.fixture(scope="module")
def ort(source_dir, tmp_path_factory):
    """Folder with libonnxruntime.so.1."""
    if platform.machine() not in ARCHITECTURES:
        pytest.skip(f"ONNX Runtime is not built for {platform.machine()}")
    package = os.path.join(install(os.path.join(source_dir, "tests", "ort")), "node_modules", "onnxruntime-node")
    built = os.path.join(package, "bin", "napi-v3", "linux", ARCHITECTURES[platform.machine()], "libonnxruntime.so.1.16.3")
    folder = tmp_path_factory.mktemp("ort")
    os.symlink(built, folder / "libonnxruntime.so.1")
    return str(folder)


def model(folder, nodes, inputs, outputs):
    """A folder with a model. inputs, outputs: name -> (element type, shape)."""
    folder.mkdir()
    graph = helper.make_graph(nodes, "g", *[[helper.make_tensor_value_info(n, t, s) for n, (t, s) in part.items()]
                                            for part in (inputs, outputs)])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(folder / "model.onnx"))
    return str(folder)


@pytest.fixture
def determinant(tmp_path):
    """Has an operator that the importer does not support."""
    return model(tmp_path / "det", [helper.make_node("Det", ["x"], ["y"])], {"x": (TensorProto.FLOAT, [1, 2, 2])},
                 {"y": (TensorProto.FLOAT, [1])})


def test_both_back_ends_give_the_same(dlr_script, ort):
    script = """
m = dlr.DLRModel(sys.argv[1])
m.set_num_threads(1)
y = m.run(numpy.linspace(0, 1, 64, dtype=numpy.float32))[0]
print(m.backend, m.get_input_names(), m.get_output_names(), [round(float(v), 4) for v in y.ravel()])
"""
    said = {name: dlr_script(script, DIGITS, DLR_ORT_PATH=ort, DLR_BACKEND=name) for name in ("onnx", "ort")}
    assert said["ort"].startswith("ort ['input']")
    assert said["ort"].split(" ", 1)[1] == said["onnx"].split(" ", 1)[1]


def test_what_the_importer_refuses_goes_to_onnx_runtime(dlr_script, ort, determinant):
    script = """
m = dlr.DLRModel(sys.argv[1])
m.set_num_threads(2)
print(m.backend, round(float(m.run(numpy.array([[1, 2], [3, 4]]))[0][0]), 3), m.get_input("x")[0, 1, 1])
"""
    assert dlr_script(script, determinant, DLR_ORT_PATH=ort) == "ort -2.0 4.0"


FAILING = """
try:
    print(dlr.DLRModel(sys.argv[1]).backend)
except dlr.DLRError as e:
    print(e)
"""


def test_the_fall_back_can_be_switched_off(dlr_script, ort, determinant):
    said = dlr_script(FAILING, determinant, DLR_ORT_PATH=ort, DLR_BACKEND="onnx")
    assert "operator Det" in said and "opset 13" in said and "ONNX Runtime" not in said


def test_without_the_library_the_refusal_tells_both_reasons(dlr_script, determinant, tmp_path):
    said = dlr_script(FAILING, determinant, DLR_ORT_PATH=str(tmp_path))
    assert "operator Det" in said and "ONNX Runtime cannot be loaded" in said and "DLR_ORT_PATH" in said


def test_a_library_that_is_another_one_is_refused(dlr_script, determinant):
    said = dlr_script(FAILING, determinant, DLR_BACKEND="ort", DLR_ORT_PATH="libm.so.6")
    assert "no OrtGetApiBase" in said


def test_an_unknown_back_end_is_refused(dlr_script):
    assert "DLR_BACKEND is \"tensorrt\"; expected onnx or ort" in dlr_script(FAILING, DIGITS, DLR_BACKEND="tensorrt")


def test_broken_files_are_not_given_to_onnx_runtime(dlr_script, ort, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"\xff" * 64)
    assert "ONNX Runtime" not in dlr_script(FAILING, str(tmp_path), DLR_ORT_PATH=ort)


def test_an_output_whose_size_depends_on_the_data_tells_it_after_the_run(dlr_script, ort, tmp_path):
    folder = model(tmp_path / "nonzero", [helper.make_node("NonZero", ["x"], ["y"])], {"x": (TensorProto.FLOAT, [2, 3])},
                   {"y": (TensorProto.INT64, [2, None])})
    assert dlr_script("""
m = dlr.DLRModel(sys.argv[1])
print(m._shape("Output", 0), m.get_output_dtypes())
for x in ([[1, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 0, 0]]):
    print(m.run(numpy.array(x))[0].tolist())
""", folder, DLR_ORT_PATH=ort).splitlines() == ["(2, -1) ['int64']", "[[0, 1], [0, 1]]", "[[1], [2]]", "[[], []]"]


def test_an_open_batch_counts_as_one_and_other_open_sizes_are_refused(dlr_script, ort, tmp_path):
    sin = [helper.make_node("Sin", ["x"], ["y"])]
    batch = model(tmp_path / "batch", sin, {"x": (TensorProto.FLOAT, ["N", 3])}, {"y": (TensorProto.FLOAT, ["N", 3])})
    wide = model(tmp_path / "wide", sin, {"x": (TensorProto.FLOAT, [1, "W"])}, {"y": (TensorProto.FLOAT, [1, "W"])})
    assert dlr_script("print(dlr.DLRModel(sys.argv[1]).run(numpy.zeros(3))[0].shape)", batch, DLR_ORT_PATH=ort, DLR_BACKEND="ort") == "(1, 3)"
    assert "open dimension other than the batch" in dlr_script(FAILING, wide, DLR_ORT_PATH=ort, DLR_BACKEND="ort")
