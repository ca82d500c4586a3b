from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline import Dependency, Meter
from pipeline.instrument import instrument


def test_what_is_no_client_of_a_known_sdk_is_refused() -> None:
    with pytest.raises(TypeError, match=r"object is not a client of openai, anthropic or firecrawl"):
        instrument(object(), Dependency("openai", meter=Meter()))


def test_importing_it_loads_no_sdk() -> None:
    program = (
        "import sys, pipeline.instrument;"
        "sys.exit(' '.join({'openai', 'anthropic', 'firecrawl', 'stamina'} & set(sys.modules)) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
