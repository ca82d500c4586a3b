from __future__ import annotations

from pydantic import SecretStr

from sidecar.config import Config
from sidecar.probes import HttpOptions, MongodbOptions
from sidecar.redaction import HIDDEN, Redactor


def knowing() -> Redactor:
    redactor = Redactor()
    redactor.learn(
        Config(
            dependencies={
                "db": MongodbOptions(uri=SecretStr("mongodb://me:p4ss%2Fword@db/")),
                "api": HttpOptions(
                    url="http://api/path?key=qu3ry", headers={"Authorization": SecretStr("Bearer t0ken")}
                ),
            }
        )
    )
    return redactor


def test_secrets_their_parts_and_encoded_forms_are_hidden_wherever_they_are() -> None:
    clean = knowing().clean
    assert clean("connecting to mongodb://me:p4ss%2Fword@db/ …") == f"connecting to {HIDDEN} …"
    assert clean("p4ss%2Fword") == HIDDEN
    assert clean("sent Bearer t0ken") == f"sent {HIDDEN}"
    assert clean("the token is t0ken.") == f"the token is {HIDDEN}."
    assert clean("GET /path?key=qu3ry") == f"GET /path?{HIDDEN}"


def test_text_inside_lists_and_mappings_is_cleaned_and_numbers_stay() -> None:
    assert knowing().clean_value({"a": ["x t0ken", 1, None], "b": 0.5}) == {
        "a": [f"x {HIDDEN}", 1, None],
        "b": 0.5,
    }


def test_what_was_a_secret_once_stays_hidden_after_a_reload() -> None:
    redactor = knowing()
    redactor.learn(Config())
    assert redactor.clean("t0ken") == HIDDEN


def test_a_secret_too_short_to_recognise_does_not_eat_the_text() -> None:
    redactor = Redactor()
    redactor.learn(Config(dependencies={"a": HttpOptions(url="http://a/", headers={"X": SecretStr("e")})}))
    assert redactor.clean("every letter") == "every letter"
