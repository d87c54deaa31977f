"""python/dlr on libdlr.so: each script is a process of its own, as the library may need a sanitizer in front of the interpreter."""
import os
import subprocess
import sys

import pytest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIGITS = os.path.join(SOURCE, "components", "modelstore", "digits", "v1")
NEO = os.path.join(SOURCE, "..", "shared", "data", "neo", "mobilenet_v1_0.25_128")


@pytest.fixture(scope="module")
def run(bin_dir):
    """run(script, *words): what it printed."""
    library = os.path.join(os.path.dirname(bin_dir), "lib", "libdlr.so")
    env = dict(os.environ, PYTHONPATH=os.path.join(SOURCE, "python"), DLR_LIBRARY=library, PYTHONDONTWRITEBYTECODE="1")
    needed = subprocess.run(["ldd", library], capture_output=True, text=True, check=True).stdout
    sanitizers = [line.split()[2] for line in needed.splitlines() if "san.so" in line]
    if sanitizers:  # has to be loaded first; the interpreter itself frees less than it takes
        env.update(LD_PRELOAD=" ".join(sanitizers), ASAN_OPTIONS="detect_leaks=0")

    def call(script, *words):
        done = subprocess.run([sys.executable, "-c", "import dlr, numpy, sys\n" + script, *words], env=env, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return call


def test_a_model_is_described(run):
    assert run("""
m = dlr.DLRModel(sys.argv[1])
print(m.get_input_names(), m.get_input_dtypes(), m.get_output_names(), m.get_output_dtypes(), m.has_metadata(), m.backend, m.get_version())
""", DIGITS) == "['input'] ['float32'] ['output'] ['float32'] True onnx 1.10.0"


def test_an_array_or_a_dictionary_gives_a_list_of_arrays(run):
    assert run("""
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
def test_what_is_wrong_is_an_error_that_says_so(run, call, error):
    said = run(f"""
m = dlr.DLRModel(sys.argv[1])
try:
    {call}
except Exception as e:
    print(type(e).__name__ + ": " + str(e))
""", DIGITS)
    assert error in said


def test_errors_are_also_appended_to_the_log(run, tmp_path):
    log = tmp_path / "errors"
    run("""
try:
    dlr.DLRModel(sys.argv[1], 'gpu', error_log_file=sys.argv[2])
except dlr.DLRError:
    pass
""", DIGITS, str(log))
    assert "device type 2" in log.read_text()


def test_a_folder_compiled_by_neo_runs_and_its_switch_for_reports_is_there(run):
    if not os.path.isdir(NEO):
        pytest.skip("../shared/data is not there")
    if os.uname().machine != "x86_64":
        pytest.skip("the compiled model is for x86-64")
    assert run("""
from dlr.counter.phone_home import PhoneHome
PhoneHome.disable_feature()
m = dlr.DLRModel(sys.argv[1])
y = m.run(numpy.zeros((1, 3, 128, 128), numpy.float32))[0]
print(m.backend, y.shape, round(float(y.sum()), 3), len(m.get_weight_names()) > 0)
""", NEO) == "tvm (1, 1001) 1.0 True"
