"""Whatever a file or the environment says, and wherever somebody pastes a secret."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.config import ConfigError, load
from tests.sidecar.test_config import CONFIGS, SECRET

PASTED = (f"http://me:{SECRET}@x y", f"me:{SECRET}@host", f"[{SECRET}]", f"{{x: {SECRET}}}")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("good-*.yml")), ids=lambda path: path.name)
def test_a_secret_in_any_place_of_a_good_file_is_in_no_error(path: Path, tmp_path: Path) -> None:
    """Each line in turn gets the secret for its value, as somebody who pastes it there would do."""
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        # These hold nothing secret, and a wrong value is what the user must see.
        if ":" not in line or line.split(":")[0].strip() in _NEVER_SECRET:
            continue
        pasted = PASTED[number % len(PASTED)]
        changed = [*lines[:number], f"{line.partition(':')[0]}: {pasted}", *lines[number + 1 :]]
        (tmp_path / "sidecar.yml").write_text("\n".join(changed))
        try:
            shown = repr(load({}, tmp_path / "sidecar.yml"))
        except ConfigError as error:
            shown = f"{error!r} {error!s}"
        assert SECRET not in shown, line


def test_a_file_of_more_values_than_anybody_writes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yml"
    file.write_text("listen: [" + "1," * 10_000 + "]")
    with pytest.raises(ConfigError) as caught:
        load({}, file)
    assert caught.value.errors == (f"{file}:1:20004: more than 10000 values; shorten the file",)


_NEVER_SECRET = frozenset(
    {"method", "accepted_status_codes", "kind", "spool", "query_type", "transport", "model", "server_name"}
)


_PIECES = st.sampled_from(
    [
        *"[]{}:,-?&*!|>'\"%@`#\\~ \n\t\0/x\x85\ud800",
        *(
            "\n  ",
            ": ",
            "- ",
            "<<",
            "!!int",
            "---",
            ".inf",
            "1e9",
            "9" * 25,
            "file",
            "http://",
            "a:b@",
            "[::1]:",
        ),
        *("dependencies:\n  a:\n    ", "kind: http\n    ", "kind: mongodb\n    ", "critical: true\n    "),
        *("url: ", "uri: ", "uri_file: ", "mongodb://", "headers: ", "prefix: ", "accepted_status_codes: ["),
        *("listen: ", "spool: ", "interval_seconds: ", "timeout_seconds: "),
    ]
)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.binary(max_size=60), st.lists(_PIECES, max_size=25).map("".join), st.text(max_size=40)))
def test_whatever_the_file_says_it_is_a_config_or_a_config_error(
    tmp_path: Path, content: bytes | str
) -> None:
    file = tmp_path / "sidecar.yml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
    with contextlib.suppress(ConfigError):
        load({}, file)


@settings(max_examples=50, deadline=None, database=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["MONGODB_URI", "PDF_SERVICE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "SIDECAR_LISTEN"]
        ),
        st.text(st.characters(), max_size=30),
    )
)
def test_whatever_the_environment_says_it_is_a_config_or_a_config_error(environment: dict[str, str]) -> None:
    with contextlib.suppress(ConfigError):
        load(environment)
