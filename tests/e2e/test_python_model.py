"""A Python component in the form of AWS' samples, on the runtime component of this project."""
import os
import subprocess

SCRIPT = """
import dlr
import numpy
import os

from dlr.counter.phone_home import PhoneHome

PhoneHome.disable_feature()
model = dlr.DLRModel(os.environ["DLR_IC_MODEL_DIR"], "cpu", 0)
out = model.run(numpy.zeros((1, 1, 8, 8), numpy.float32))[0]
print("classified", out.shape, round(float(out.sum()), 3), model.get_version(), flush=True)
"""
MODEL = "{variant.DLR.ImageClassification.ModelStore:artifacts:decompressedPath}/DLR-digits-cpu-ImageClassification"


def test_a_python_component_finds_the_package_dlr_as_with_the_original(fleet, bin_dir):
    device = fleet.device("python-1")
    staged = os.path.join(fleet.folder, "staged")
    subprocess.run(["components/stage", os.path.dirname(bin_dir), staged], check=True, capture_output=True)
    versions = dict(folder.rsplit("-", 1) for folder in os.listdir(staged))
    for name in ("variant.DLR", "variant.DLR.ImageClassification.ModelStore"):
        fleet.site.cloud("component", "publish", os.path.join(staged, f"{name}-{versions[name]}"))
    # the interpreter is not built with the sanitizer that a build of the library may want
    preload = "export LD_PRELOAD=$(ldd $DLR_LIBRARY | awk '/libasan/ { print $3 }') ASAN_OPTIONS=detect_leaks=0\n"
    fleet.publish("com.x.Inference", "1.0.0", {
        "setEnv": {"DLR_IC_MODEL_DIR": MODEL},
        "run": {"script": ". {variant.DLR:configuration:/MLRootPath}/greengrass_ml_dlr_venv/bin/activate\n" + preload +
                          "python3 {artifacts:path}/inference.py"}},
        files={"inference.py": SCRIPT}, depends={"variant.DLR": ">=1.6.4 <1.7.0", "variant.DLR.ImageClassification.ModelStore": "~2.1.0"})
    fleet.join("python", device)
    fleet.deploy("python", {"com.x.Inference": "1.0.0"})
    fleet.wait("python", device, "SUCCEEDED")
    device.wait_log("com.x.Inference", "classified (1, 10) 1.0 1.10.0", 30)
