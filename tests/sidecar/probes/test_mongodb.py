from __future__ import annotations

import math

import pytest
from pydantic import SecretStr, ValidationError

from sidecar.probes import MongodbOptions
from sidecar.probes.mongodb import selection_seconds


@pytest.mark.parametrize("timeout_seconds", [1.0, 1.2, 2.0, 5.0, 7.3, 60.0])
def test_the_driver_gives_up_before_the_deadline(timeout_seconds: float) -> None:
    gives_up_at = math.ceil(selection_seconds(timeout_seconds) / 0.5) * 0.5
    assert timeout_seconds - 0.5 <= gives_up_at < timeout_seconds


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://localhost",
        "mongodb://localhost:27017/",
        "mongodb://a:1,b:2,c:3/db?replicaSet=rs0",
        "mongodb+srv://user:p%40ss@cluster.example.net/db?retryWrites=true",
        "mongodb://[::1]:27017",
    ],
)
def test_a_connection_string_is_taken(uri: str) -> None:
    assert MongodbOptions(uri=SecretStr(uri)).uri.get_secret_value() == uri


@pytest.mark.parametrize("uri", ["postgres://db", "mongodb://", "mongodb://me:s3cr3t@", "mongodb://a b"])
def test_what_is_no_connection_string_is_refused_without_showing_it(uri: str) -> None:
    with pytest.raises(ValidationError) as refused:
        MongodbOptions(uri=SecretStr(uri))
    assert "s3cr3t" not in str(refused.value)
