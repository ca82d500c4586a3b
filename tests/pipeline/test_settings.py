from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import MAX_CV_BYTES, ServiceAccess, Settings, SettingsError

CV = Path(__file__).parents[2] / "examples" / "cv.md"
GOOD = {
    "OPENROUTER_API_KEY": "sk-or-secret",
    "PDF_SERVICE_URL": "http://localhost:3000",
    "CANDIDATE_CV": str(CV),
}
OPENROUTER = ServiceAccess(
    name="openrouter",
    api_key="sk-or-secret",
    base_url="https://openrouter.ai/api/v1",
    model="openai/gpt-4o-mini",
)


def problems(environment: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment(environment)
    return raised.value.problems


def test_key_pdf_service_and_cv_suffice() -> None:
    settings = Settings.from_environment(GOOD)
    assert settings == Settings(
        language_models=(OPENROUTER,),
        pdf_service_url="http://localhost:3000",
        candidate_cv=CV.read_text(),
    )
    assert (settings.firecrawl, settings.mongodb_uri, settings.spool) == (None, None, None)


def test_every_variable_is_read() -> None:
    settings = Settings.from_environment(
        GOOD
        | {
            "OPENROUTER_BASE_URL": "http://127.0.0.1:1234/api/v1/",
            "OPENROUTER_MODEL": "anthropic/claude-sonnet-4.5",
            "ANTHROPIC_API_KEY": "sk-ant",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:1235",
            "ANTHROPIC_MODEL": "claude-sonnet-4-5",
            "OPENAI_API_KEY": "sk-oai",
            "OPENAI_BASE_URL": "http://127.0.0.1:1236/v1",
            "OPENAI_MODEL": "gpt-4o",
            "LLM_PROVIDERS": "openai, anthropic,openrouter",
            "FIRECRAWL_API_KEY": "fc",
            "FIRECRAWL_API_URL": "http://127.0.0.1:1237",
            "MONGODB_URI": "mongodb://user:word@db.example:27017/?replicaSet=rs0",
            "MONGODB_DATABASE": "jobs",
            "RESEARCH_TTL_SECONDS": "60",
            "PDF_SERVICE_URL": "https://user:word@pdf.example/",
            "SIDECAR_SPOOL": "/var/spool/sidecar",
        }
    )
    assert settings.language_models == (
        ServiceAccess(name="openai", api_key="sk-oai", base_url="http://127.0.0.1:1236/v1", model="gpt-4o"),
        ServiceAccess(
            name="anthropic", api_key="sk-ant", base_url="http://127.0.0.1:1235", model="claude-sonnet-4-5"
        ),
        ServiceAccess(
            name="openrouter",
            api_key="sk-or-secret",
            base_url="http://127.0.0.1:1234/api/v1",
            model="anthropic/claude-sonnet-4.5",
        ),
    )
    assert settings.firecrawl == ServiceAccess(
        name="firecrawl", api_key="fc", base_url="http://127.0.0.1:1237"
    )
    assert settings.mongodb_uri == "mongodb://user:word@db.example:27017/?replicaSet=rs0"
    assert settings.mongodb_database == "jobs"
    assert settings.research_ttl_seconds == 60
    assert settings.pdf_service_url == "https://user:word@pdf.example"
    assert settings.spool == Path("/var/spool/sidecar")


def test_key_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-or-filed\n")
    settings = Settings.from_environment(
        GOOD | {"OPENROUTER_API_KEY": "", "OPENROUTER_API_KEY_FILE": str(file)}
    )
    assert settings.language_models[0].api_key == "sk-or-filed"


def test_models_without_a_key_are_left_out() -> None:
    settings = Settings.from_environment(GOOD | {"ANTHROPIC_API_KEY": "sk-ant", "OPENROUTER_API_KEY": ""})
    assert [access.name for access in settings.language_models] == ["anthropic"]


def test_only_the_models_that_are_named_are_asked() -> None:
    settings = Settings.from_environment(
        GOOD
        | {"ANTHROPIC_API_KEY": "sk-ant", "OPENAI_API_KEY": "sk-oai", "LLM_PROVIDERS": "openai,openrouter"}
    )
    assert [access.name for access in settings.language_models] == ["openai", "openrouter"]


def test_the_example_of_prices_is_read() -> None:
    prices = Settings.from_environment(GOOD | {"PRICES_FILE": str(CV.with_name("prices.yml"))}).prices
    assert prices.overrides.firecrawl_usd_per_credit == 0.00083
    assert prices.overrides.rates("claude-haiku-4-5") is not None
    assert prices.of_pdf() is None


def test_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environment(GOOD | {"OPENROUTER_MODEL": "", "SIDECAR_SPOOL": " "}).spool is None


def test_repr_hides_the_secrets() -> None:
    shown = repr(
        Settings.from_environment(
            GOOD
            | {
                "PDF_SERVICE_URL": "http://user:word@pdf",
                "MONGODB_URI": "mongodb://user:word@db",
                "FIRECRAWL_API_KEY": "fc-secret",
                "ANTHROPIC_API_KEY": "sk-ant-secret",
            }
        )
    )
    assert "secret" not in shown
    assert "word" not in shown
    assert "Lindqvist" not in shown


def test_all_mistakes_come_at_once() -> None:
    found = problems({"OPENROUTER_BASE_URL": "x", "OPENROUTER_MODEL": "a b"})
    assert [problem.partition(":")[0] for problem in found] == [
        "OPENROUTER_BASE_URL",
        "OPENROUTER_MODEL",
        "LLM_PROVIDERS",
        "PDF_SERVICE_URL",
        "CANDIDATE_CV",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"OPENROUTER_API_KEY": ""},
            (
                "LLM_PROVIDERS: openrouter,anthropic,openai has no provider with a key;"
                " set OPENROUTER_API_KEY or ANTHROPIC_API_KEY or OPENAI_API_KEY, or the same with _FILE"
            ),
        ),
        (
            {"LLM_PROVIDERS": "openai"},
            ("LLM_PROVIDERS: openai has no provider with a key; set OPENAI_API_KEY, or the same with _FILE"),
        ),
        (
            {"LLM_PROVIDERS": "openrouter,gemini"},
            "LLM_PROVIDERS: 'gemini' is none of them; take some of openrouter, anthropic, openai",
        ),
        (
            {"LLM_PROVIDERS": "openrouter,openrouter"},
            "LLM_PROVIDERS: 'openrouter,openrouter' names one of them twice; name each once",
        ),
        (
            {"ANTHROPIC_MODEL": "two words"},
            (
                "ANTHROPIC_MODEL: 'two words' is no model name; take one from"
                " https://docs.claude.com/en/docs/about-claude/models, as claude-haiku-4-5"
            ),
        ),
        (
            {"MONGODB_URI": "http://user:secret@db"},
            (
                "MONGODB_URI: (value not shown) is no MongoDB URI with a host;"
                " write it like mongodb://host:27017"
            ),
        ),
        (
            {"MONGODB_URI": "mongodb://user:secret@db:port"},
            (
                "MONGODB_URI: (value not shown) is not understood by the driver;"
                " percent-encode user and password, check port, options and files"
            ),
        ),
        (
            {"MONGODB_DATABASE": "a.b"},
            "MONGODB_DATABASE: 'a.b' is no name of letters, digits, _ or -; take one like pipeline",
        ),
        (
            {"RESEARCH_TTL_SECONDS": "0"},
            "RESEARCH_TTL_SECONDS: '0' is out of range; give a whole number from 1 to 2678400",
        ),
        (
            {"PRICES_FILE": "/missing/prices.yml"},
            ("PRICES_FILE: cannot be read (No such file or directory); name a file that this user can read"),
        ),
        (
            {"FIRECRAWL_API_URL": "firecrawl"},
            (
                "FIRECRAWL_API_URL: (value not shown) is no http or https URL with a host;"
                " write it like http://host:3000"
            ),
        ),
        (
            {"CANDIDATE_CV": ""},
            (
                "CANDIDATE_CV: is not set; set it to the path of the candidate's CV in Markdown,"
                " such as examples/cv.md"
            ),
        ),
        (
            {"CANDIDATE_CV": "/missing/cv.md"},
            (
                "CANDIDATE_CV: '/missing/cv.md' cannot be read (No such file or directory);"
                " set it to the path of the candidate's CV in Markdown, such as examples/cv.md"
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


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb+srv://user:p%@cluster.example.com/",
        "mongodb+srv://user:secret/word@cluster.example.com",
        "mongodb+srv://cluster.example.com:27017/",
        "mongodb://db/?tls=true&tlsCAFile=/missing/ca.pem",
        f"mongodb://db/?tls=true&tlsCAFile={CV}",
        "mongodb://db/?authMechanism=GSSAPI",
        "mongodb://db/?nosuchoption=1",
        "mongodb://db/?datetime_conversion=none",
    ],
)
def test_mongodb_uri_that_the_driver_does_not_take_is_refused(uri: str) -> None:
    assert problems(GOOD | {"MONGODB_URI": uri}) == (
        (
            "MONGODB_URI: (value not shown) is not understood by the driver;"
            " percent-encode user and password, check port, options and files"
        ),
    )


def test_mongodb_uri_whose_hosts_are_in_the_dns_is_taken_without_asking_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it was looked up")

    monkeypatch.setattr("dns.resolver.resolve", refuse)
    uri = "mongodb+srv://user:word@cluster.example.com/?retryWrites=true"
    assert Settings.from_environment(GOOD | {"MONGODB_URI": uri}).mongodb_uri == uri


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"k" * 5000, b"two words"])
def test_key_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    (problem,) = problems(GOOD | {"OPENROUTER_API_KEY": "", "OPENROUTER_API_KEY_FILE": str(file)})
    assert problem.startswith("OPENROUTER_API_KEY_FILE: ")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is no UTF-8 text"),
        (b"%PDF\0", "is no UTF-8 text"),
        (b"x" * (MAX_CV_BYTES + 1), "is longer than 20480 bytes"),
    ],
)
def test_cv_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes, rule: str) -> None:
    file = tmp_path / "cv.md"
    file.write_bytes(content)
    (problem,) = problems(GOOD | {"CANDIDATE_CV": str(file)})
    assert problem.startswith(f"CANDIDATE_CV: '{file}' {rule}; ")
