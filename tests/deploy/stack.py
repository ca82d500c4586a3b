"""What docker-compose.yml and the manifests say of the containers that run this project's code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from tests.deploy.image import ROOT, dockerfile

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
GENERATED = ROOT / "dashboards" / "generated"
STAND_IN_SECRETS = DEPLOY / "stand-in-secrets"
OURS = re.compile(r"pipeline-(sidecar|worker):")

OF_THE_USERS = {
    "pipeline-jobs": ROOT / "examples" / "postings",
    "pipeline-candidate": ROOT / "examples",
    "pipeline-secrets": STAND_IN_SECRETS,
}
"""What docs/deploy.md has the user make the ConfigMaps and the Secret of."""


@dataclass(frozen=True)
class Container:
    """One that runs our code, wherever it is written down."""

    where: str
    target: str
    argv: list[str]
    environment: dict[str, str]
    mounts: dict[str, Path | str]
    """A directory or file of the container → what is there: a path of this repository, or a volume's name."""
    writable: frozenset[str]

    def on_this_machine(self, path: str) -> Path | str:
        """What is at a path of the container.

        Raises:
            KeyError: nothing is mounted there.
        """
        inside = PurePosixPath(path)
        for mount in [inside, *inside.parents]:
            found = self.mounts.get(str(mount))
            if found is not None:
                rest = inside.relative_to(mount)
                return found / rest if isinstance(found, Path) else f"{found}/{rest}".removesuffix("/.")
        raise KeyError(f"{self.where}: nothing is mounted at {path}")


@cache
def compose() -> dict[str, Any]:
    """docker-compose.yml, with the defaults of its variables."""
    text = (ROOT / "docker-compose.yml").read_text()
    loaded: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))
    return loaded


@cache
def manifests() -> dict[str, Any]:
    """By kind; there is one of each."""
    documents: list[dict[str, Any]] = [
        document
        for path in (*sorted(KUBERNETES.glob("*.yml")), GENERATED / "prometheusrule.yml")
        for document in yaml.safe_load_all(path.read_text())
    ]
    found = {document["kind"]: document for document in documents}
    assert len(found) == len(documents)
    return found


def compose_containers() -> list[Container]:
    return [
        _compose_container(name, service)
        for name, service in compose()["services"].items()
        if OURS.match(service["image"])
    ]


def _compose_container(name: str, service: Mapping[str, Any]) -> Container:
    target = service["build"]["target"]
    stage = dockerfile()[target]
    mounts: dict[str, Path | str] = {}
    writable = set()
    for volume in service.get("volumes", ()):
        source, inside, *options = volume.split(":")
        mounts[inside] = ROOT / source if source.startswith(".") else source
        if options != ["ro"]:
            writable.add(inside)
    for secret in service.get("secrets", ()):
        mounts[f"/run/secrets/{secret}"] = ROOT / compose()["secrets"][secret]["file"]
    return Container(
        f"docker-compose.yml: {name}",
        target,
        [*service.get("entrypoint", stage.entrypoint), *service.get("command", stage.command)],
        stage.environment | service.get("environment", {}),
        mounts,
        frozenset(writable),
    )


def pod_containers() -> list[Container]:
    pod = manifests()["StatefulSet"]["spec"]["template"]["spec"]
    volumes = {volume["name"]: _mounted(volume) for volume in pod["volumes"]}
    return [
        Container(
            f"statefulset.yml: {container['name']}",
            (target := OURS.match(container["image"])[1]),  # type: ignore[index]
            [*dockerfile()[target].entrypoint, *container["args"]],
            dockerfile()[target].environment
            | {entry["name"]: entry.get("value", "pipeline-worker-0") for entry in container["env"]},
            {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]},
            frozenset(
                mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly", False)
            ),
        )
        for container in [*pod["initContainers"], *pod["containers"]]
    ]


def _mounted(volume: Mapping[str, Any]) -> Path | str:
    source = volume.get("configMap", {}).get("name") or volume.get("secret", {}).get("secretName")
    name = str(volume["name"] if source is None else source)
    return OF_THE_USERS.get(name, name)
