from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from sidecar.config import Config, ConfigError, ListenAddress, load
from sidecar.config.files import MAX_CONFIG_BYTES, MAX_SECRET_BYTES
from sidecar.config.secret_fields import field_types, file_keys
from sidecar.probes import PROBES, HttpOptions, MongodbOptions, TcpOptions
from sidecar.probes.exchange.options import RouteOptions

CONFIGS = Path(__file__).parent.parent / "configs"
SECRET = "s3cr3t"


def _errors(text: str | bytes, tmp_path: Path) -> tuple[str, ...]:
    file = tmp_path / "sidecar.yml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load({}, file)
    return tuple(error.replace(str(tmp_path), "DIR") for error in caught.value.errors)


def test_every_key_of_the_file_arrives() -> None:
    config = load({}, CONFIGS / "good-every-key.yml")
    assert config.listen == ListenAddress("::1", 0)
    assert config.spool == Path("/run/spool")
    assert config.spool_foreign_max_age_seconds == 3600
    assert config.linger_seconds == 20
    assert (config.interval_seconds, config.timeout_seconds) == (60, 2.5)
    mongodb, pdf_service = config.dependencies.values()
    assert mongodb == MongodbOptions(
        uri=SecretStr("mongodb+srv://cluster0.example.net/?retryWrites=true"),
        critical=True,
        interval_seconds=10,
        timeout_seconds=10,
    )
    assert pdf_service == HttpOptions.model_validate(
        {
            "url": "https://pdf.example.net:8443/health?deep=1",
            "method": "HEAD",
            "headers": {"X-Version": "2023-06-01", "X-Empty": ""},
            "accepted_status_codes": (200, 204),
            "max_body_bytes": 65536,
            "interval_seconds": 60,
            "timeout_seconds": 2.5,
        }
    )


def test_secrets_come_from_files_beside_the_configuration() -> None:
    config = load({}, CONFIGS / "good-secret-files.yml")
    mongodb, firecrawl = config.dependencies.values()
    assert isinstance(mongodb, MongodbOptions)
    assert isinstance(firecrawl, HttpOptions)
    assert mongodb.uri.get_secret_value() == "mongodb://reader:s3cr3t@mongodb:27017/?authSource=admin"
    assert {name: value.get_secret_value() for name, value in firecrawl.headers.items()} == {
        "Authorization": "Bearer s3cr3t-api-key",
        "X-Key": "s3cr3t-api-key",
    }


def _keys_written(path: Path) -> dict[str, set[str]]:
    """The keys of each kind that a good file has."""
    written: dict[str, set[str]] = {}
    for options in yaml.safe_load(path.read_text())["dependencies"].values():
        written.setdefault(options["kind"], set()).update(options)
    return written


@pytest.mark.parametrize(
    "probe", [probe for probe in PROBES if probe.kind != "http"], ids=lambda probe: probe.kind
)
def test_every_key_of_every_kind_can_be_written_in_the_file(probe: Any) -> None:
    written = _keys_written(CONFIGS / "good-every-kind.yml")[probe.kind]
    assert set(probe.options_type.model_fields) - set(RouteOptions.model_fields) <= written | {
        key.removesuffix("_file") for key in written & file_keys(probe.kind)
    }


def test_a_file_of_certificates_is_beside_the_configuration() -> None:
    mail = load({}, CONFIGS / "good-every-kind.yml").dependencies["mail"]
    assert isinstance(mail, TcpOptions)
    assert mail.ca_file == CONFIGS / "certificates/ca.pem"


def test_a_relative_spool_is_beside_the_configuration() -> None:
    assert load({}, CONFIGS / "good-secret-files.yml").spool == CONFIGS / "spool"


def test_neither_repr_nor_str_shows_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yml"
    file.write_text(
        "dependencies:\n"
        "  mongodb: {kind: mongodb, uri: 'mongodb://me:s3cr3t@db'}\n"
        "  search: {kind: http, url: 'http://host/s3cr3t?key=s3cr3t', headers: {X-Key: s3cr3t}}\n"
    )
    config = load({"OPENAI_API_KEY": SECRET}, file)
    for shown in (config, config.dependencies, *config.dependencies.values(), config.model_dump()["listen"]):
        assert SECRET not in f"{shown!r} {shown!s}"
    assert repr(config) == (
        "Config(listen='127.0.0.1:9747', spool=None, interval_seconds=30.0, timeout_seconds=5.0, "
        "dependencies={'openai': 'openai', 'mongodb': 'mongodb', 'search': 'http'})"
    )


def test_a_config_never_changes() -> None:
    config: Any = load({"PDF_SERVICE_URL": "http://pdf"})
    with pytest.raises(ValidationError):
        config.timeout_seconds = 1
    with pytest.raises(ValidationError):
        config.dependencies["pdf_service"].critical = True
    with pytest.raises(TypeError):
        del config.dependencies["pdf_service"]


def test_a_config_can_be_made_in_code() -> None:
    options = MongodbOptions(uri=SecretStr("mongodb://db"))
    config = Config(listen=ListenAddress("127.0.0.1", 0), dependencies={"mongodb": options})
    assert config.dependencies == {"mongodb": options}
    with pytest.raises(ValidationError, match="is not a dependency's name"):
        Config(dependencies={"Mongo DB": options})


@pytest.mark.parametrize("text", ["127.0.0.1:9747", "[::1]:0", "localhost:65535", "sidecar.example.net:80"])
def test_a_listen_address_is_written_as_it_is_read(text: str) -> None:
    assert str(ListenAddress.parse(text)) == text


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.kind)
def test_every_kind_hides_its_secrets_and_takes_them_from_files(probe: Any) -> None:
    for name, types in field_types(probe.kind).items():
        assert not any(isinstance(known, type) and issubclass(known, BaseModel) for known in types)
        if SecretStr in types and dict not in types:
            assert f"{name}_file" in file_keys(probe.kind)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"listen: \xff", "DIR/sidecar.yml: is not UTF-8 at byte 8; save it as UTF-8"),
        (
            b"#" * (MAX_CONFIG_BYTES + 1),
            "DIR/sidecar.yml: is longer than 1048576 bytes; shorten it or correct the path",
        ),
        (
            b"listen: " + b"9" * 5000,
            f"listen: '{'9' * 78}… has no port; write host:port, such as 127.0.0.1:9747",
        ),
        (b"timeout_seconds: 1e999", "timeout_seconds: inf is not a finite number; write one such as 5"),
    ],
    ids=["not UTF-8", "too long", "long number", "number out of range"],
)
def test_a_file_out_of_bounds_is_refused(text: bytes, error: str, tmp_path: Path) -> None:
    assert _errors(text, tmp_path) == (error,)


def test_a_secret_file_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "uri").write_text("x" * (MAX_SECRET_BYTES + 1))
    text = "dependencies: {mongodb: {kind: mongodb, uri_file: ./uri}}"
    assert _errors(text, tmp_path) == (
        "dependencies.mongodb.uri_file: './uri' is longer than 65536 bytes; shorten it or correct the path",
    )


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    file = CONFIGS / "good-empty.yml"
    with pytest.raises(ConfigError) as caught:
        load({}, file)
    assert str(caught.value) == f"{file}: can't be read (Permission denied); allow it or correct the path"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "sidecar.yml").write_bytes(b"\xef\xbb\xbftimeout_seconds: 3\r\n")
    assert load({}, tmp_path / "sidecar.yml").timeout_seconds == 3
