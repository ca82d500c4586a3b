"""One file per mistake; the messages expected are the `# error: …` lines at its top."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.config import ConfigError, load
from sidecar.probes import PROBES

CONFIGS = Path(__file__).parent.parent / "configs"
EXAMPLES = CONFIGS.parent.parent / "examples"
_MARK = "# error: "


def _files(pattern: str, folder: Path = CONFIGS) -> list[object]:
    return [pytest.param(path, id=path.name) for path in sorted(folder.glob(pattern))]


@pytest.mark.parametrize("path", [*_files("good-*.yml"), *_files("sidecar*.yml", EXAMPLES)])
def test_a_good_file_loads(path: Path) -> None:
    load({}, path)


@pytest.mark.parametrize("path", _files("bad-*.yml"))
def test_a_bad_file_is_refused_in_exactly_these_words_and_without_a_secret(path: Path) -> None:
    lines = path.read_text().splitlines()
    kinds = ", ".join(sorted(probe.kind for probe in PROBES))
    expected = [
        line.removeprefix(_MARK).replace("{file}", str(path)).replace("{kinds}", kinds)
        for line in lines
        if line.startswith(_MARK)
    ]
    with pytest.raises(ConfigError) as caught:
        load({}, path)
    assert expected, "a bad file begins with the errors it must cause"
    assert sorted(caught.value.errors) == sorted(expected)
    assert "s3cr3t" not in str(caught.value).replace(str(path), "")
    assert "s3cr3t" not in repr(caught.value).replace(str(path), "")


def test_every_file_is_good_or_bad() -> None:
    assert {path.name.partition("-")[0] for path in CONFIGS.glob("*.yml")} == {"good", "bad"}
