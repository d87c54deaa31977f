"""recipe.md 10.1: docker: artifacts. The command `docker` is a script here that records how it was called: it is the other side of a process
boundary, and no test may depend on a Docker service. What is asked of it, and what its answers lead to, is real."""
import os

import pytest

from local import wait_until
from support.recipes import make_device

HEX = "0123456789abcdef" * 4
MANAGER = {"aws.greengrass.DockerApplicationManager": "~2.0.0"}
# What it answers lies in files beside it: `have` lists the images that are there, `fail` is printed to stderr with exit code 1.
DOCKER = """#!/bin/sh
PATH=/usr/bin:/bin
here=$(dirname "$0")
echo "$@" >>"$here/calls"
if [ -e "$here/fail-$1" ]; then cat "$here/fail-$1" >&2; exit 1; fi
case "$1" in
images) grep -qxF "$3" "$here/have" 2>/dev/null && echo 1234abcd; exit 0 ;;
pull) while [ -e "$here/wait" ]; do sleep 0.05; done; echo "$2" >>"$here/have"; echo "Status: Downloaded $2" ;;
esac
"""


class Docker:
    def __init__(self, device):
        self.folder = os.path.join(device.folder, "docker")
        self.path = device.write("docker/docker", DOCKER, 0o755)

    def file(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is None:
            if os.path.exists(path):
                os.remove(path)
            return
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def reset(self):
        for name in os.listdir(self.folder):
            if name != "docker":
                os.remove(os.path.join(self.folder, name))

    def calls(self):
        try:
            with open(os.path.join(self.folder, "calls"), encoding="utf-8") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []


@pytest.fixture(scope="module")
def shared_device(bin_dir):
    def path(folder):
        return {"PATH": os.path.join(folder, "docker")}  # a docker of this machine must not be found

    yield from make_device(bin_dir, env=path)


@pytest.fixture
def docker(recipes):
    docker = Docker(recipes)
    docker.reset()
    yield docker
    docker.reset()
    there = [name for name in recipes.components() if name.startswith("img-")]
    if there:
        recipes.deploy_ok(remove=there)


def put(recipes, name, *images, depends=None):
    recipes.put(name, "echo ran", artifacts=[{"Uri": f"docker:{image}"} for image in images], depends=MANAGER if depends is None else depends)


def test_latest_is_always_pulled(recipes, docker):
    put(recipes, "img-latest", "redis", "library/redis:latest")
    docker.file("have", "redis:latest\nlibrary/redis:latest\n")
    recipes.deploy("img-latest")
    assert docker.calls() == ["pull redis:latest", "pull library/redis:latest"]
    assert recipes.said("img-latest") == ["ran"]


def test_other_tags_and_digests_are_pulled_only_when_they_are_not_there(recipes, docker):
    images = ("redis:7.2", f"redis@sha256:{HEX}", "registry.example.com:5000/a/b:1")
    put(recipes, "img-tags", *images)
    docker.file("have", "redis:7.2\n")
    recipes.deploy("img-tags")
    assert docker.calls() == ["images -q redis:7.2", f"images -q {images[1]}", f"pull {images[1]}", f"images -q {images[2]}", f"pull {images[2]}"]
    recipes.deploy("img-tags")
    assert docker.calls()[5:] == [f"images -q {image}" for image in images]


def test_the_docker_application_manager_must_be_deployed_too(recipes, docker):
    put(recipes, "img-no-manager", "redis", depends={})
    cause, stack = recipes.refused("img-no-manager")
    assert stack[-1] == "MISSING_DOCKER_APPLICATION_MANAGER" and "aws.greengrass.DockerApplicationManager" in cause
    assert docker.calls() == []


def test_a_private_ecr_registry_needs_the_token_exchange_service(recipes, docker):
    image = "012345678901.dkr.ecr.eu-west-1.amazonaws.com/app:1"
    put(recipes, "img-private", image)
    cause, stack = recipes.refused("img-private")
    assert stack[-1] == "MISSING_TOKEN_EXCHANGE_SERVICE" and image in cause and docker.calls() == []
    put(recipes, "img-private", image, depends={**MANAGER, "aws.greengrass.TokenExchangeService": "^2.0.0"})
    recipes.deploy("img-private")
    assert docker.calls()[-1] == f"pull {image}"


def test_a_public_ecr_registry_needs_none(recipes, docker):
    put(recipes, "img-public", "public.ecr.aws/x/app:1")
    recipes.deploy("img-public")
    assert docker.calls()[-1] == "pull public.ecr.aws/x/app:1"


def test_missing_helpers_are_found_before_anything_is_fetched(recipes, docker):
    recipes.put("img-before", "true", artifacts=[{"Uri": "http://127.0.0.1:9/f"}, {"Uri": "docker:redis"}])
    assert recipes.refused("img-before")[1][-1] == "MISSING_DOCKER_APPLICATION_MANAGER"


@pytest.mark.parametrize("n, command, says, codes", [
    (0, "images", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
     ["DOCKER_ERROR", "DOCKER_IMAGE_QUERY_ERROR", "DOCKER_SERVICE_UNAVAILABLE"]),
    (1, "images", "permission denied while trying to connect to the Docker daemon socket",
     ["DOCKER_ERROR", "DOCKER_IMAGE_QUERY_ERROR", "USER_NOT_AUTHORIZED_FOR_DOCKER"]),
    (2, "images", "something else", ["DOCKER_ERROR", "DOCKER_IMAGE_QUERY_ERROR"]),
    (3, "pull", "manifest for app:1 not found: manifest unknown", ["DOCKER_ERROR", "DOCKER_PULL_ERROR", "DOCKER_IMAGE_NOT_VALID"]),
    (4, "pull", "pull access denied for app, repository does not exist or may require 'docker login'",
     ["DOCKER_ERROR", "DOCKER_PULL_ERROR", "DOCKER_IMAGE_NOT_VALID"]),
    (5, "pull", "net/http: TLS handshake timeout", ["DOCKER_ERROR", "DOCKER_PULL_ERROR"])])
def test_what_docker_says_is_in_the_error(recipes, docker, n, command, says, codes):
    put(recipes, f"img-fails{n}", "app:1")
    docker.file(f"fail-{command}", says + "\n")
    cause, stack = recipes.refused(f"img-fails{n}")
    assert stack == ["DEPLOYMENT_FAILURE", "ARTIFACT_DOWNLOAD_ERROR", *codes]
    assert says in cause and "app:1" in cause and "exit code 1" in cause


def test_without_docker_the_error_says_what_to_install(recipes, docker):
    put(recipes, "img-no-docker", "app:1")
    os.rename(docker.path, docker.path + ".away")
    try:
        cause, stack = recipes.refused("img-no-docker")
        assert stack[-2:] == ["DOCKER_ERROR", "DOCKER_SERVICE_UNAVAILABLE"] and "install docker" in cause
    finally:
        os.rename(docker.path + ".away", docker.path)


def test_digest_unarchive_and_permission_mean_nothing_for_images(recipes, docker):
    recipes.put("img-irrelevant", "true", depends=MANAGER, artifacts=[
        {"Uri": "docker:app:1", "Digest": "x", "Algorithm": "SHA-9", "Unarchive": "ZIP", "Permission": {"Execute": "ALL"}}])
    recipes.deploy("img-irrelevant")
    assert docker.calls() == ["images -q app:1", "pull app:1"]


def test_a_deployment_can_be_canceled_while_an_image_is_pulled(recipes, docker):
    docker.file("wait", "")
    put(recipes, "img-canceled", "slow:1", "never:1")
    deployment = recipes.create("img-canceled=1.0.0")
    wait_until(lambda: "pull slow:1" in docker.calls(), 20, "the pull to begin")
    recipes.sedge("deployment", "cancel", "-i", deployment)
    assert recipes.wait(deployment)["status"] == "CANCELED"
    assert docker.calls() == ["images -q slow:1", "pull slow:1"]


def test_the_nucleus_ends_while_an_image_is_pulled_and_pulls_it_after_its_next_start(recipes, docker):
    docker.file("wait", "")
    put(recipes, "img-restarted", "slow:2")
    deployment = recipes.create("img-restarted=1.0.0")
    wait_until(lambda: "pull slow:2" in docker.calls(), 20, "the pull to begin")
    recipes.stop()
    docker.file("wait")
    recipes.start(env={"PATH": docker.folder})
    assert recipes.wait(deployment)["status"] == "SUCCEEDED"
    wait_until(lambda: recipes.said("img-restarted") == ["ran"], 30, "the component to have run")
