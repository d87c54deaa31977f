"""The recipes of the book, unmodified, as far as they go without a network, AWS or Raspberry Pi. HelloWorld and HelloWithConfig: tests/e2e/test_local.py.
README.md lists what is left out and why."""
import io
import os
import shutil
import zipfile

import pytest

from local import wait_until
from support.recipes import make_device

ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not ROOT, reason="the recipe asks for privileges: needs a nucleus that runs as root")
PIP = "#!/bin/sh\necho \"no network: $*\" >&2\nexit 1\n"
COMPOSE = "#!/bin/sh\nPATH=/usr/bin:/bin\necho \"$(cat docker-compose.yml) $*\"\n"


@pytest.fixture(scope="module")
def shared_device(bin_dir):
    def env(folder):  # pip must not go to the network and says so; docker-compose only says how it was called
        return {"PIP_NO_INDEX": "1", "PATH": os.path.join(folder, "programs") + ":/usr/bin:/bin"}

    for device in make_device(bin_dir, env=env):
        device.write("programs/docker-compose", COMPOSE, 0o755)
        device.write("programs/pip3", PIP, 0o755)
        yield device


@pytest.fixture
def book(recipes, shared_dir):
    """book("chapter4", "com.hbs.hub.ScrollMessage-1.0.0.json"): gives that recipe with the next deployment."""
    return lambda chapter, file: shutil.copy(os.path.join(shared_dir, "data", "book", chapter, "recipes", file), recipes.recipes)


def scroll_archive():
    """Archive.zip with an install script that makes the environment from what the machine has, and the program that the recipe runs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("install.sh", "#!/bin/sh\ncd \"$OLDPWD\" && mkdir -p env/bin && ln -sf /usr/bin/python3 env/bin/python && echo installed in $PWD\n")
        z.writestr("scrolling_message.py", "import os\nprint('scrolls in', os.getcwd())\n")
    return out.getvalue()


@only_root
@pytest.mark.parametrize("name", ["com.hbs.hub.ScrollMessage", "com.hbs.hub.ScrollMessageSimulated"])
def test_scroll_message_installs_and_runs_from_its_archive(recipes, book, name):
    book("chapter4", f"{name}-1.0.0.json")
    recipes.place(name, "Archive.zip", scroll_archive())
    recipes.deploy(name)
    work = recipes.path("work", name)
    assert recipes.said(name) == [f"installed in {work}", f"scrolls in {work}"]


def test_the_simulated_sense_hat_makes_its_environment_and_runs(recipes, book):
    """Its packages come from the network: the requirements are empty here, and pip finds nothing to do."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        pytest.skip("python3-venv is not installed")
    name = "com.hbs.hub.ReadSenseHATSimulated"
    book("chapter3", f"{name}-1.0.0.json")
    recipes.place(name, "requirements.txt", "")
    recipes.place(name, "read_senseHAT_simulated.py", "import sys\nprint(sys.prefix)\n")
    recipes.create(f"{name}=1.0.0")
    wait_until(lambda: recipes.state(name) in ("FINISHED", "BROKEN"), 120, "the environment to be made and the program to run")
    assert recipes.said(name)[-1] == recipes.path("work", name, "env"), recipes.log(name)[-2000:]


@only_root
def test_container_calls_docker_compose_up_and_down(recipes, book):
    name = "com.hbs.hub.Container"
    book("chapter8", f"{name}-1.0.0.yaml")
    recipes.place(name, "docker-compose.yml", "compose file:")
    recipes.deploy(name, ends=False)
    assert recipes.state(name) == "RUNNING"
    recipes.deploy_ok(remove=[name])
    assert recipes.said(name) == ["compose file: up -d", "compose file: down"]


@pytest.mark.parametrize("name", ["com.hbs.hub.Publisher", "com.hbs.hub.Subscriber"])
def test_publisher_and_subscriber_get_as_far_as_their_package(recipes, book, name):
    book("chapter5", f"{name}-1.0.0.yaml")
    text, _ = recipes.deploy_failing(f"{name}=1.0.0")
    assert recipes.details(name)["statusCode"] == "INSTALL_ERROR" and name in text
    assert "no network: install awsiotsdk" in recipes.log(name)
    recipes.deploy_ok(remove=[name])


def test_the_aggregator_says_that_the_stream_manager_is_missing(recipes, book):
    book("chapter5", "com.hbs.hub.Aggregator-1.0.0.yaml")
    cause, stack = recipes.refused("com.hbs.hub.Aggregator")
    assert stack[-1] == "COMPONENT_VERSION_REQUIREMENTS_NOT_MET" and "aws.greengrass.StreamManager" in cause


def test_the_inference_component_of_aws_says_what_it_needs(recipes, book):
    book("chapter7", "inference-manifest.json")
    cause, stack = recipes.refused("aws.greengrass.DLRImageClassification=2.1.6")
    assert stack[-1] == "COMPONENT_VERSION_REQUIREMENTS_NOT_MET" and "variant.DLR" in cause


def test_the_malformed_manifest_of_the_book_is_refused_with_its_place(recipes, book):
    book("chapter7", "model-manifest.json")
    cause, stack = recipes.refused("variant.DLR.ImageClassification.ModelStore")
    assert stack[-1] == "IO_MAPPING_ERROR" and "model-manifest.json:" in cause
