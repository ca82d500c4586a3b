from __future__ import annotations

import pytest

from pipeline.providers.error import AccessVariables
from pipeline.providers.firecrawl import _VARIABLES as FIRECRAWL
from pipeline.settings import MODEL_PROVIDERS, Settings, SettingsError


@pytest.mark.parametrize(
    "variables", [FIRECRAWL, *(AccessVariables.of_model(provider.name) for provider in MODEL_PROVIDERS)]
)
def test_the_variables_that_a_message_names_are_those_that_are_read(variables: AccessVariables) -> None:
    named = [name for name in (variables.key, variables.url, variables.model) if name is not None]
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment(dict.fromkeys(named, "not one\n of them"))
    for name in named:
        assert any(problem.startswith(f"{name}:") for problem in raised.value.problems), name
