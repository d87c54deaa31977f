"""What the measurements share: the path to the tests' modules, the memory of a process, the table with its goals.

Import it before the tests' modules."""
import argparse
import json
import os
import re
import sys
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNIT = os.path.join(SOURCE, "packaging", "units", "sedge-nucleus.service")
for _folder in ("packaging", "tests"):
    sys.path.insert(0, os.path.join(SOURCE, _folder))


# ---- memory ----

def smaps_kb(pid):
    """(proportional set size, written by it alone) of a process. Pages of libraries count in the first by how many processes of the
    machine have them mapped; the second is nobody else's, whatever runs on the machine."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
        found = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+):\s+(\d+) kB", f.read(), re.M)}
    return found["Pss"], found["Private_Dirty"]


def steady_kb(pid, seconds, part=0, slack=8):
    """The same once that part no longer changes by more than `slack` for so long."""
    last, since = smaps_kb(pid), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.1)
        now = smaps_kb(pid)
        if abs(now[part] - last[part]) > slack:
            last, since = now, time.monotonic()
    return smaps_kb(pid)


# ---- environment ----

def unit_environment():
    """What the nucleus finds in its environment when systemd starts it."""
    with open(UNIT, encoding="utf-8") as f:
        return dict(re.findall(r"^Environment=(\w+)=(.*)$", f.read(), re.M))


# ---- the command line and the table ----

def arguments(description):
    """A parser of what every measurement understands."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(SOURCE, "build", "release"))
    parser.add_argument("--json", action="store_true")
    return parser


def verdict(value, unit, goal):
    if goal is None:
        return ""
    reached = value >= -goal if goal < 0 else value <= goal
    return f"goal {'at least ' if goal < 0 else ''}{abs(goal):g} {unit}: {'reached' if reached else 'MISSED'}"


def report(table, options):
    """Prints the rows (what, value, unit, goal or None); a goal below 0 is a minimum. The exit code: 1 if one is missed and --check given."""
    if options.json:
        print(json.dumps([dict(zip(("what", "value", "unit", "goal"), row)) for row in table], indent=1))
    else:
        for what, value, unit, goal in table:
            print(f"{what:<60} {value:9.2f} {unit:<5}  {verdict(value, unit, goal)}".rstrip())
    return 1 if options.check and any("MISSED" in verdict(*row[1:]) for row in table) else 0
