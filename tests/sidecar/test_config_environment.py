from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from sidecar.config import Config, ConfigError, ListenAddress, load
from sidecar.config.environment import PROVIDERS, SECRETS, VARIABLES, Provider
from sidecar.config.model import OPTIONS_BY_KIND
from sidecar.probes import MongodbOptions, PdfOptions
from sidecar.probes.provider_api import ProviderOptions

SECRET = "s3cr3t"


def _pdf(config: Config) -> PdfOptions:
    options = config.dependencies["pdf_service"]
    assert isinstance(options, PdfOptions)
    return options


def _provider(config: Config, dependency: str) -> ProviderOptions:
    options = config.dependencies[dependency]
    assert isinstance(options, ProviderOptions)
    return options


def _errors(environment: dict[str, str], path: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(environment, path)
    return caught.value.errors


def test_an_empty_environment_probes_nothing() -> None:
    config = load({})
    assert config == Config()
    assert config.listen == ListenAddress("127.0.0.1", 9747)
    assert (config.spool, config.interval_seconds, config.timeout_seconds) == (None, 30, 5)
    assert config.dependencies == {}


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("value", ["", " \n"])
def test_an_empty_variable_is_not_set(variable: str, value: str) -> None:
    assert load({variable: value}) == Config()


def test_blanks_round_a_value_do_not_belong_to_it() -> None:
    assert load({"OPENAI_API_KEY": " s3cr3t\r\n"}) == load({"OPENAI_API_KEY": "s3cr3t"})


def test_mongodb_is_the_only_critical_dependency_by_default() -> None:
    keys = {provider.key_variable: SECRET for provider in PROVIDERS}
    config = load({"MONGODB_URI": "mongodb://db", "PDF_SERVICE_URL": "http://pdf", **keys})
    assert {name: options.critical for name, options in config.dependencies.items()} == {
        "mongodb": True,
        "pdf_service": False,
        "firecrawl": False,
        "openrouter": False,
        "anthropic": False,
        "openai": False,
    }


def test_mongodb_uri_switches_mongodb_on() -> None:
    options = load({"MONGODB_URI": "mongodb://me:s3cr3t@db:27017"}).dependencies["mongodb"]
    assert isinstance(options, MongodbOptions)
    assert options.uri == SecretStr("mongodb://me:s3cr3t@db:27017")


@pytest.mark.parametrize("url", ["http://pdf:8080", "http://pdf:8080/"])
def test_pdf_service_url_switches_the_pdf_service_on(url: str) -> None:
    assert _pdf(load({"PDF_SERVICE_URL": url})) == PdfOptions.model_validate({"url": "http://pdf:8080/"})


def test_a_password_in_the_pdf_services_url_is_sent_as_a_header() -> None:
    options = _pdf(load({"PDF_SERVICE_URL": "https://me:s3cr%33t@pdf:8443"}))
    assert str(options.url) == "https://pdf:8443/"
    assert options.headers == {"Authorization": SecretStr("Basic bWU6czNjcjN0")}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.dependency)
def test_an_api_key_switches_its_service_on(provider: Provider) -> None:
    config = load({provider.key_variable: SECRET})
    assert list(config.dependencies) == [provider.dependency]
    options = _provider(config, provider.dependency)
    assert options == OPTIONS_BY_KIND[provider.dependency].model_validate({"api_key": SECRET})


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.dependency)
def test_a_base_url_takes_the_place_of_the_services_own(provider: Provider) -> None:
    config = load({provider.key_variable: SECRET, provider.url_variable: "http://localhost:9/base/"})
    assert str(_provider(config, provider.dependency).url) == "http://localhost:9/base/"


def test_a_base_url_alone_switches_nothing_on() -> None:
    assert load({"OPENAI_BASE_URL": "http://localhost:9"}).dependencies == {}


def test_health_check_variables_hold_for_every_dependency() -> None:
    config = load(
        {
            "HEALTH_CHECK_TIMEOUT": "2.5",
            "HEALTH_CHECK_INTERVAL": "10",
            "PDF_SERVICE_URL": "http://pdf",
            "OPENAI_API_KEY": SECRET,
        }
    )
    assert (config.timeout_seconds, config.interval_seconds) == (2.5, 10)
    for options in config.dependencies.values():
        assert (options.timeout_seconds, options.interval_seconds) == (2.5, 10)


def test_listen_and_spool_come_from_variables() -> None:
    config = load({"SIDECAR_LISTEN": "[::1]:0", "SIDECAR_SPOOL": "/run/spool"})
    assert (config.listen, config.spool) == (ListenAddress("::1", 0), Path("/run/spool"))


@pytest.mark.parametrize("variable", SECRETS)
def test_every_secret_can_come_from_a_file(variable: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"mongodb://s3cr3t\r\n\n")
    assert load({f"{variable}_FILE": str(secret)}) == load({variable: "mongodb://s3cr3t"})


@pytest.mark.parametrize("variable", SECRETS)
def test_a_secret_given_twice_is_refused(variable: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    errors = _errors({variable: SECRET, f"{variable}_FILE": str(tmp_path / "secret")})
    assert errors == (f"{variable}: both it and {variable}_FILE are set; unset one of the two",)


@pytest.mark.parametrize(
    ("environment", "error"),
    [
        ({"HEALTH_CHECK_TIMEOUT": "abc"}, "'abc' is not a number; give seconds, such as 5"),
        ({"HEALTH_CHECK_TIMEOUT": "0"}, "0 is not more than 0; raise it"),
        ({"HEALTH_CHECK_TIMEOUT": "nan"}, "nan is not a finite number; write one such as 5"),
        (
            {"HEALTH_CHECK_TIMEOUT": "60"},
            "60 exceeds interval_seconds 30; lower the timeout or raise the interval",
        ),
        (
            {"HEALTH_CHECK_TIMEOUT": "6", "HEALTH_CHECK_INTERVAL": "2"},
            "6 exceeds HEALTH_CHECK_INTERVAL 2; lower the timeout or raise the interval",
        ),
        (
            {"HEALTH_CHECK_INTERVAL": "2"},
            "2 is less than timeout_seconds 5; raise the interval or lower the timeout",
        ),
        ({"SIDECAR_LISTEN": "9747"}, "'9747' has no port; write host:port, such as 127.0.0.1:9747"),
        (
            {"PDF_SERVICE_URL": "pdf:8080"},
            "'pdf:8080' has no scheme; begin it with http:// or https://",
        ),
        (
            {"PDF_SERVICE_URL": "http://pdf?key=s3cr3t"},
            "the value has a query or fragment; end the URL before it",
        ),
        (
            {"OPENAI_BASE_URL": "http://me:s3cr3t@host", "OPENAI_API_KEY": "key"},
            "the value has a user or password in it; remove them",
        ),
        (
            {"MONGODB_URI": "http://me:s3cr3t@host"},
            "the value is not a MongoDB URI; begin it with mongodb:// or mongodb+srv://",
        ),
        (
            {"OPENAI_API_KEY": "s3cr3t\nX-Injected: yes"},
            "the value has a line break or control character in it; remove it",
        ),
        ({"OPENAI_API_KEY": "s3cr3t\udcff"}, "the value is not UTF-8 text; set it again as UTF-8"),
        (
            {"OPENAI_API_KEY_FILE": "/absent/key"},
            "'/absent/key' does not exist; create it or correct the path",
        ),
        ({"OPENAI_API_KEY_FILE": "s3cr3t"}, "the file does not exist; create it or correct the path"),
        ({"OPENAI_API_KEY_FILE": "/"}, "'/' is not a regular file; give the path of one"),
    ],
)
def test_an_error_names_the_variable(environment: dict[str, str], error: str) -> None:
    assert _errors(environment) == (f"{next(iter(environment))}: {error}",)


def test_an_error_in_a_secret_from_a_file_names_the_file_variable(tmp_path: Path) -> None:
    (tmp_path / "uri").write_text("s3cr3t")
    assert _errors({"MONGODB_URI_FILE": str(tmp_path / "uri")}) == (
        "MONGODB_URI_FILE: the value is not a MongoDB URI; begin it with mongodb:// or mongodb+srv://",
    )


def test_all_errors_come_at_once_from_the_environment_and_the_file() -> None:
    environment = {"HEALTH_CHECK_TIMEOUT": "abc", "MONGODB_URI": "s3cr3t"}
    file = Path(__file__).parent.parent / "configs" / "bad-kind-unknown.yml"
    assert {error.partition(":")[0] for error in _errors(environment, file)} == {
        "HEALTH_CHECK_TIMEOUT",
        "MONGODB_URI",
        "dependencies.pdf_service.kind",
    }


def test_the_file_wins_over_the_environment_and_keeps_what_it_does_not_name(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yml"
    file.write_text(
        "timeout_seconds: 3\ndependencies: {mongodb: {kind: mongodb, uri: 'mongodb://from-file'}}\n"
    )
    config = load(
        {
            "SIDECAR_CONFIG": str(file),
            "HEALTH_CHECK_TIMEOUT": "4",
            "HEALTH_CHECK_INTERVAL": "40",
            "MONGODB_URI": "wrong, but not used",
            "PDF_SERVICE_URL": "http://pdf",
        }
    )
    mongodb = config.dependencies["mongodb"]
    assert isinstance(mongodb, MongodbOptions)
    assert mongodb.uri.get_secret_value() == "mongodb://from-file"
    assert not mongodb.critical
    assert (config.timeout_seconds, config.interval_seconds) == (3, 40)
    assert "pdf_service" in config.dependencies


def test_a_path_given_by_the_caller_wins_over_the_variable() -> None:
    good = Path(__file__).parent.parent / "configs" / "good-empty.yml"
    assert load({"SIDECAR_CONFIG": "/absent.yml"}, good) == Config()


def test_a_missing_config_file_is_an_error_beside_the_others() -> None:
    assert _errors({"SIDECAR_CONFIG": "/absent.yml", "PDF_SERVICE_URL": "pdf:80"}) == (
        "/absent.yml: does not exist; create it or correct the path",
        "PDF_SERVICE_URL: 'pdf:80' has no scheme; begin it with http:// or https://",
    )
