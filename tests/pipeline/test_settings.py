from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import Settings, SettingsError

GOOD = {"OPENROUTER_API_KEY": "sk-or-secret", "PDF_SERVICE_URL": "http://localhost:3000"}


def problems(environment: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment(environment)
    return raised.value.problems


def test_key_and_pdf_service_suffice() -> None:
    settings = Settings.from_environment(GOOD)
    assert settings == Settings(openrouter_api_key="sk-or-secret", pdf_service_url="http://localhost:3000")
    assert settings.openrouter_base_url == "https://openrouter.ai/api/v1"
    assert settings.openrouter_model == "openai/gpt-4o-mini"
    assert settings.spool is None


def test_every_variable_is_read() -> None:
    settings = Settings.from_environment(
        GOOD
        | {
            "OPENROUTER_BASE_URL": "http://127.0.0.1:1234/api/v1/",
            "OPENROUTER_MODEL": "anthropic/claude-sonnet-4.5",
            "PDF_SERVICE_URL": "https://user:word@pdf.example/",
            "SIDECAR_SPOOL": "/var/spool/sidecar",
        }
    )
    assert settings.openrouter_base_url == "http://127.0.0.1:1234/api/v1"
    assert settings.openrouter_model == "anthropic/claude-sonnet-4.5"
    assert settings.pdf_service_url == "https://user:word@pdf.example"
    assert settings.spool == Path("/var/spool/sidecar")


def test_key_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-or-filed\n")
    environment = {"PDF_SERVICE_URL": "http://pdf", "OPENROUTER_API_KEY_FILE": str(file)}
    assert Settings.from_environment(environment).openrouter_api_key == "sk-or-filed"


def test_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environment(GOOD | {"OPENROUTER_MODEL": "", "SIDECAR_SPOOL": " "}).spool is None


def test_repr_hides_the_secrets() -> None:
    shown = repr(Settings.from_environment(GOOD | {"PDF_SERVICE_URL": "http://user:word@pdf"}))
    assert "secret" not in shown
    assert "word" not in shown


def test_all_mistakes_come_at_once() -> None:
    found = problems({"OPENROUTER_BASE_URL": "x", "OPENROUTER_MODEL": "a b"})
    assert [problem.partition(":")[0] for problem in found] == [
        "OPENROUTER_API_KEY",
        "OPENROUTER_BASE_URL",
        "OPENROUTER_MODEL",
        "PDF_SERVICE_URL",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"OPENROUTER_API_KEY": ""},
            (
                "OPENROUTER_API_KEY: is not set, nor is OPENROUTER_API_KEY_FILE;"
                " create a key at https://openrouter.ai/keys and put it there"
            ),
        ),
        (
            {"OPENROUTER_API_KEY_FILE": "/run/key"},
            (
                "OPENROUTER_API_KEY: (value not shown) is set and so is OPENROUTER_API_KEY_FILE;"
                " unset one of them"
            ),
        ),
        (
            {"OPENROUTER_API_KEY": "", "OPENROUTER_API_KEY_FILE": "/missing/key"},
            (
                "OPENROUTER_API_KEY_FILE: '/missing/key' cannot be read (No such file or directory);"
                " name a file that this user can read"
            ),
        ),
        (
            {"OPENROUTER_API_KEY": "sk-secret\nX: y"},
            (
                "OPENROUTER_API_KEY: (value not shown) has characters that no key has;"
                " copy the key again, without spaces or quotes"
            ),
        ),
        (
            {"PDF_SERVICE_URL": "ftp://user:secret@host/secret"},
            "PDF_SERVICE_URL: 'ftp://host' is no http or https URL with a host; write it like http://host:3000",
        ),
        (
            {"PDF_SERVICE_URL": "http://host:secret"},
            "PDF_SERVICE_URL: (value not shown) is no URL; write it like http://host:3000",
        ),
        (
            {"PDF_SERVICE_URL": "http://[secret"},
            "PDF_SERVICE_URL: (value not shown) is no URL; write it like http://host:3000",
        ),
        (
            {"PDF_SERVICE_URL": "http://host/?token=secret"},
            "PDF_SERVICE_URL: 'http://host' has a query or a fragment; leave out what follows ? or #",
        ),
        (
            {"OPENROUTER_BASE_URL": "https://user:secret@host/v1"},
            "OPENROUTER_BASE_URL: 'https://host' carries a user or password; leave out what stands before @",
        ),
        (
            {"OPENROUTER_MODEL": "two words"},
            (
                "OPENROUTER_MODEL: 'two words' is no model name;"
                " take one from https://openrouter.ai/models, as openai/gpt-4o-mini"
            ),
        ),
    ],
)
def test_mistake_names_key_value_rule_and_remedy_but_no_secret(changes: dict[str, str], line: str) -> None:
    assert problems(GOOD | changes) == (line,)
    assert "secret" not in line


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"k" * 5000, b"two words"])
def test_key_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    (problem,) = problems({"PDF_SERVICE_URL": "http://pdf", "OPENROUTER_API_KEY_FILE": str(file)})
    assert problem.startswith("OPENROUTER_API_KEY_FILE: ")
