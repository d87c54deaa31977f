"""`sedge logs` against files made here, and how the command line answers to wrong use."""
import datetime
import json
import os
import select
import subprocess

import pytest

TEXT = "2024-03-07T10:15:{:02}.000Z [{}] (Copier) com.example.Tick: stdout. {}. {{serviceName=com.example.Tick}}\n"
RED, OFF = "\x1b[31m\x1b[1m", "\x1b[0m\x1b[0m"
ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TZ": "UTC"}


def json_line(second, level, message, **more):
    stamp = datetime.datetime(2024, 3, 7, 10, 15, second, tzinfo=datetime.timezone.utc).timestamp() * 1000
    return json.dumps({"thread": "t", "level": level, "eventType": "e", "message": message, "contexts": {"k": "v"},
                       "loggerName": "com.aws.Deploy", "timestamp": int(stamp), "cause": None, **more}) + "\n"


@pytest.fixture
def sedge(bin_dir):
    def run(*args, env=None):
        return subprocess.run([os.path.join(bin_dir, "sedge"), *args], env={**ENV, **(env or {})}, timeout=90,
                              text=True, capture_output=True, check=False)
    return run


@pytest.fixture
def logs(tmp_path):
    """<root>/logs with a rotated and an active text log, a JSON log, and a file that is no log."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "com.example.Tick_2024_03_07_09_0.log").write_text(TEXT.format(1, "INFO", "first"))
    (folder / "com.example.Tick.log").write_text(
        TEXT.format(3, "WARN", "third") + TEXT.format(5, "ERROR", "fifth") + "    at somewhere\n")
    (folder / "greengrass.log").write_text(json_line(2, "INFO", "second") + json_line(
        4, "ERROR", "fourth", cause={"message": "disk full"}))
    (folder / "notes.txt").write_text("nothing\n")
    return folder


def messages(result):
    assert result.returncode == 0, result.stderr
    words = ("first", "second", "third", "fourth", "fifth", "somewhere")
    return [next(w for w in words if w in line) for line in result.stdout.splitlines() if "EXCEPTION" not in line]


def test_files_are_merged_by_time_and_text_lines_stay_as_they_are(sedge, logs):
    r = sedge("logs", "get", "-ld", str(logs), "--no-color")
    assert r.stdout == (TEXT.format(1, "INFO", "first") +
                        "2024-03-07 10:15:02 UTC [INFO] aws.Deploy: e. second. {k=v}\n" +
                        TEXT.format(3, "WARN", "third") +
                        "2024-03-07 10:15:04 UTC [ERROR] aws.Deploy: e. fourth. {k=v}\nEXCEPTION: disk full\n" +
                        TEXT.format(5, "ERROR", "fifth") + "    at somewhere\n")
    assert r.returncode == 0


@pytest.mark.parametrize("options,want", [
    (["-f", "level=WARN"], ["third", "fourth", "fifth", "somewhere"]),
    (["-f", "level=ERROR", "-f", "serviceName=com.example.Tick"], ["fifth", "somewhere"]),
    (["-f", "first,fourth"], ["first", "fourth"]),
    (["-ferror=any"], ["fourth"]),
    (["--filter=third", "-b", "1"], ["first", "third"]),
    (["-f", "third", "-a1"], ["third", "fifth"]),
    (["-t", "2024-03-07T10:15:01,2024-03-07T10:15:04"], ["second", "third"]),
    (["-t", "2024-03-07T10:15,2024-03-07T10:15:02", "-t", "2024-03-07T10:15:04"], ["first", "fifth", "somewhere"]),
    (["-t", "-1h"], []),
])
def test_filters_windows_and_context(sedge, logs, options, want):
    assert messages(sedge("logs", "get", "-ld", str(logs), *options)) == want


def test_matches_are_highlighted(sedge, logs):
    r = sedge("logs", "get", "-lf", str(logs / "com.example.Tick.log"), "-f", "third")
    assert f"stdout. {RED}third{OFF}. " in r.stdout


def test_json_gives_one_object_a_line(sedge, logs):
    r = sedge("logs", "get", "-ld", str(logs), "--json", "-f", "level=ERROR")
    entries = [json.loads(line) for line in r.stdout.splitlines()]
    assert [e["message"] for e in entries] == ["fourth", "fifth", "    at somewhere"]
    assert entries[1]["contexts"] == {"serviceName": "com.example.Tick"}


def test_the_folder_of_the_nucleus_is_the_default(sedge, logs):
    assert len(messages(sedge("--ggcRootPath", str(logs.parent), "logs", "get"))) == 6
    assert len(messages(sedge("logs", "get", env={"GGC_ROOT_PATH": str(logs.parent)}))) == 6


def test_follow_shows_what_is_written_later(bin_dir, logs):
    path = logs / "com.example.Tick.log"
    p = subprocess.Popen([os.path.join(bin_dir, "sedge"), "logs", "get", "-lf", str(path), "-fol", "-f", "later|fifth"],
                         env=ENV, stdout=subprocess.PIPE)
    try:
        for text in ("fifth", "later 1", "later 2"):
            if text.startswith("later"):
                if text.endswith("2"):
                    path.rename(logs / "com.example.Tick_2024_03_07_10_0.log")
                with open(path, "a", encoding="utf-8") as f:
                    f.write(TEXT.format(9, "INFO", text))
            assert select.select([p.stdout], [], [], 90)[0]
            line = os.read(p.stdout.fileno(), 4096).decode()
            assert text in line.replace(RED, "").replace(OFF, "") and line.count("\n") == 1
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


def test_follow_ends_with_the_last_window(sedge, logs):
    r = sedge("logs", "get", "-ld", str(logs), "--follow", "-t", ",+1s")
    assert (r.returncode, r.stdout) == (0, "")


def test_syslog(sedge, tmp_path):
    path = tmp_path / "syslog"
    path.write_text("Mar  7 10:15:42 box sshd[812]: Accepted\nrubbish\nMar  7 10:15:43 box cron: x\n")
    r = sedge("logs", "get", "-s", "-v", "-ld", "x", "-lf", str(path), "-f", "logger=sshd", "-nc")
    assert r.stdout == "Mar  7 10:15:42 box sshd[812]: Accepted\n"
    for part in ("verbosity", "directory input", "Unable to parse syslog message: rubbish"):
        assert part in r.stderr


@pytest.mark.parametrize("options,message", [
    (["-lf", "/no/such.log"], "Cannot find file: /no/such.log"),
    (["-ld", "/no/such"], "/no/such"),
    (["-ld", "{dir}/empty"], "No log file found"),
    (["-lf", "{dir}/notes.txt"], "Unable to parse file name"),
    (["-ld", "{dir}", "-t", ","], "time window"),
    (["-ld", "{dir}", "-t", "yesterday"], "'yesterday'"),
    (["-ld", "{dir}", "-f", "a=b=c"], "a=b=c"),
    (["-ld", "{dir}", "-f", "("], "regular expression"),
])
def test_wrong_input_is_named(sedge, logs, options, message):
    (logs / "empty").mkdir()
    r = sedge("logs", "get", *[o.replace("{dir}", str(logs)) for o in options])
    assert (r.returncode, r.stdout) == (1, "")
    assert message in r.stderr


def test_lists(sedge, logs):
    r = sedge("logs", "list-log-files", "-ld", str(logs))
    assert r.stdout.splitlines()[-1] == "Total 3 files found."
    assert len(json.loads(sedge("logs", "list-log-files", "-ld", str(logs), "--json").stdout)) == 3
    r = sedge("logs", "list-log-files", "--log-dir=/no/such")
    assert (r.stdout, r.stderr) == ("No log file found.\n", "Log dir provided invalid: /no/such\n")
    assert "thread=$str" in sedge("logs", "list-keywords").stdout.splitlines()
    assert "priority=$int" in sedge("logs", "list-keywords", "-s").stdout.splitlines()


@pytest.mark.parametrize("words,code,stdout,stderr", [
    ([], 2, "", "A command is required."),
    (["component"], 0, "A subcommand is required.", ""),
    (["help"], 0, "get-debug-password", ""),
    (["help", "logs"], 0, "logs list-keywords", ""),
    (["help", "logs", "get"], 0, "--time-window", ""),
    (["logs", "help", "get"], 0, "--time-window", ""),
    (["logs", "--help"], 0, "logs get", ""),
    (["get-debug-password", "help"], 0, "Usage: sedge get-debug-password", ""),
    (["component", "list", "-V"], 0, "Greengrass CLI Version: ", ""),
    (["--version"], 0, "Greengrass CLI Version: ", ""),
    (["help", "nonsense"], 2, "", "'nonsense'"),
    (["component", "nonsense"], 2, "", "'nonsense'"),
    (["component", "details"], 2, "", "Missing required option: '--name=<component>'"),
    (["component", "details", "--nam", "x"], 2, "", "Unknown option: '--nam'"),
    (["--ggcRootPath"], 2, "", "Missing required parameter for option '--ggcRootPath'"),
    (["--ggcRootPath=/no/such", "component", "list"], 1, "", "/no/such"),
    (["component", "list"], 1, "", "--ggcRootPath"),
    (["pubsub", "pub", "-t", " ", "-m", "x"], 0, "", "Topic name cannot be empty"),
    (["deployment", "create", "-c", "{oops"], 1, "", "not properly formatted"),
    (["deployment", "create", "--runWith", "a:b:posixUser=x"], 1, "", "--runWith"),
])
def test_forms_of_help_and_wrong_use(sedge, words, code, stdout, stderr):
    if words == ["component", "list"] and os.path.isdir("/var/lib/sedge"):
        pytest.skip("a nucleus is installed here")
    r = sedge(*words)
    assert r.returncode == code
    assert stdout in r.stdout and bool(stdout) == bool(r.stdout)
    assert stderr in r.stderr and bool(stderr) == bool(r.stderr)


def test_arguments_can_come_from_a_file(sedge, logs):
    (logs.parent / "args").write_text(f"logs get # what\n -ld '{logs}'\n --no-color -f first\n")
    assert messages(sedge(f"@{logs.parent / 'args'}")) == ["first"]
