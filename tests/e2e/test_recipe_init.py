"""What `sedge recipe init` writes runs as it is."""
import os
import re
import shlex
import subprocess


def test_the_command_that_init_prints_deploys_the_component_and_it_runs(device):
    made = subprocess.run([os.path.join(device.bin, "sedge"), "recipe", "init", "com.example.First"], cwd=device.folder,
                          capture_output=True, text=True, timeout=60, check=True)
    command = shlex.split(re.search(r"^  sedge (deployment create .*)$", made.stdout, re.M).group(1))
    done = subprocess.run([os.path.join(device.bin, "sedge"), "--ggcRootPath", device.root, *command], cwd=device.folder,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    status = device.wait(done.stdout.split()[-1])
    assert status["status"] == "SUCCEEDED", f"{status}\n{device.log()[-3000:]}"
    device.wait_log("com.example.First", "Hello world", seconds=30)
    assert device.state("com.example.First") == "RUNNING"
