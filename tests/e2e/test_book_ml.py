"""The book's deployment of chapter 4 goes through the cloud side unchanged."""
import contextlib
import os
import subprocess

import pytest

from local.site import Site
from support.fleet import Fleet, running_site

FOREVER = "while :; do sleep 1; done"
CLASSIFY = "aws.greengrass.DLRImageClassification"
STORE = "variant.DLR.ImageClassification.ModelStore"


@pytest.fixture
def fleet(tmp_root, bin_dir, swift):
    """On a cloud side of its own: other tests publish components of these names on theirs."""
    with running_site(Site(os.path.join(tmp_root, "book-site"), bin_dir), swift) as site, \
            contextlib.closing(Fleet(site, tmp_root, bin_dir)) as fleet:
        yield fleet


def test_the_book_s_ml_deployment_is_answered_with_what_is_missing_and_then_deployed_unchanged(fleet, book, bin_dir):
    document = os.path.join(book, "chapter4/deployment-ml.json")
    device = fleet.device("ml-1")
    fleet.join("hbshubprototypes", device)
    done = subprocess.run([fleet.site.program("sedge-cloud"), "deploy", "create", "-f", document, "--state", fleet.site.state],
                          capture_output=True, text=True, timeout=60)
    message = done.stderr
    assert done.returncode == 3
    for part in ("variant.DLR@1.6.4 is not published (only AWS ships it)", f"{CLASSIFY}@2.1.5 is not published",
                 f"{STORE}@2.1.4 is not published", "com.hbs.hub.ScrollMessage@1.0.0 is not published, nor any other",
                 "aws greengrassv2 get-component", "sedge-cloud component publish"):
        assert part in message, message
    assert "LogManager" not in message and "Greengrass.Cli" not in message

    fleet.publish("variant.DLR", "1.6.4", {"install": "echo runtime"})
    staged = os.path.join(fleet.folder, "staged")  # the same as others put into the bucket
    subprocess.run(["components/stage", os.path.dirname(bin_dir), staged], check=True, capture_output=True)
    fleet.site.cloud("component", "publish", os.path.join(staged, f"{STORE}-2.1.4"))
    fleet.publish("com.hbs.hub.ScrollMessage", "1.0.0", FOREVER)
    fleet.publish(CLASSIFY, "2.1.5", "echo interval {configuration:/InferenceInterval}; " + FOREVER,
                  depends={"variant.DLR": ">=1.6.1 <1.7.0", STORE: ">=2.1.0 <2.2.0"},
                  configuration={"InferenceInterval": "3600"})
    fleet.site.cloud("deploy", "create", "-f", document)
    fleet.wait("hbshubprototypes", device, "SUCCEEDED")
    device.wait_log(CLASSIFY, "interval 10")
    have = {name: c["version"] for name, c in device.components().items()}
    assert have["variant.DLR"] == "1.6.4" and have[STORE] == "2.1.4" and have["com.hbs.hub.ScrollMessage"] == "1.0.0"
    why = fleet.site.cloud_json("device", "why", "ml-1")
    assert [t["status"] for t in why["targets"]] == ["SUCCEEDED"]
    assert {w["target"] for c in why["components"] if c["componentName"] == CLASSIFY for w in c["wanted"]} == \
        {"group:hbshubprototypes"}
