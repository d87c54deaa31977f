"""recipe.md 6 and 7: the forms of steps, what their keys do, how scripts are run, skipif."""
import os

import pytest

from local import wait_until

ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not ROOT, reason="needs a nucleus that runs as root")


def broken(recipes, lifecycles):
    """Deploys components by name; the status codes with which they end BROKEN."""
    for name, lifecycle in lifecycles.items():
        recipes.put(name, lifecycle)
    recipes.create(*(f"{name}=1.0.0" for name in lifecycles))
    wait_until(lambda: all(recipes.state(name) == "BROKEN" for name in lifecycles), 60, "all to be BROKEN")
    codes = [recipes.details(name)["statusCode"] for name in lifecycles]
    recipes.deploy_ok(remove=list(lifecycles))
    return codes


def together(recipes, prefix, lifecycles):
    """Deploys a component for each lifecycle, all at once; what each printed."""
    names = [f"{prefix}{n}" for n in range(len(lifecycles))]
    for name, lifecycle in zip(names, lifecycles):
        recipes.put(name, lifecycle, configuration={"p": True})
    recipes.deploy(*names)
    return [recipes.said(name) for name in names]


def test_a_step_can_be_a_text(recipes):
    assert recipes.ran("text-step", {"install": "echo install", "run": "echo run"}) == ["install", "run"]


def test_a_step_can_be_a_map(recipes):
    assert recipes.ran("map-step", {"install": {"Script": "echo install"}, "run": {"Script": "echo run"}}) == ["install", "run"]


def test_scripts_may_have_many_lines_and_quotes(recipes):
    recipes.yaml("lines", """Manifests:
  - Lifecycle:
      run: |-
        for i in 1 2; do
          echo "line '$i'"
        done
        printf '%s\\n' 'a  b'
""")
    recipes.deploy("lines")
    assert recipes.said("lines") == ["line '1'", "line '2'", "a  b"]


def test_empty_steps_and_lists_do_nothing(recipes):
    values = ["", None, {"Script": ""}, {"Script": None}, [], ["exit 1"], False, 5]
    said = together(recipes, "empty", [{"install": value, "run": "echo run"} for value in values])
    assert said == [["run"]] * len(values)


def test_a_map_without_script_is_an_error_of_the_configuration(recipes):
    assert broken(recipes, {f"no-script-{step}": {step: {"Timeout": 5}} for step in ("install", "startup", "run")}) == [
        "INSTALL_CONFIG_NOT_VALID", "STARTUP_CONFIG_NOT_VALID", "RUN_CONFIG_NOT_VALID"]


@pytest.mark.parametrize("step", ["shutdown", "recover"])
def test_a_map_without_script_in_a_step_that_cannot_fail_does_nothing(recipes, step):
    recipes.put(f"nothing-{step}", {"startup": "true", step: {"Timeout": 5}})
    recipes.deploy(f"nothing-{step}", ends=False)
    recipes.deploy_ok(remove=[f"nothing-{step}"])
    assert f"nothing-{step}" not in recipes.components()


def test_other_children_of_a_lifecycle_are_ignored(recipes):
    assert recipes.ran("other-child", {"prepare": "exit 1", "Run": "echo run"}) == ["run"]


def test_startup_wins_over_run(recipes):
    assert recipes.ran("both", {"startup": "echo startup", "run": "echo run"}, ends=False) == ["startup"]
    assert recipes.state("both") == "RUNNING"


def test_a_run_that_ends_finishes(recipes):
    recipes.ran("run-ends", {"run": "true"})
    assert recipes.state("run-ends") == "FINISHED"


def test_exit_codes_of_install_startup_and_run_count(recipes):
    assert broken(recipes, {f"exit-{step}": {step: "exit 3"} for step in ("install", "startup", "run")}) == [
        "INSTALL_ERROR", "STARTUP_ERROR", "RUN_ERROR"]


def test_exit_codes_of_shutdown_and_uninstall_do_not_count(recipes):
    recipes.put("last-steps", {"startup": "true", "shutdown": "echo shutdown; exit 3", "uninstall": "echo uninstall; exit 4"})
    recipes.deploy("last-steps", ends=False)
    recipes.deploy_ok(remove=["last-steps"])
    assert recipes.said("last-steps") == ["shutdown", "uninstall"]


PRIVILEGE = [(True, "root"), ("true", "root"), ("yes", "root"), ("on", "root"), ("t", "root"), ("y", "root"), ("Y", "root"), (1, "root"),
             (-0.5, "root"), ("{configuration:/p}", "root"), (False, "nobody"), ("True", "nobody"), ("TRUE", "nobody"), ("Yes", "nobody"),
             (0, "nobody"), ("1", "nobody"), (None, "nobody")]


@only_root
def test_requires_privilege_reads_words_as_the_original_does(recipes):
    said = together(recipes, "privilege", [{"run": {"Script": "id -un", "RequiresPrivilege": value}} for value, _ in PRIVILEGE])
    assert [(value, lines[0]) for (value, _), lines in zip(PRIVILEGE, said)] == PRIVILEGE


def expire(recipes, prefix, *timeouts):
    """Deploys components whose install script would sleep; all must end BROKEN by their time-out."""
    names = [f"{prefix}{i}" for i in range(len(timeouts))]
    for name, timeout in zip(names, timeouts):
        recipes.put(name, {"install": {"Script": f"sleep 120.{prefix}", "Timeout": timeout}, "run": "true"}, configuration={"t": 1})
    recipes.create(*(f"{name}=1.0.0" for name in names))
    wait_until(lambda: all(recipes.state(name) == "BROKEN" for name in names), 60, "the steps to expire")
    assert {recipes.details(name)["statusCode"] for name in names} == {"INSTALL_TIMEOUT"}
    wait_until(lambda: not recipes.processes(f"sleep 120.{prefix}"), 20, "the scripts to be gone")
    recipes.deploy_ok(remove=names)


def test_a_step_that_takes_longer_than_its_timeout_is_ended(recipes):
    expire(recipes, "51", 1, 1.9, "1", "{configuration:/t}")


def test_a_timeout_that_is_no_number_expires_at_once(recipes):
    expire(recipes, "52", 0, "abc", "{configuration:/none}")


def test_a_run_that_takes_longer_than_the_timeout_given_is_ended(recipes):
    assert broken(recipes, {"timed-run": {"run": {"Script": "sleep 120.5", "Timeout": 1}}}) == ["RUN_TIMEOUT"]


def test_setenv_values_become_text_and_the_step_overrides_the_lifecycle(recipes):
    recipes.put("setenv", {"setenv": {"A": "outer", "B": "outer", "N": 5, "F": 1.5, "T": True, "U": False},
                           "run": {"Script": "echo $A $B $N $F $T $U", "Setenv": {"B": "inner"}}})
    recipes.deploy("setenv")
    assert recipes.said("setenv") == ["outer inner 5 1.5 true false"]


def test_setenv_is_for_every_step(recipes):
    recipes.put("setenv-steps", {"setenv": {"V": "v"}, "install": "echo i$V", "startup": "echo s$V", "shutdown": "echo d$V"})
    recipes.deploy("setenv-steps", ends=False)
    recipes.deploy_ok(remove=["setenv-steps"])
    assert recipes.said("setenv-steps") == ["iv", "sv", "dv"]


def test_setenv_passes_text_on_without_a_shell(recipes):
    assert recipes.ran("setenv-literal", {"setenv": {"A": "$HOME `x`"}, "run": "printenv A"}) == ["$HOME `x`"]


# ---- how a script runs ----

def test_the_script_is_one_argument_of_the_shell(recipes):
    assert recipes.ran("shell", "tr '\\0' '|' </proc/$$/cmdline; echo") == ["sh|-c|tr '\\0' '|' </proc/$$/cmdline; echo|"]


def test_stdin_is_open_and_empty(recipes):
    ready = "import select; print(select.select([0], [], [], 0.2)[0])"
    assert recipes.ran("stdin", f"test -p /dev/stdin && echo pipe; /usr/bin/python3 -c '{ready}'") == ["pipe", "[]"]


def test_stdout_is_info_and_stderr_is_warn(recipes):
    recipes.ran("streams", "echo out; echo err >&2")
    lines = recipes.log("streams").splitlines()
    assert any("[INFO]" in line and ": stdout. out. {" in line for line in lines)
    assert any("[WARN]" in line and ": stderr. err. {" in line for line in lines)


def test_lines_end_at_each_kind_of_line_end_and_are_trimmed(recipes):
    assert recipes.ran("line-ends", r"printf '  one  \ntwo\r\nthree\rfour'") == ["one", "two", "three", "four"]


def test_a_run_lasts_as_long_as_something_holds_its_output(recipes):
    recipes.put("daemon", "sleep 121.5 & echo parent ends")
    recipes.deploy("daemon", ends=False)
    recipes.wait_log("daemon", "parent ends. {", seconds=30)
    assert recipes.state("daemon") == "RUNNING"
    recipes.deploy_ok(remove=["daemon"])
    wait_until(lambda: not recipes.processes("sleep 121.5"), 20, "the daemon to be gone")


# ---- skipif ----

SKIPIF = [
    ("onpath sh", True), ("onpath no-such-program", False), ("!onpath sh", False), ("! onpath no-such-program", True),
    ("onpath /bin/sh", True), ("onpath /etc/passwd", False), ("exists /etc", True), ("!exists /etc", False), ("exists /no/such", False),
    ("  exists   /etc/passwd  ", True), ("exists ~root/work", True), ("exists ~packages/artifacts", True),
    ("exists ~config/effectiveConfig.yaml", True), ("exists ~/no-such-file-here", False), ("exists {kernel:rootPath}/logs", True),
    ("! exists {work:path}/none", True), ("onpath ip,sh", False)]


def test_skipif_asks_for_programs_and_files(recipes):
    said = together(recipes, "skipif", [{"install": {"Script": "echo installed", "Skipif": e}, "run": "true"} for e, _ in SKIPIF])
    assert [(e, lines == []) for (e, _), lines in zip(SKIPIF, said)] == SKIPIF


def test_a_skipif_that_is_none_is_an_error_of_the_configuration(recipes):
    expressions = ["onPath sh", "EXISTS /", "exists", "onpath", "sh", "", "existsx /", "!"]
    assert set(broken(recipes, {f"bad-skipif{n}": {"install": {"Script": "true", "Skipif": e}, "run": "true"}
                                for n, e in enumerate(expressions)})) == {"INSTALL_CONFIG_NOT_VALID"}


@only_root
def test_skipif_is_checked_with_the_rights_of_the_nucleus(recipes):
    hidden = recipes.write("hidden/file", "x")
    os.chmod(os.path.dirname(hidden), 0o700)
    assert recipes.ran("rights", {"install": {"Script": "exit 1", "Skipif": f"exists {hidden}"}, "run": f"test -e {hidden} || echo hidden"}) == [
        "hidden"]


def test_a_skipped_startup_falls_through_to_run(recipes):
    assert recipes.ran("falls", {"startup": {"Script": "echo startup", "Skipif": "exists /"}, "run": "echo run"}) == ["run"]


def test_a_skipped_run_finishes(recipes):
    assert recipes.ran("skipped-run", {"run": {"Script": "echo run", "Skipif": "exists /"}}) == []
    assert recipes.state("skipped-run") == "FINISHED"


def test_a_skipped_shutdown_only_ends_the_processes(recipes):
    recipes.put("skipped-shutdown", {"run": "sleep 122.5", "shutdown": {"Script": "echo shutdown", "Skipif": "exists /"}})
    recipes.deploy("skipped-shutdown", ends=False)
    recipes.deploy_ok(remove=["skipped-shutdown"])
    assert recipes.said("skipped-shutdown") == []
    wait_until(lambda: not recipes.processes("sleep 122.5"), 20, "the process to be gone")
