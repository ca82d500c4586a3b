"""What users read about the configuration names everything there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings import Settings, SettingsError
from sidecar.config import Config, load
from sidecar.config.environment import PROVIDERS, SECRETS, VARIABLES, Provider
from sidecar.config.model import OPTIONS_BY_KIND
from sidecar.probes import PROBES, Probe
from sidecar.probes.exchange.options import RouteOptions

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text()
ENV_EXAMPLE = (ROOT / ".env.example").read_text()


class Environment(dict[str, str]):
    """An empty one that notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None, /) -> Any:
        self.read.add(key)
        return default


def variables_of_the_pipeline() -> set[str]:
    environment = Environment()
    with pytest.raises(SettingsError):
        Settings.from_environment(environment)
    return environment.read


READ = variables_of_the_pipeline()
# The `_FILE` beside each secret is explained once, for all of them.
PIPELINE_VARIABLES = sorted(
    name for name in READ - set(VARIABLES) if name.removesuffix("_FILE") not in READ - {name}
)


@pytest.mark.parametrize("variable", [*VARIABLES, *PIPELINE_VARIABLES])
def test_every_variable_is_documented_and_in_the_example(variable: str) -> None:
    assert f"`{variable}`" in DOCUMENT
    assert f"\n# {variable}=" in ENV_EXAMPLE


def test_the_example_names_only_variables_that_are_read() -> None:
    assert set(re.findall(r"^# ([A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE)) == {*VARIABLES, *PIPELINE_VARIABLES}
    assert not re.search(r"^[^#\n]", ENV_EXAMPLE, re.MULTILINE)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.dependency)
def test_every_providers_url_is_documented(provider: Provider) -> None:
    url = str(OPTIONS_BY_KIND[provider.dependency].model_fields["url"].default).rstrip("/")
    assert f"| `{provider.url_variable}` | `{url}` |" in DOCUMENT
    assert f"\n# {provider.url_variable}={url}\n" in ENV_EXAMPLE


@pytest.mark.parametrize("key", Config.model_fields)
def test_every_key_of_the_file_is_documented(key: str) -> None:
    assert f"\n| `{key}` |" in DOCUMENT.partition("## The file")[2]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.kind)
def test_every_key_of_every_kind_is_documented(probe: type[Probe[Any]]) -> None:
    chapter = DOCUMENT.partition("### Keys of every dependency")[2].partition(f"### `kind: {probe.kind}`")
    own = chapter[2].partition("\n##")[0]
    common = chapter[0].partition("\n###")[0]
    if issubclass(probe.options_type, RouteOptions):
        common += DOCUMENT.partition("### Keys of every kind that speaks HTTP")[2].partition("\n###")[0]
    for key in probe.options_type.model_fields:
        assert f"\n| `{key}` |" in own + common


def test_the_example_uncommented_loads() -> None:
    uncommented = re.sub(r"^# (?=[A-Z_]+=)", "", ENV_EXAMPLE, flags=re.MULTILINE)
    environment = dict(re.findall(r"^([A-Z_]+)=(.*)$", uncommented, re.MULTILINE))
    assert set(SECRETS) <= environment.keys()
    del environment["SIDECAR_CONFIG"]
    assert set(load(environment).dependencies) == {"mongodb", "pdf_service"}
