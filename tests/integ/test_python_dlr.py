"""python/dlr on libdlr.so: each script is a process of its own, as the library may need a sanitizer in front of the interpreter."""
import os

import pytest

from support.dlr_python import DIGITS
from support.fixtures import SOURCE

NEO = os.path.join(SOURCE, "..", "shared", "data", "neo", "mobilenet_v1_0.25_128")


def test_a_model_is_described(dlr_script):
    assert dlr_script("""
m = dlr.DLRModel(sys.argv[1])
print(m.get_input_names(), m.get_input_dtypes(), m.get_output_names(), m.get_output_dtypes(), m.has_metadata(), m.backend, m.get_version())
""", DIGITS) == "['input'] ['float32'] ['output'] ['float32'] True onnx 1.10.0"


def test_an_array_or_a_dictionary_gives_a_list_of_arrays(dlr_script):
    assert dlr_script("""
m = dlr.DLRModel(sys.argv[1], 'cpu', 0)
m.set_num_threads(2)
x = numpy.linspace(0, 1, 64).reshape(1, 1, 8, 8)
one, two = m.run(x), m.run({'input': x.astype(numpy.float32)})
print(type(one), one[0].shape, one[0].dtype, numpy.array_equal(one[0], two[0]), round(float(one[0].sum()), 3))
print(numpy.allclose(m.get_input('input'), x), m.get_input('input', (8, 8)).shape)
""", DIGITS) == "<class 'list'> (1, 10) float32 True 1.0\nTrue (8, 8)"


@pytest.mark.parametrize("call, error", [
    ("m.run(numpy.zeros(63))", "DLRError: input \"input\" has 64 elements, the given shape has 63"),
    ("m.run({'image': numpy.zeros(64)})", "ValueError: the model has no input 'image'; it has: input"),
    ("m.set_num_threads(0)", "DLRError: 0 threads"),
    ("dlr.DLRModel(sys.argv[1] + '/labels.txt')", "is not a folder"),
    ("dlr.DLRModel('/nowhere')", "is not a folder"),
    ("dlr.DLRModel(sys.argv[1], 'tpu')", "ValueError: dev_type 'tpu': expected one of cpu, gpu, opencl"),
    ("dlr.DLRModel(sys.argv[1], 'gpu')", "DLRError"),
])
def test_what_is_wrong_is_an_error_that_says_so(dlr_script, call, error):
    said = dlr_script(f"""
m = dlr.DLRModel(sys.argv[1])
try:
    {call}
except Exception as e:
    print(type(e).__name__ + ": " + str(e))
""", DIGITS)
    assert error in said


def test_errors_are_also_appended_to_the_log(dlr_script, tmp_path):
    log = tmp_path / "errors"
    dlr_script("""
try:
    dlr.DLRModel(sys.argv[1], 'gpu', error_log_file=sys.argv[2])
except dlr.DLRError:
    pass
""", DIGITS, str(log))
    assert "device type 2" in log.read_text()


def test_a_folder_compiled_by_neo_runs_and_its_switch_for_reports_is_there(dlr_script):
    if not os.path.isdir(NEO):
        pytest.skip("../shared/data is not there")
    if os.uname().machine != "x86_64":
        pytest.skip("the compiled model is for x86-64")
    assert dlr_script("""
from dlr.counter.phone_home import PhoneHome
PhoneHome.disable_feature()
m = dlr.DLRModel(sys.argv[1])
y = m.run(numpy.zeros((1, 3, 128, 128), numpy.float32))[0]
print(m.backend, y.shape, round(float(y.sum()), 3), len(m.get_weight_names()) > 0)
""", NEO) == "tvm (1, 1001) 1.0 True"
