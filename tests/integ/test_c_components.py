"""The C components of recipes/examples/IpcC: built against the installed library alone, deployed on a real nucleus."""
import os
import re
import shutil
import subprocess

import pytest

from support.device import Device
from support.folder import temporary_folder

SECONDS = 30  # ample for a loaded machine


def sanitizer(build):
    """Flags for programs that use libraries of this build."""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        found = re.search(r"^SEDGE_SANITIZE:\w+=(.+)$", cache.read(), re.MULTILINE)
    return f"-fsanitize={found.group(1)}" if found else ""


@pytest.fixture(scope="module")
def folder():
    with temporary_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def prefix(folder, bin_dir):
    prefix = os.path.join(folder, "prefix")
    subprocess.run(["cmake", "--install", os.path.dirname(bin_dir), "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
    return prefix


@pytest.fixture(scope="module")
def examples(folder, prefix, source_dir, bin_dir):
    """A copy of the examples, built by their own Makefile."""
    copy = shutil.copytree(os.path.join(source_dir, "recipes/examples/IpcC"), os.path.join(folder, "examples"))
    shutil.rmtree(os.path.join(copy, "artifacts"), ignore_errors=True)
    subprocess.run(["make", "-C", copy, f"PKG_CONFIG_PATH={prefix}/lib/pkgconfig", "CFLAGS=-Wall -Wextra -Werror", "CC=gcc",
                    f"LDFLAGS={sanitizer(os.path.dirname(bin_dir))}"], check=True, stdout=subprocess.DEVNULL)
    return copy


@pytest.fixture(scope="module")
def device(folder, bin_dir, examples):
    device = Device(folder, bin_dir)
    device.recipes, device.artifacts = os.path.join(examples, "recipes"), os.path.join(examples, "artifacts")
    device.start()
    device.deploy_ok("com.example.Publisher=1.0.0", "com.example.Subscriber=1.0.0", "com.example.ConfigWatcher=1.0.0",
                     update={"com.example.Publisher": {"MERGE": {"IntervalMs": 100}}})
    yield device
    device.stop()


def test_messages_flow_from_the_publisher_to_the_subscriber(device):
    device.wait_log("com.example.Publisher", "publishing every 100 ms", SECONDS)
    device.wait_log("com.example.Subscriber", "examples/numbers: {\"n\":", SECONDS, count=5)


def test_a_change_of_configuration_reaches_the_watcher_and_the_publisher(device):
    device.wait_log("com.example.ConfigWatcher", "/Colour is \"green\"", SECONDS)
    device.deploy_ok("com.example.ConfigWatcher=1.0.0", update={
        "com.example.ConfigWatcher": {"MERGE": {"Colour": "blue", "Size": {"Width": 3}}},
        "com.example.Publisher": {"MERGE": {"IntervalMs": 50}}})
    device.wait_log("com.example.ConfigWatcher", "/Colour is \"blue\"", SECONDS)
    device.wait_log("com.example.ConfigWatcher", "/Size/Width is 3", SECONDS)
    device.wait_log("com.example.Publisher", "publishing every 50 ms", SECONDS)


def test_the_subscriber_ends_in_peace_when_it_is_stopped(device):
    device.sedge("component", "stop", "--names", "com.example.Subscriber")
    device.wait_log("com.example.Subscriber", "bye", SECONDS)


def test_the_recipes_have_no_fault(examples, bin_dir):
    done = subprocess.run([os.path.join(bin_dir, "sedge"), "recipe", "check", examples], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_library_has_a_soname_and_versioned_symbols(prefix):
    library = os.path.join(prefix, "lib", "libsedge-ipc.so")
    dynamic = subprocess.run(["objdump", "-p", library], capture_output=True, text=True, check=True).stdout
    assert "SONAME               libsedge-ipc.so.0\n" in dynamic
    names = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    functions = [line.split()[2] for line in names.splitlines() if " T " in line and "sedge_ipc" in line]
    assert "sedge_ipc_connect@@SEDGE_IPC_0.1" in functions and all(name.endswith("@@SEDGE_IPC_0.1") for name in functions)


@pytest.mark.parametrize("compiler, language", [("gcc -std=c99 -pedantic", "c"), ("g++ -std=c++11 -pedantic", "c++")])
def test_the_header_stands_alone_in_c_and_in_cpp(prefix, compiler, language):
    words = compiler.split()
    if not shutil.which(words[0]):
        pytest.skip(f"no {words[0]}")
    program = ("#include <sedge_ipc.h>\nint main(void) { struct sedge_ipc_options o = SEDGE_IPC_OPTIONS_INIT; "
               "struct sedge_ipc_mqtt m = SEDGE_IPC_MQTT_INIT; return (int)(o.size - sizeof o + m.size - sizeof m); }\n")
    subprocess.run([*words, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", language, f"-I{prefix}/include", "-"], input=program,
                   text=True, check=True)
