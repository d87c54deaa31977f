"""What components print, in the logs and after a crash: one nucleus for all, changed while components run."""
import json
import os
import re
import stat

import pytest

from local import wait_until
from support.device import Device, temporary_device

NUCLEUS = "aws.greengrass.Nucleus"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
TICK = "com.x.Tick"


class Logged(Device):
    """Logs are UTF-8, all of them."""

    bad_bytes = "strict"


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir, kind=Logged) as device:
        device.recipe(TICK, "1.0.0", {"Run": {"Script": "while :; do echo tick; echo tock >&2; sleep 0.1; done"}})
        device.deploy_ok(f"{TICK}=1.0.0")
        yield device


def set_logging(device, logging=None, reset=()):
    update = {"RESET": list(reset)} if reset else {}
    if logging is not None:
        update["MERGE"] = {"logging": logging}
    device.deploy_ok(f"{NUCLEUS}=2.17.0", update={NUCLEUS: update})


@pytest.fixture
def logging(device):
    """logging({"level": "WARN"}) or logging(reset=["/logging/level"]); all defaults again afterwards."""
    yield lambda *args, **more: set_logging(device, *args, **more)
    set_logging(device, reset=["/logging"])


def run(device, name, script, state="FINISHED"):
    """Deploys a component of one script and waits until it is there."""
    device.recipe(name, "1.0.0", script)
    device.create(f"{name}=1.0.0", policy="DO_NOTHING")
    if state:
        wait_until(lambda: device.state(name) == state, 60, lambda: f"{name} to be {state}; its log: {device.log(name)[-2000:]}")


@pytest.fixture
def broken(device):
    """broken(name, script) runs what will break, and removes it afterwards: it would make later deployments fail."""
    names = []

    def deploy(name, script, state="BROKEN"):
        names.append(name)
        run(device, name, script, state)

    yield deploy
    device.deploy_ok(remove=names)


def lines_after(device, name, size):
    """Whole lines that the log has got since it had `size` bytes."""
    return [line for line in device.log(name).encode()[size:].decode().split("\n") if line]


def log_size(device, name):
    return len(device.log(name).encode())


def grows(device, name, seconds=60):
    """New lines of the log, once there are some of both streams."""
    size = log_size(device, name)

    def both():
        lines = lines_after(device, name, size)[1:]  # the first may be older
        text = "\n".join(lines)
        return lines if "tick" in text and "tock" in text else None

    return wait_until(both, seconds, f"more in {name}.log")


# ---- form ----


def test_lines_have_the_form_of_the_original(device):
    context = rf"\{{scriptName=services\.{TICK}\.lifecycle\.Run\.Script, serviceName={TICK}, currentState=RUNNING\}}"
    for form in (rf"\[INFO\] \(Copier\) {TICK}: stdout\. tick\. {context}$", rf"\[WARN\] \(Copier\) {TICK}: stderr\. tock\. {context}$",
                 rf"\[INFO\] \([^)]*\) {TICK}: shell-runner-start\. \{{command="):
        wait_until(lambda f=form: re.search(rf"^{STAMP} {f}", device.log(TICK), re.M), 60, lambda f=form: f"{f} in {device.log(TICK)[:2000]}")


def test_with_the_string_form_the_script_name_is_that_of_the_step(device):
    run(device, "com.x.Text", "echo short")
    assert "stdout. short. {scriptName=services.com.x.Text.lifecycle.run, " in device.log("com.x.Text")
    assert "Run script exited. {exitCode=0, " in device.log("com.x.Text")


def test_the_log_is_for_the_user_of_the_nucleus_alone(device):
    folder = os.path.join(device.root, "logs")
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert os.stat(folder).st_uid == os.geteuid()
    assert stat.S_IMODE(os.stat(os.path.join(folder, f"{TICK}.log")).st_mode) == 0o600


def test_a_silent_component_without_steps_has_no_file(device):
    device.recipe("com.x.Silent", "1.0.0", {})
    device.deploy_ok("com.x.Silent=1.0.0")
    assert not os.path.exists(os.path.join(device.root, "logs", "com.x.Silent.log"))


def test_every_line_ending_ends_a_line_and_lines_are_trimmed(device):
    run(device, "com.x.Ends", r"printf 'one\ntwo\r\nthree\rfour  \n\t five\n\nsix'")
    assert [line.strip() for line in device.output("com.x.Ends") if not line.startswith("{")] == [
        "one", "two", "three", "four", "five", "six"]


# ---- settings, live ----


def test_the_format_changes_while_components_run_and_resets(device, logging):
    logging({"format": "JSON"})
    fields = {}
    for line in grows(device, TICK):
        entry = json.loads(line)
        fields[entry["message"]] = entry
    assert {k: v for k, v in fields["tock"].items() if k != "timestamp"} == {
        "thread": "Copier", "level": "WARN", "eventType": "stderr", "message": "tock",
        "contexts": {"scriptName": f"services.{TICK}.lifecycle.Run.Script", "serviceName": TICK, "currentState": "RUNNING"},
        "loggerName": TICK, "cause": None}
    assert fields["tick"]["level"] == "INFO" and fields["tick"]["timestamp"] > 1.6e12
    assert list(fields["tick"]) == ["thread", "level", "eventType", "message", "contexts", "loggerName", "timestamp", "cause"]
    json.loads(device.log().rstrip("\n").rsplit("\n", 1)[1])  # the nucleus' own too
    logging(reset=["/logging/format"])
    assert all(re.match(STAMP, line) for line in grows(device, TICK))


def test_the_level_applies_to_the_nucleus_and_all_components(device, logging):
    logging({"level": "ERROR"})
    size, own = log_size(device, TICK), log_size(device, "greengrass")
    run(device, "com.x.Quiet", "echo nobody wants this")
    assert "nobody" not in device.log("com.x.Quiet")
    assert not [line for line in lines_after(device, TICK, size)[1:] if "tick" in line or "tock" in line]
    assert not [line for line in lines_after(device, "greengrass", own)[1:] if "[INFO]" in line]
    logging({"level": "WARN"})
    size = log_size(device, TICK)
    wait_until(lambda: "tock" in device.log(TICK)[size:], 60, "a warning")
    assert "tick" not in device.log(TICK)[size:]
    assert device.details("com.x.Quiet")["lastLines"] == ["nobody wants this"]  # for the crash nobody expected


@pytest.mark.parametrize("bad,named", [({"colour": "red"}, "logging.colour: unknown key"),
                                       ({"FileSizeKB": 100}, "did you mean logging.fileSizeKB"),
                                       ({"fileSizeKB": 0}, "logging.fileSizeKB: 0 is outside")])
def test_one_bad_key_and_the_whole_section_is_ignored(device, logging, bad, named):
    logging({"format": "JSON"})
    before = device.log().count("logging-ignored")
    logging({"level": "ERROR", **bad})
    wait_until(lambda: device.log().count("logging-ignored") > before, 60, "the error in the log")
    error = [line for line in device.log().splitlines() if "logging-ignored" in line][-1]
    assert named in json.loads(error)["message"] and json.loads(error)["level"] == "ERROR"
    assert all(json.loads(line)["level"] in ("INFO", "WARN") for line in grows(device, TICK))  # as it was, ERROR hides both
    logging(reset=[f"/logging/{next(iter(bad))}"])
    size = log_size(device, TICK)
    run(device, f"com.x.Hidden{os.urandom(3).hex()}", "echo hidden")
    assert len(lines_after(device, TICK, size)) <= 1  # the rest of the section counts now


def test_the_folder_of_the_logs_moves_at_once(device, logging):
    folder = os.path.join(device.folder, "other", "logs")
    logging({"outputDirectory": folder})

    def there():
        return all(os.path.exists(os.path.join(folder, f"{name}.log")) for name in (TICK, "greengrass"))

    wait_until(there, 60, "the logs in the new folder")
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    logging(reset=["/logging"])
    grows(device, TICK)


def test_the_console_is_an_output_too(device, logging):
    logging({"outputType": "CONSOLE"})
    size = log_size(device, TICK)

    def console():
        with open(device.console, encoding="utf-8", errors="replace") as f:
            text = f.read()
        return f"{TICK}: stdout. tick" in text and "[INFO] (main)" in text

    wait_until(console, 60, "lines on the console")
    assert log_size(device, TICK) == size
    logging(reset=["/logging/outputType"])
    grows(device, TICK)


def test_files_are_rotated_by_size_and_the_total_is_kept(device, logging):
    logging({"fileSizeKB": 2, "totalLogsSizeKB": 10})
    run(device, "com.x.Much", "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done")
    folder = os.path.join(device.root, "logs")
    files = [f for f in os.listdir(folder) if f.startswith("com.x.Much")]
    sizes = [os.path.getsize(os.path.join(folder, f)) for f in files]
    assert max(sizes) <= 2048 and sum(sizes) <= 10240 and sum(sizes) > 4096, dict(zip(files, sizes))
    rotated = [f for f in files if f != "com.x.Much.log"]
    assert rotated and len(rotated) <= 5
    assert all(re.fullmatch(r"com\.x\.Much_\d{4}_\d\d_\d\d_\d\d_\d+\.log", f) for f in rotated), files
    assert "line 399" in "".join(device.log(f[:-4]) for f in files)


# ---- output that is out of the ordinary ----


def sanitized(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        text = f.read()
    return "asan" in text or "tsan" in text


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return int(re.search(r"^VmRSS:\s+(\d+) kB", f.read(), re.M)[1])


def log_bytes(device, name):
    folder = os.path.join(device.root, "logs")
    return sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder) if f == f"{name}.log" or f.startswith(f"{name}_"))


def test_floods_on_both_streams_of_two_components_do_no_harm(device):
    pid = device.process.pid
    before = rss_kb(pid)
    for name in ("com.x.Flood1", "com.x.Flood2"):
        run(device, name, "yes flood & yes flood >&2", "RUNNING")
    for name in ("com.x.Flood1", "com.x.Flood2"):
        device.wait_log(name, "output-dropped", 60)
    grows(device, TICK)  # the others go on
    if not sanitized(pid):
        assert rss_kb(pid) < before + 16 * 1024
    for name in ("com.x.Flood1", "com.x.Flood2"):
        assert set(device.details(name)["lastLines"]) == {"flood"}
        device.sedge("component", "stop", "--names", name)
        wait_until(lambda name=name: device.state(name) == "FINISHED", 60, f"{name} to stop")
        assert log_bytes(device, name) <= 10240 * 1024
    notice = [line for line in device.log("com.x.Flood1").splitlines() if "output-dropped" in line][0]
    assert re.search(r"\d+ lines \(\d+ bytes\) were dropped", notice)


def test_a_script_with_a_lot_of_output_ends_all_the_same(device, broken):
    broken("com.x.Lot", "seq 1 1000000; echo the end; exit 7")  # three times 7 MB
    assert device.details("com.x.Lot")["lastFailure"]["lines"][-2:] == ["1000000", "the end"]
    assert "output-dropped" in device.log("com.x.Lot")


def test_binary_output_forges_no_line(device):
    forged = "2024-03-07T10:15:42.123Z [ERROR] (main) com.x.Binary: forged. {}"
    run(device, "com.x.Binary", rf"printf 'nul \000 esc \033[2J bad \377\376 \302\205{forged}\342\200\250{forged}\n'; "
        "head -c 100000 /dev/urandom; echo; echo after")
    text = device.log("com.x.Binary")
    for line in text.splitlines():
        assert re.match(rf"{STAMP} \[(INFO|WARN)\] \((Copier|pool-nucleus)\) com\.x\.Binary: ", line), line
    assert r"stdout. nul \x00 esc \x1b[2J bad \xff\xfe \u0085" in text
    assert device.details("com.x.Binary")["lastLines"][-1] == "after"  # and the answer was JSON


def test_binary_output_does_not_break_json(device, logging):
    logging({"format": "JSON"})
    run(device, "com.x.BinaryJson", r"""printf 'nul \000 esc \033 bad \377 quote " brace }\n'; head -c 100000 /dev/urandom""")
    messages = [json.loads(line)["message"] for line in device.log("com.x.BinaryJson").split("\n") if line]
    assert [m for m in messages if m.startswith("nul \\x00 esc")] == ["nul \\x00 esc \\x1b bad \\xff quote \" brace }"]


def test_an_endless_line_is_survived(device):
    pid = device.process.pid
    before = rss_kb(pid)
    run(device, "com.x.Endless", r"head -c 20000000 /dev/zero | tr '\0' x; echo; echo after")
    if not sanitized(pid):
        assert rss_kb(pid) < before + 16 * 1024
    assert device.details("com.x.Endless")["lastLines"][-1] == "after"
    assert max(map(len, device.log("com.x.Endless").split("\n"))) < 17000
    assert "output-dropped" in device.log("com.x.Endless")


def test_a_long_line_comes_in_pieces_and_nothing_is_lost(device):
    run(device, "com.x.Long", r"head -c 40000 /dev/zero | tr '\0' x; echo end")
    pieces = device.output("com.x.Long")
    assert [len(p) for p in pieces] == [16384, 16384, 40003 - 2 * 16384]
    assert "".join(pieces) == "x" * 40000 + "end"


def test_output_without_a_final_newline_is_logged(device):
    run(device, "com.x.NoEnd", {"install": "printf installed", "run": "printf 'a\\nlast words'; printf 'bad end' >&2"})
    assert device.output("com.x.NoEnd") == ["installed", "a", "last words"]
    assert "stderr. bad end. {" in device.log("com.x.NoEnd")


def test_a_child_may_print_after_the_end_of_the_script(device):
    run(device, "com.x.Late", {"install": "echo early; (sleep 1; printf late) &", "run": "echo first; (sleep 1; printf second) &"})
    assert device.output("com.x.Late") == ["early", "late", "first", "second"]
    log = device.log("com.x.Late")
    assert log.index("stdout. second. {") < log.index("Run script exited")


def test_run_and_shutdown_do_not_mix_within_a_line(device):
    script = "printf 'half a '; while [ ! -e go ]; do sleep 0.05; done; echo line; touch said; exec sleep 1000"
    stop = "printf 'stop'; touch go; while [ ! -e said ]; do sleep 0.05; done; echo ped"
    run(device, "com.x.Both", {"run": script, "shutdown": {"Timeout": 1000, "Script": stop}}, "RUNNING")
    device.sedge("component", "stop", "--names", "com.x.Both")
    wait_until(lambda: device.state("com.x.Both") == "FINISHED", 60, "the end")
    log = device.log("com.x.Both")
    assert "stdout. half a line. {scriptName=services.com.x.Both.lifecycle.run, " in log, log
    assert "stdout. stopped. {scriptName=services.com.x.Both.lifecycle.shutdown.Script, " in log, log


# ---- after a crash ----


def has(text, *patterns):
    for pattern in patterns:
        assert re.search(pattern, text, re.M), f"{pattern} is not in:\n{text}"


def test_a_signal_is_shown_by_name_with_the_last_lines(device, broken):
    broken("com.x.Segv", "ulimit -c 0; seq 1 30; kill -SEGV $$")
    details = device.details("com.x.Segv")
    last = details["lastExit"]
    assert (last["step"], last["signal"], last["signalName"], last["code"]) == ("run", 11, "SIGSEGV", -1)
    assert last["coreDumped"] is False and last["killedByNucleus"] is False and last["timestamp"] > 1.6e12
    assert details["lastFailure"]["lines"] == [str(i) for i in range(11, 31)]
    text = device.sedge("component", "details", "--name", "com.x.Segv")
    has(text, r"State: BROKEN", r"Status: RUN_ERROR: ", r"Last Exit: run: signal 11, SIGSEGV, no core dumped$", rf"at {STAMP}",
        r"Output Before the Failure \(20 lines\):$", r"^        30$")
    assert "Run script exited. {exitCode=139, signal=SIGSEGV, coreDumped=false, " in device.log("com.x.Segv")


def test_an_exit_code_139_of_a_shell_is_no_signal_but_explained(device, broken):
    broken("com.x.Shell", "ulimit -c 0; sh -c 'kill -SEGV $$'; exit $?")
    last = device.details("com.x.Shell")["lastExit"]
    assert (last["code"], last["signal"]) == (139, 0) and "signalName" not in last
    has(device.sedge("component", "details", "--name", "com.x.Shell"), r"Last Exit: run: exit code 139 \(.*signal 11, SIGSEGV\)$")


def test_a_failed_install_is_shown_with_its_output(device, broken):
    broken("com.x.Install", {"install": "echo no compiler >&2; exit 3", "run": "true"})
    failure = device.details("com.x.Install")["lastFailure"]
    assert (failure["step"], failure["code"], failure["statusCode"]) == ("install", 3, "INSTALL_ERROR")
    assert failure["lines"] == ["no compiler"]
    has(device.sedge("component", "details", "--name", "com.x.Install"), r"Last Exit: install: exit code 3$", r"^        no compiler$")


def test_a_crash_is_still_there_after_the_component_was_started_again(device):
    run(device, "com.x.Again", "if [ -e c ]; then echo fine; exec sleep 1000; fi; touch c; echo about to crash; kill -ABRT $$", "RUNNING")
    wait_until(lambda: device.details("com.x.Again")["lastLines"][-1:] == ["fine"], 60, "its second life")
    device.sedge("component", "restart", "--names", "com.x.Again")
    wait_until(lambda: device.details("com.x.Again")["lastLines"][-2:] == ["fine", "fine"], 60, "its third life")
    details = device.details("com.x.Again")
    assert details["lastExit"]["signalName"] == "SIGTERM" and details["lastExit"]["killedByNucleus"] is True
    assert details["lastFailure"]["signalName"] == "SIGABRT" and details["lastFailure"]["lines"] == ["about to crash"]
    assert "statusReason" not in details or details["statusReason"] == ""
    has(device.sedge("component", "details", "--name", "com.x.Again"), r"Last Exit: run: signal 15, SIGTERM, stopped by the nucleus$",
        r"Last Failure: run: signal 6, SIGABRT, ", r"version 1\.0\.0$", r"Output Before the Failure \(1 line\):$",
        r"Last Output \(3 lines\):$")


def test_a_time_out_is_a_failure_with_its_output(device, broken):
    broken("com.x.Slow", {"startup": {"Script": "echo waiting for the door; exec sleep 1000", "Timeout": 2}}, None)

    def failed():
        failure = device.details("com.x.Slow").get("lastFailure") if "com.x.Slow" in device.components() else None
        return failure if failure and failure["lines"] else None  # an attempt may end before its script could say anything

    failure = wait_until(failed, 60, "the time-out")
    assert failure["lines"] == ["waiting for the door"] and failure["statusCode"] == "STARTUP_TIMEOUT" and "step" not in failure


def test_a_component_that_never_failed_says_nothing_of_failures(device):
    text = device.sedge("component", "details", "--name", TICK)
    assert "Failure" not in text and "Status" not in text
    assert "lastFailure" not in device.details(TICK)
