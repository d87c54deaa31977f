"""The main job, stage by stage. What each stage claims is what an outside observer saw."""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from .process import LocalError, wait_until
from .site import BUCKET, GROUP, THING, TOPIC, Site, process_alive, run

STORE = "variant.DLR.ImageClassification.ModelStore"
RUNTIME = "variant.DLR"
CLASSIFIER = "aws.greengrass.DLRImageClassification"
RESULTS_SHOWN = 6
WIDTH = 180  # of a line of a command's output


class Demo:
    def __init__(self, site, build):
        self.site = site
        self.build = build
        self.staged = os.path.join(site.folder, "components")
        self.started = time.monotonic()
        self.versions = {}

    # ---- what people see ----

    def stage(self, letter, title):
        self.stage_started = time.monotonic()
        print(f"\n{letter}. {title}", flush=True)

    def say(self, text):
        for line in str(text).rstrip().splitlines():
            print(f"   {line}" if len(line) <= WIDTH else f"   {line[:WIDTH]}...", flush=True)

    def done(self, text):
        print(f"   OK  {text}  ({time.monotonic() - self.stage_started:.1f} s)", flush=True)

    def check(self, true, text):
        if not true:
            raise LocalError(text)

    @staticmethod
    def mean_gap(messages):
        """Seconds; a busy machine may be late with one of them."""
        return (messages[-1][0] - messages[0][0]) / (len(messages) - 1)

    def table(self, messages):
        print("   image              label      score   ms")
        for _, m in messages:
            best = m["inference-results"][0] if m.get("inference-results") else {"Label": "-", "Score": "-"}
            print(f"   {m.get('image', '-'):<18} {best['Label']:<10} {float(best['Score']):.4f}  {float(m.get('inference-milliseconds', 0)):.2f}")

    # ---- stages ----

    def start(self):
        self.stage("0", "object store, broker and cloud side on this machine")
        self.site.start_store()
        self.site.init_cloud()
        self.site.start_broker()
        self.site.start_serve()
        self.site.start_observer()
        self.done(f"Swift on port {self.site.swift.port}, mosquitto with mutual TLS on {self.site.device_port}, sedge-cloud serve")

    def create_device(self):
        self.stage("a", "the device and its group")
        self.say(self.site.cloud("thing", "create", THING, "--out", self.site.bundle, "--root", self.site.root))
        self.say(self.site.cloud("group", "add-thing", GROUP, THING, "--create"))
        for name in ("device.key", "device.crt", "ca.crt", "config.yaml"):
            self.check(os.path.exists(os.path.join(self.site.bundle, name)), f"{name} is missing in the bundle")
        subject = run(["openssl", "x509", "-noout", "-subject", "-in", os.path.join(self.site.bundle, "device.crt")])
        self.check(THING in subject, f"the certificate is not for {THING}: {subject}")
        self.site.start_nucleus("--init-config", os.path.join(self.site.bundle, "config.yaml"))
        wait_until(lambda: "mqtt-connected" in self.device_log(), 20, "the device to connect to the broker")
        self.done(f"{THING} is in {GROUP}, runs, and is connected")

    def device_log(self):
        try:
            with open(os.path.join(self.site.root, "logs", "greengrass.log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def stage_components(self, *words):
        out = os.path.join(self.staged, "-".join(words) or "base")
        run([os.path.join("components", "stage"), self.build, out, *words])
        return {name: os.path.join(out, name) for name in sorted(os.listdir(out))}

    def publish_components(self):
        self.stage("b", "publish model store, runtime and classifier to the bucket")
        for folder, path in self.stage_components().items():
            name, version = folder.rsplit("-", 1)
            self.versions[name] = version
            self.say(self.site.cloud("component", "publish", path))
        with self.site.swift.fetch() as fetch:
            keys = fetch.run({"op": "list", "bucket": BUCKET, "prefix": "manifests/"})["keys"]
        names = {k["key"] if isinstance(k, dict) else k for k in keys}
        for name, version in self.versions.items():
            self.check(f"manifests/{name}/{version}.json" in names, f"the bucket has no manifest of {name} {version}: {sorted(names)}")
        self.done(f"the bucket has {len(names)} components")

    def deploy(self):
        self.stage("c", 'deploy revision 1 to the group, InferenceInterval "5"')
        document = {"targetArn": f"arn:aws:iot:local:000000000000:thinggroup/{GROUP}",
                    "components": {STORE: {"componentVersion": self.versions[STORE]},
                                   RUNTIME: {"componentVersion": self.versions[RUNTIME]},
                                   CLASSIFIER: {"componentVersion": self.versions[CLASSIFIER],
                                                "configurationUpdate": {"merge": json.dumps({"InferenceInterval": "5"})}}}}
        path = os.path.join(self.site.folder, "deployment-1.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(document, f, indent=2)
        self.say(self.site.cloud("deploy", "create", "-f", path))
        self.site.wait_deployment(1, "SUCCEEDED", 60)
        self.say(self.site.cloud("deploy", "show", f"group:{GROUP}", "--devices"))
        self.done("the device resolved, downloaded and started them")

    def show_results(self):
        self.stage("d", "what the device runs, and what a subscriber receives")
        self.say(self.site.sedge("component", "list"))
        have = self.site.components()
        for name, state in ((STORE, "FINISHED"), (RUNTIME, "FINISHED"), (CLASSIFIER, "RUNNING")):
            self.check(have[name]["state"] == state, f"{name} is {have[name]['state']}, expected {state}")
        self.say(f"mosquitto_sub -t {TOPIC}:")
        messages = self.site.observer.wait_more(3, 40, "results of revision 1")
        self.table(messages)
        gap = self.mean_gap(messages)
        self.check(4 < gap < 7, f"results should come every 5 s, they came every {gap:.1f} s")
        self.done("results every 5 s")

    def revise(self):
        self.stage("e", "revision 2: a new model, and a result each second")
        before = self.site.details(CLASSIFIER)
        runtime_log = os.path.join(self.site.root, "logs", f"{RUNTIME}.log")
        untouched = os.path.getsize(runtime_log) if os.path.exists(runtime_log) else 0
        for folder, path in self.stage_components("--model", "v2").items():
            name, version = folder.rsplit("-", 1)
            if name == STORE:
                self.versions[STORE] = version
                self.say(self.site.cloud("component", "publish", path))
        self.say(self.site.cloud("deploy", "revise", f"group:{GROUP}", "--set-component", f"{STORE}@{self.versions[STORE]}",
                                 "--merge", CLASSIFIER + "=" + json.dumps({"InferenceInterval": "1"})))
        self.site.wait_deployment(2, "SUCCEEDED", 60)
        have = self.site.components()
        after = self.site.details(CLASSIFIER)
        self.check(have[STORE]["version"] == self.versions[STORE], f"the model store is {have[STORE]['version']}")
        self.check(have[CLASSIFIER]["configuration"]["InferenceInterval"] == "1", "the classifier has the old interval")
        self.check(after["pid"] != before["pid"], "the classifier was not restarted")
        now_size = os.path.getsize(runtime_log) if os.path.exists(runtime_log) else 0
        self.check(now_size == untouched, "the runtime was touched: its log grew")
        messages = self.site.observer.wait_more(RESULTS_SHOWN, 30, "results of revision 2")
        self.table(messages)
        gap = self.mean_gap(messages)
        self.check(gap < 2.5, f"results should come each second, they came every {gap:.1f} s")
        self.done(f"classifier restarted (process {before['pid']} -> {after['pid']}), runtime not touched")

    def break_and_roll_back(self):
        self.stage("f", "revision 3: a broken classifier; the device goes back by itself")
        for folder, path in self.stage_components("--broken").items():
            name, version = folder.rsplit("-", 1)
            if name == CLASSIFIER and version != self.versions[CLASSIFIER]:
                self.say(self.site.cloud("component", "publish", path))
                self.say(self.site.cloud("deploy", "revise", f"group:{GROUP}", "--set-component", f"{CLASSIFIER}@{version}"))
        row = self.site.wait_deployment(3, "FAILED", 90)
        self.say(self.site.cloud("deploy", "show", f"group:{GROUP}:3", "--devices", "--errors"))
        text = json.dumps(row)
        self.check("FAILED_ROLLBACK_COMPLETE" in text, f"the cloud should know that the device rolled back: {text}")
        self.check(CLASSIFIER in text, f"the cloud should know which component broke: {text}")
        have = self.site.components()
        self.check(have[CLASSIFIER]["version"] == self.versions[CLASSIFIER], f"the device runs {have[CLASSIFIER]['version']}")
        self.check(have[CLASSIFIER]["state"] == "RUNNING", f"the classifier is {have[CLASSIFIER]['state']}")
        self.table(self.site.observer.wait_more(3, 20, "results after the rollback"))
        self.done(f"rolled back to {CLASSIFIER} {self.versions[CLASSIFIER]}, the cloud has the reason, results keep coming")

    def pull_the_plug(self):
        self.stage("g", "pull the plug: kill -9 on the nucleus, then the broker goes away for a while")
        before = self.site.details(CLASSIFIER)
        known = {name: c["version"] for name, c in self.site.components().items()}
        revisions = len(self.site.cloud_json("deploy", "list"))
        self.site.nucleus.kill()
        wait_until(lambda: not process_alive(before["pid"]), 10, "the classifier of the killed nucleus to end")
        self.say("nucleus killed; its components are gone too")
        self.site.start_nucleus()
        wait_until(lambda: self.site.components().get(CLASSIFIER, {}).get("state") == "RUNNING", 30, "the classifier to come back")
        now = {name: c["version"] for name, c in self.site.components().items()}
        self.check(now == known, f"other components came back: {now}, before {known}")
        self.check(len(self.site.cloud_json("deploy", "list")) == revisions, "a deployment was needed")
        self.site.observer.wait_more(2, 30, "results after the restart")
        self.say("restarted: the same components are back, no deployment was needed")
        self.broker_outage()

    def broker_outage(self):
        self.site.stop_broker()
        self.site.observer.stop()
        self.say("broker stopped")
        time.sleep(5)  # the outage itself
        self.site.start_broker()
        self.site.start_observer()
        started = time.time()
        messages = self.site.observer.wait_more(6, 60, "spooled results after the outage")
        stamps = [m["timestamp"] for _, m in messages]
        self.table(messages)
        self.check(stamps == sorted(stamps), f"the results are out of order: {stamps}")
        self.check(len(set(stamps)) == len(stamps), f"a result came twice: {stamps}")
        first = self.parse_time(stamps[0])
        self.check(first < started - 1, f"the first result is from {stamps[0]}: those of the outage are lost")
        self.done("results of the outage were spooled and came in order")

    @staticmethod
    def parse_time(text):
        import datetime
        stamp = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        if stamp.tzinfo is None:
            return stamp.timestamp()
        return stamp.timestamp()

    def run(self):
        for step in (self.start, self.create_device, self.publish_components, self.deploy, self.show_results, self.revise,
                     self.break_and_roll_back, self.pull_the_plug):
            step()
        print(f"\nAll stages verified in {time.monotonic() - self.started:.0f} s.", flush=True)


HINTS = """
Everything stays up until Ctrl-C. Try, in another terminal:

  sedge="{bin}/sedge --ggcRootPath {root}"
  cloud="{bin}/sedge-cloud --state {state}"

  $sedge component list
  $sedge logs get --log-file {root}/logs/{classifier}.log --follow
  $sedge deployment create --recipeDir recipes/examples/HelloWorld/recipes --artifactDir recipes/examples/HelloWorld/artifacts \\
         --merge com.example.HelloWorld=1.0.0
  $cloud deploy show group:{group} --devices
  # the group's current revision still names the broken classifier: revise it to the good one
  $cloud deploy revise group:{group} --set-component {classifier}@{version} \\
         --merge {classifier}='{{"InferenceInterval":"2"}}'
  mosquitto_sub -h 127.0.0.1 -p {port} -u observer -P "$(cat {broker}/reader-observer.password)" -t {topic}

Your own ONNX model (a folder with the .onnx file and labels.txt; docs/dlr.md tells the rest), your own images:

  components/stage {build} OUT --model FOLDER --model-version 2.1.6
  $cloud component publish OUT/{store}-2.1.6
  $cloud deploy revise group:{group} --set-component {store}@2.1.6 \\
         --set-component {classifier}@{version} --merge {classifier}='{{"ImageDirectory":"/folder/with/images"}}'
"""


def stay_up(site, build, classifier_version):
    print(HINTS.format(build=build, bin=site.bin, root=site.root, state=site.state, classifier=CLASSIFIER, group=GROUP, port=site.service_port,
                       broker=site.broker_dir, topic=TOPIC, store=STORE, version=classifier_version), flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


def main():
    parser = argparse.ArgumentParser(prog="packaging/demo", description="The main job on this one machine.")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--once", action="store_true", help="end after the last stage")
    parser.add_argument("--root", help="folder for everything")
    parser.add_argument("--keep", action="store_true", help="do not remove the folder at the end")
    parser.add_argument("--no-deps", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.root or tempfile.mkdtemp(prefix="sedge-demo-")
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    site = Site(folder, os.path.join(options.build, "bin"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    demo = Demo(site, options.build)
    code = 1
    try:
        demo.run()
        code = 0
        if not options.once:
            stay_up(site, options.build, demo.versions[CLASSIFIER])
    except (LocalError, subprocess.TimeoutExpired, OSError, KeyError, ValueError) as error:
        print(f"\nFAILED: {error}\nThe logs are in {folder}" + ("" if options.keep else " (kept because of the failure)"), flush=True)
    except KeyboardInterrupt:
        print("\ninterrupted", flush=True)
    finally:
        site.stop()
        if code == 0 and not options.keep and not options.root:
            shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
