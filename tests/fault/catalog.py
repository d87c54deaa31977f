"""The components of the scenarios. Each step notes in a file that it begins and, if it comes so far, that it has ended."""
import base64
import hashlib
import io
import json
import zipfile

BUCKET = "store"
BIG = bytes(range(256)) * 512  # an artifact of 128 KiB


def _zip():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for i in range(3):
            z.writestr(zipfile.ZipInfo(f"part{i}.txt"), f"part {i}\n")
    return out.getvalue()


def _step(name, version, step, then=""):
    """{notes} stands for the file, which differs from device to device."""
    note = f"echo {name} {version} {step}"
    return f"{note} begin >> {{configuration:/notes}}\n{note} end >> {{configuration:/notes}}\n{then}"


def _recipe(name, version, steps, notes, configuration=None, files=None, depends=None):
    """steps: step -> what the script does at its end."""
    artifacts = [{"URI": f"s3://{BUCKET}/artifacts/{name}/{version}/{file}", "Algorithm": "SHA-256",
                  "Digest": base64.b64encode(hashlib.sha256(data).digest()).decode(),
                  "Unarchive": "ZIP" if file.endswith(".zip") else "NONE", "Permission": {"Read": "ALL"}}
                 for file, data in (files or {}).items()]
    return {"RecipeFormatVersion": "2020-01-25", "ComponentName": name, "ComponentVersion": version,
            "ComponentConfiguration": {"DefaultConfiguration": {"notes": notes, **(configuration or {})}},
            "ComponentDependencies": {n: {"VersionRequirement": v} for n, v in (depends or {}).items()},
            "Manifests": [{"Platform": {"os": "linux"}, "Artifacts": artifacts,
                           "Lifecycle": {step: {"Script": _step(name, version, step, then), "Timeout": 1000}
                                         for step, then in steps.items()}}]}


def recipes(notes):
    """(recipe, files) of all of them."""
    def app(version, **configuration):
        return ("app", version, {"install": "", "run": ""}, {"port": 1, "mode": "plain", "deep": {"a": 1, "b": [1, 2]}, **configuration},
                {"app.bin": version.encode() + BIG, "pack.zip": _zip()}, None)

    rows = [app("1.0.0"), app("1.1.0", added=True),
            ("keep", "1.0.0", {"install": "", "run": "exec sleep 100000"}, {"word": "kept"}, {"keep.txt": b"keep"}, None),
            ("extra", "1.0.0", {"install": "", "run": "", "uninstall": ""}, None, {"extra.txt": b"extra"}, None),
            ("boot", "1.0.0", {"bootstrap": "exit 100", "run": ""}, None, {"boot.txt": b"boot"}, None),
            ("boot2", "1.0.0", {"bootstrap": "", "run": ""}, None, None, {"boot": "^1.0.0"}),
            ("bad", "1.0.0", {"install": "", "startup": "exit 1"}, None, {"bad.txt": b"bad"}, {"app": "^1.1.0"}),
            ("badboot", "1.0.0", {"bootstrap": "", "startup": "exit 1"}, None, {"badboot.txt": b"bad"}, {"app": "^1.1.0"})]
    return [(_recipe(name, version, steps, notes, configuration, files, depends), files or {})
            for name, version, steps, configuration, files, depends in rows]


def publish(store, notes, bucket=BUCKET):
    for recipe, files in recipes(notes):
        name, version = recipe["ComponentName"], recipe["ComponentVersion"]
        store.put(f"{bucket}/recipes/{name}/{version}.json", json.dumps(recipe))
        for file, data in files.items():
            store.put(f"{BUCKET}/artifacts/{name}/{version}/{file}", data)


def at_rest(components):
    """name -> (version, state): only keep runs on, the scripts of all others have ended."""
    return all(state == "RUNNING" if name == "keep" else state in ("FINISHED", "BROKEN") for name, (_, state) in components.items())


def document(revision, components, policy="ROLLBACK", created=1764590400000):
    """components: name -> version, or name -> the object of a deployment document."""
    return {"deploymentId": f"deployment-{revision}", "schemaDate": "2021-05-17",
            "configurationArn": f"arn:aws:greengrass:local:000000000000:configuration:thinggroup/line:{revision}",
            "creationTimestamp": created + revision, "failureHandlingPolicy": policy,
            "components": {n: {"version": v} if isinstance(v, str) else v for n, v in components.items()},
            "componentUpdatePolicy": {"action": "SKIP_NOTIFY_COMPONENTS", "timeout": 60}}
