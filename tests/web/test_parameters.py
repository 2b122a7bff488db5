"""Reading and checking parameters, without a server."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsapp.calls.refusals import Refusal, too_large
from fsapp.web.parameters import check, read
from fsapp.web.routes import ROUTES, find

from .serving import FORM, JSON

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def no_header(name: str) -> str | None:
    return None


def taken(
    path: str, query: bytes = b"", body: bytes | Refusal = b"", content_type: str = FORM
) -> dict[str, str]:
    route = find(path)
    assert route is not None
    return check(route, read(query, body, content_type), no_header)


def refusal(
    path: str, query: bytes = b"", body: bytes | Refusal = b"", content_type: str = FORM
) -> str:
    with pytest.raises(Refusal) as caught:
        taken(path, query, body, content_type)
    assert caught.value.http == 400
    assert caught.value.description.isprintable()
    return caught.value.description


def test_equal_values_in_several_places_are_one() -> None:
    body = json.dumps({"call_id": "c-1"}).encode()
    assert taken("/call/state", b"call_id=c-1&call_id=c%2D1", body, JSON) == {"call_id": "c-1"}
    assert taken("/call/originate", b"cm_id=12", b'{"cm_id": 12}', JSON) == {"cm_id": "12"}


@pytest.mark.parametrize(
    ("query", "body", "content_type"),
    [
        (b"call_id=c-1&call_id=c-2", b"", FORM),
        (b"call_id=c-1", b"call_id=c-2", FORM),
        (b"call_id=c-1", b'{"call_id": "c-2"}', JSON),
        (b"", b'{"call_id": "c-1", "call_id": "c-2"}', JSON),
    ],
)
def test_the_same_name_with_different_values_is_refused(
    query: bytes, body: bytes, content_type: str
) -> None:
    words = "call_id is given twice, with different values"
    assert refusal("/call/state", query, body, content_type) == words


def test_an_unknown_parameter_is_named() -> None:
    assert refusal("/call/list", b"cal_id=1") == "cal_id is not a parameter of /call/list"
    assert refusal("/call/park", b"", b'{"x\\u0000\\ny": "1"}', JSON).startswith("x??y is not")
    assert refusal("/call/list", b"x" * 5000 + b"=1").startswith("x" * 64 + "... is not")
    # The header's parameter is not one of the query.
    assert "idempotency_key is not" in refusal("/call/originate", b"cm_id=1&idempotency_key=k")


def test_token_is_allowed_everywhere_and_never_handed_on() -> None:
    good = {
        "/call/originate": b"cm_id=12",
        "/call/transfer": b"source=c-1",
        "/agent/state": b"state=idle",
        "/call/state": b"call_id=c-1",
        "/call/unpark": b"call_id=c-1",
        "/call/<call_id>/timeline": b"call_id=c-1",
        "/contact": b"q=vest",
        "/console/<file>": b"file=console.js",
    }
    for route in ROUTES:
        query = good.get(route.path, b"") + b"&token=abc"
        assert "token" not in check(route, read(query, b"", FORM), no_header)


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("/call/state", "call_id is missing"),
        ("/call/unpark", "call_id is missing"),
        ("/call/transfer", "source is missing"),
        ("/agent/state", "state is missing"),
        ("/call/originate", "Exactly one of extension and cm_id must be given"),
    ],
)
def test_a_missing_parameter_is_named(path: str, missing: str) -> None:
    assert refusal(path) == missing


def test_extension_and_cm_id_exclude_each_other() -> None:
    assert "Exactly one of" in refusal("/call/originate", b"cm_id=1&extension=1")


@pytest.mark.parametrize("extension", ["0", "*#+0123456789", "1" * 32])
def test_good_extensions_are_taken(extension: str) -> None:
    query = b"extension=" + extension.replace("+", "%2B").replace("#", "%23").encode()
    assert taken("/call/originate", query) == {"extension": extension}


@pytest.mark.parametrize(
    "value",
    [b"", b"1" * 33, b"12a", b"1 2", b"1%0A", b"%0A1", b"1%00", b"%D9%A3", b"1%2C2", b"1%27",
     b"1%26park()", b"$%7Bx%7D", b"user/1101"],
)  # fmt: skip
def test_bad_extensions_are_refused(value: bytes) -> None:
    assert refusal("/call/originate", b"extension=" + value).startswith("extension ")


@pytest.mark.parametrize("value", [b"", b"-1", b"1.0", b"1e3", b"0x1", b"%D9%A3", b"9" * 19, b" 1"])
def test_bad_cm_ids_are_refused(value: bytes) -> None:
    assert refusal("/call/originate", b"cm_id=" + value).startswith("cm_id ")


@pytest.mark.parametrize("value", [b"86c83e07-f020-4c06-9e80-8e9f296fbfe3", b"x", b"-" * 64])
def test_well_formed_call_ids_are_taken_known_or_not(value: bytes) -> None:
    assert taken("/call/state", b"call_id=" + value) == {"call_id": value.decode()}


@pytest.mark.parametrize(
    "value",
    [b"", b"x" * 65, b"c 1", b"c+1", b"c-1%0A", b"c-1%0D%0Aapi+system+x", b"c%00", b"%C3%A9",
     b"%3Cnull%3E", b"c_1", b"c-1%7F"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/call/state", "call_id"), ("/call/pickup", "call_id"), ("/call/park", "call_id"),
        ("/call/unpark", "call_id"), ("/call/hangup", "call_id"), ("/call/transfer", "source"),
    ],
)  # fmt: skip
def test_malformed_call_ids_are_refused(path: str, name: str, value: bytes) -> None:
    assert refusal(path, name.encode() + b"=" + value).startswith(f"{name} ")


@pytest.mark.parametrize("state", [b"", b"Idle", b"offline", b"idle%20", b"idle%0A"])
def test_a_state_is_idle_or_paused(state: bytes) -> None:
    assert refusal("/agent/state", b"state=" + state).startswith("state ")
    assert taken("/agent/state", b"state=paused") == {"state": "paused"}


def test_a_reason_is_text_of_at_most_200_characters() -> None:
    reason = "ü" * 200
    body = json.dumps({"state": "paused", "reason": reason}).encode()
    assert taken("/agent/state", b"", body, JSON)["reason"] == reason
    long = json.dumps({"state": "paused", "reason": reason + "ü"}).encode()
    assert refusal("/agent/state", b"", long, JSON) == "reason is longer than 200 characters"


@pytest.mark.parametrize(
    "character", ["\x00", "\t", "\n", "\x1b", "\x7f", "\x85", "\u2028", "\ud800"]
)
def test_control_characters_and_half_surrogates_are_refused(character: str) -> None:
    body = json.dumps({"state": "paused", "reason": f"a{character}b"}).encode()
    words = "reason has a control character in it"
    assert refusal("/agent/state", b"", body, JSON) == words


@pytest.mark.parametrize("value", ["true", "null", "[]", '["12"]', "{}", '{"a": 1}'])
def test_json_values_that_are_neither_string_nor_number_are_refused(value: str) -> None:
    body = b'{"cm_id": ' + value.encode() + b"}"
    assert refusal("/call/originate", b"", body, JSON) == "cm_id must be a string"


def test_json_numbers_are_taken_as_their_text_only_where_a_number_is_wanted() -> None:
    assert taken("/call/originate", b"", b'{"cm_id": 12}', JSON) == {"cm_id": "12"}
    assert taken("/call/originate", b"", b'{"cm_id": "12"}', JSON) == {"cm_id": "12"}
    # To JSON Schema, and so to the description, this is the same whole number.
    assert taken("/call/originate", b"", b'{"cm_id": 12.0}', JSON) == {"cm_id": "12"}
    for value in (b"12.5", b"-12", b"-12.0", b"1e2", b"9" * 5000):
        body = b'{"cm_id": ' + value + b"}"
        assert refusal("/call/originate", b"", body, JSON).startswith("cm_id ")
    assert refusal("/call/originate", b"", b'{"extension": 12}', JSON) == (
        "extension must be a string"
    )


@pytest.mark.parametrize(
    "body",
    [b"{", b"nonsense", b'{"a": NaN}', b"\xff", b'{"a": "\xff"}', b"[" * 60000, b"\xef\xbb\xbf{}",
     b"{}{}", '{"a": "b"}'.encode("utf-16"), b'{"a": "\n"}'],
)  # fmt: skip
def test_invalid_json_is_refused(body: bytes) -> None:
    assert refusal("/call/park", b"", body, JSON) == "The body is not valid JSON in UTF-8."


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b'[["call_id", "c-1"]]'])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal("/call/park", b"", body, JSON) == "The body must be a JSON object."


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data; boundary=x", "json"])
def test_a_body_of_another_kind_is_refused(kind: str) -> None:
    assert refusal("/call/park", b"", b"call_id=c-1", kind).startswith("The body must be ")
    assert taken("/call/park", b"call_id=c-1", b"", kind) == {"call_id": "c-1"}


@pytest.mark.parametrize("query", [b"reason=%ff", b"reason=\xff", b"%ff=1", b"reason=%C3"])
def test_invalid_utf_8_is_refused(query: bytes) -> None:
    assert "is not valid UTF-8" in refusal("/agent/state", b"state=idle&" + query)
    assert "is not valid UTF-8" in refusal("/agent/state", b"", b"state=idle&" + query)


def test_a_parameter_without_a_value_is_refused_and_a_stray_ampersand_is_not() -> None:
    assert refusal("/call/park", b"call_id") == "call_id has no value"
    assert taken("/call/park", b"&&call_id=c-1&") == {"call_id": "c-1"}


def test_the_first_trouble_is_kept_until_the_parameters_turn() -> None:
    received = read(b"token=abc&x=%ff", too_large(5), FORM)
    assert [field.text for field in received.fields] == ["abc"]
    assert received.trouble is not None
    assert received.trouble.http == 400
    only_body = read(b"", too_large(5), FORM).trouble
    assert only_body is not None
    assert only_body.http == 413


@UNHURRIED
@given(
    query=st.binary(max_size=300), body=st.binary(max_size=300), kind=st.sampled_from([FORM, JSON])
)
def test_any_bytes_are_parameters_or_a_refusal(query: bytes, body: bytes, kind: str) -> None:
    for path in ("/agent/state", "/call/originate"):
        outcome: object
        try:
            outcome = taken(path, query, body, kind)
        except Refusal as refused:
            outcome = refused.document()
        json.dumps(outcome).encode()


@UNHURRIED
@given(
    values=st.dictionaries(
        st.sampled_from(["state", "reason", "call_id", "cm_id", "token"]),
        st.one_of(st.text(max_size=20), st.integers(), st.none(), st.booleans(), st.floats()),
    )
)
def test_what_is_taken_matches_its_row(values: dict[str, object]) -> None:
    for route in ROUTES:
        rows = {row.name: row for row in route.parameters}
        try:
            parameters = check(route, read(b"", json.dumps(values).encode(), JSON), no_header)
        except Refusal:
            continue
        for name, text in parameters.items():
            assert rows[name].pattern.fullmatch(text)
            assert len(text) <= rows[name].longest
