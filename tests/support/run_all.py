"""Runs the unit tests (ctest, cmocka programs that speak TAP) and the Python tests, and adds them up.

Each test case counts. What fails is printed with its output; what is skipped is printed with its reason; lines that Python
tests record by record_property("line", ...) are printed. The last line is "N passed, N failed, N skipped"; the exit code is 0
only if something passed and nothing failed.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

WORKERS = "4"  # the tests mostly wait; files stay whole, since what they share is started once for each worker
CASE = re.compile(r"^\d+: (?P<no>not )?ok \d+(?: - (?P<name>[^#]*))?(?P<skip> ?# SKIP ?(?P<reason>.*))?$")
RESULT = re.compile(r"^ *\d+/\d+ Test +#\d+: (?P<name>\S+) \.+ *(?P<stars>\*\*\*)?(?P<what>.*?) +[\d.]+ sec")


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []


def run_ctest(build, name_filter, tally):
    command = ["ctest", "--test-dir", build, "--verbose", "-j2", "--output-on-failure"]
    if name_filter:
        command += ["-R", name_filter]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    cases = {}
    output = {}
    for line in done.stdout.splitlines():
        result = RESULT.match(line)
        number = line.split(":", 1)[0]
        if number.isdigit():
            output.setdefault(int(number), []).append(line.split(":", 1)[1])
        case = CASE.match(line)
        if case:
            cases.setdefault(int(number), []).append(case)
        if result:
            count_program(int(line.split("#", 1)[1].split(":", 1)[0]), result, cases, output, tally)
    return done.returncode


def count_program(number, result, cases, output, tally):
    program = result["name"]
    seen = cases.get(number, [])
    bad = [case for case in seen if case["no"]]
    for case in seen:
        label = f"{program}: {(case['name'] or case['reason'] or '').strip()}"
        if case["skip"]:
            tally.skipped.append((label, last_reason(output.get(number, []))))
        elif case["no"]:
            tally.failed.append(label)
        else:
            tally.passed += 1
    if result["stars"] and not bad:  # died or timed out between two cases
        tally.failed.append(f"{program}: {result['what']}")
    if result["stars"]:
        print(f"--- {program}: {result['what']}")
        print("\n".join(output.get(number, [])[-80:]))


def last_reason(lines):
    reasons = [line.split("skip:", 1)[1].strip() for line in lines if "skip:" in line]
    return reasons[-1] if reasons else "see the test's output"


def run_pytest(build, name_filter, tally):
    folders = [folder for folder in ("tests/fault", "tests/integ", "tests/sdk", "tests/e2e", "tests/lint") if os.path.isdir(folder)]
    if not folders:
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        report = os.path.join(scratch, "report.xml")
        command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", WORKERS, "--dist", "loadfile",
                   "--junitxml", report, *folders]
        if name_filter:
            command += ["-k", name_filter]
        environment = dict(os.environ, SEDGE_BIN=os.path.abspath(os.path.join(build, "bin")), PYTHONDONTWRITEBYTECODE="1")
        code = subprocess.run(command, env=environment).returncode
        if not os.path.exists(report):
            tally.failed.append(f"pytest: ended with {code} and wrote no report")
            return code
        for case in ElementTree.parse(report).iter("testcase"):
            for line in case.iterfind("properties/property[@name='line']"):
                print(line.get("value"))
            label = f"{case.get('classname')}::{case.get('name')}"
            skip = case.find("skipped")
            if skip is not None:
                tally.skipped.append((label, skip.get("message")))
            elif case.find("failure") is not None or case.find("error") is not None:
                tally.failed.append(label)
            else:
                tally.passed += 1
    return code


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("-k", dest="name_filter")
    options = parser.parse_args()
    tally = Tally()
    run_ctest(options.build, options.name_filter, tally)
    run_pytest(options.build, options.name_filter, tally)
    for label, reason in tally.skipped:
        print(f"skipped: {label}: {reason}")
    for label in tally.failed:
        print(f"FAILED: {label}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped", flush=True)
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
