"""packaging/deps with pretended dpkg-query, apt-get, systemctl and sudo: nothing is really installed."""
import os
import subprocess

import pytest

DPKG_QUERY = """#!/bin/sh
# Everything is installed but what the file "missing" names.
shift 3
for p in "$@"; do grep -qx "$p" missing && echo "un  $p" || echo "ii  $p"; done
"""
APT_GET = """#!/bin/sh
echo "$*" >>apt.log
[ -e fail ] && exit 100
case "$*" in *install*) [ -x policy-rc.d ] && echo forbidden >>apt.log; : >missing; echo mosquitto.service >>enabled ;; esac
"""
SYSTEMCTL = """#!/bin/sh
case $1 in
list-unit-files) sed 's/$/ enabled/' enabled ;;
disable) echo "$2" >>disabled ;;
esac
"""


@pytest.fixture
def deps(source_dir, tmp_root):
    """deps(*args, missing=[...]): runs the script in a folder of pretended programs."""
    for name, text in (("dpkg-query", DPKG_QUERY), ("apt-get", APT_GET), ("systemctl", SYSTEMCTL),
                       ("sudo", '#!/bin/sh\necho sudo >>apt.log\n[ "$1" = -v ] || exec "$@"\n'),
                       ("id", "#!/bin/sh\n[ -e root ] && echo 0 || echo 1000\n")):
        with open(f"{tmp_root}/{name}", "w") as f:
            f.write(text)
        os.chmod(f"{tmp_root}/{name}", 0o755)
    with open(f"{tmp_root}/enabled", "w") as f:
        f.write("mine.service\n")
    with open(f"{tmp_root}/root", "w"):
        pass

    def run(*args, missing=()):
        with open(f"{tmp_root}/missing", "w") as f:
            f.write("".join(f"{p}\n" for p in missing))
        env = {"PATH": f"{tmp_root}:/usr/bin:/bin", "SEDGE_POLICY_RC_D": f"{tmp_root}/policy-rc.d"}
        return subprocess.run([f"{source_dir}/packaging/deps", *args], cwd=tmp_root, env=env, capture_output=True, text=True)
    run.folder = tmp_root
    return run


def content(deps, name):
    path = os.path.join(deps.folder, name)
    if not os.path.exists(path):
        return ""
    with open(path) as f:
        return f.read()


def test_nothing_happens_when_everything_is_there(deps):
    done = deps("build", "test", "demo", "runtime")
    assert (done.returncode, done.stdout, content(deps, "apt.log")) == (0, "", "")


def test_what_is_missing_is_installed_without_starting_services(deps):
    done = deps("demo", missing=["mosquitto", "libuv1-dev"])
    assert done.returncode == 0, done.stderr
    log = content(deps, "apt.log").splitlines()
    assert log == ["-q update", "-q -y --no-install-recommends install libuv1-dev mosquitto", "forbidden"]
    assert content(deps, "disabled") == "mosquitto.service\n"
    assert not os.path.exists(f"{deps.folder}/policy-rc.d")


def test_sudo_is_used_by_an_ordinary_user(deps):
    os.remove(f"{deps.folder}/root")
    assert deps("build", missing=["cmake"]).returncode == 0
    assert "sudo" in content(deps, "apt.log")


def test_without_root_the_command_to_run_is_told(deps):
    os.remove(f"{deps.folder}/root")
    with open(f"{deps.folder}/sudo", "w") as f:
        f.write("#!/bin/sh\nexit 1\n")
    done = deps("build", missing=["cmake"])
    assert done.returncode == 1 and "apt-get install --no-install-recommends cmake" in done.stderr
    assert content(deps, "apt.log") == ""


def test_after_a_failure_nothing_of_ours_is_left(deps):
    open(f"{deps.folder}/fail", "w").close()
    done = deps("build", missing=["cmake"])
    assert done.returncode != 0 and not os.path.exists(f"{deps.folder}/policy-rc.d")


def test_the_administrators_policy_stays(deps):
    path = f"{deps.folder}/policy-rc.d"
    with open(path, "w") as f:
        f.write("#!/bin/sh\nexit 0\n")
    assert deps("build", missing=["cmake"]).returncode == 0
    assert content(deps, "policy-rc.d") == "#!/bin/sh\nexit 0\n"


def test_the_list_can_be_printed(deps):
    done = deps("--print", "runtime", missing=["libuv1"])
    assert "libuv1" in done.stdout.split() and content(deps, "apt.log") == ""


@pytest.mark.parametrize("args, word", [(["bogus"], 'unknown set "bogus"'), (["--fast"], "unknown option"), ([], "at least one set")])
def test_mistakes_are_named(deps, args, word):
    done = deps(*args)
    assert done.returncode == 1 and word in done.stderr
