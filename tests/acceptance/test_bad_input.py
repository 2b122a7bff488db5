"""Whatever a client sends gets a clear refusal, at once, and changes nothing."""

import json
from collections.abc import Iterator

import pytest

from .actors import Agent, Callers, Desk
from .client import Answer, send_raw
from .expect import is_a_clear_refusal

SOON = 5.0
"""No bad request may keep anybody waiting longer than this, in seconds."""

NAMED = [
    ("GET", "/call/state", "call_id"),
    ("POST", "/call/pickup", "call_id"),
    ("POST", "/call/park", "call_id"),
    ("POST", "/call/unpark", "call_id"),
    ("POST", "/call/hangup", "call_id"),
    ("POST", "/call/transfer", "source"),
    ("POST", "/call/originate", "extension"),
    ("POST", "/call/originate", "cm_id"),
    ("POST", "/agent/state", "state"),
]
"""Every parameter that names or chooses something."""

GOOD = {"call_id": "a", "source": "a", "extension": "1142", "cm_id": "42", "state": "idle"}
OTHER = {"call_id": "b", "source": "b", "extension": "1143", "cm_id": "7", "state": "paused"}
"""Values that there is nothing to say against."""

every_parameter = pytest.mark.parametrize(
    ("method", "path", "name"), NAMED, ids=[f"{path} {name}" for _, path, name in NAMED]
)

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(autouse=True)
def nothing_changes(desk: Desk, a_caller: Callers) -> Iterator[None]:
    """A caller waits, and whatever was sent she waits on and the desk looks the same."""
    caller = a_caller.waits()
    before = desk.settled_picture()
    yield
    assert desk.picture() == before
    assert caller.is_on_the_line()


def is_refused(answer: Answer, *codes: int) -> None:
    is_a_clear_refusal(answer, *(codes or (400,)))
    assert answer.seconds < SOON
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize("path", ["/call/list", "/call/queue", "/agent", "/agent/list"])
def test_an_unknown_parameter_for_a_list(path: str, anna: Agent):
    is_refused(anna.client.get(path, nonsense="1"))


@every_parameter
def test_an_unknown_parameter(method: str, path: str, name: str, anna: Agent):
    answer = anna.client.request(method, path, query={name: GOOD[name], "nonsense": "1"})
    is_refused(answer)
    assert "nonsense" in answer.document["description"], str(answer)


def test_a_misspelt_name_never_means_the_next_call(anna: Agent):
    is_refused(anna.client.post("/call/pickup", call_ID="x"))


@every_parameter
def test_the_same_name_twice_with_different_values(method: str, path: str, name: str, anna: Agent):
    answer = anna.client.request(method, path, query=f"{name}={GOOD[name]}&{name}={OTHER[name]}")
    is_refused(answer)
    assert name in answer.document["description"], str(answer)


def test_two_different_reasons(anna: Agent):
    query = "state=paused&reason=lunch&reason=meeting"
    answer = anna.client.request("POST", "/agent/state", query=query)
    is_refused(answer)
    assert "reason" in answer.document["description"], str(answer)


@pytest.mark.parametrize("second", ["b", "a"], ids=["another", "the same"])
@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key"])
def test_a_second_idempotency_key(name: str, second: str, anna: Agent):
    """Two would make it unclear whether an order was carried out already."""
    head = request_line(anna, "POST", "/call/originate?extension=1142")
    keys = f"Idempotency-Key: a\r\n{name}: {second}\r\n\r\n"
    answer = send_raw(anna.client.address, head + keys.encode())
    assert answer is not None
    is_refused(answer)
    assert "Idempotency-Key" in answer.document["description"], str(answer)


@pytest.mark.parametrize("headers", [JSON, FORM], ids=["json", "form"])
def test_different_values_in_query_and_body(headers: dict[str, str], anna: Agent):
    body = b'{"call_id":"b"}' if headers is JSON else b"call_id=b"
    answer = anna.client.request(
        "POST", "/call/hangup", query="call_id=a", body=body, headers=headers
    )
    is_refused(answer)


def test_the_same_name_twice_in_a_json_object(anna: Agent):
    body = b'{"call_id":"a","call_id":"b"}'
    is_refused(anna.client.request("POST", "/call/hangup", body=body, headers=JSON))


def test_the_same_value_twice_is_no_contradiction(anna: Agent):
    answer = anna.client.request("POST", "/call/hangup", query="call_id=a&call_id=a")
    assert answer.code == 404, str(answer)


@pytest.mark.parametrize("value", ["a", "b"])
def test_query_form_and_json_mean_the_same(value: str, anna: Agent):
    json_body, form = json.dumps({"call_id": value}).encode(), f"call_id={value}".encode()
    answers = [
        anna.client.request("POST", "/call/hangup", query={"call_id": value}),
        anna.client.request("POST", "/call/hangup", body=form, headers=FORM),
        anna.client.request("POST", "/call/hangup", body=json_body, headers=JSON),
    ]
    assert {answer.document["description"] for answer in answers} == {f"{value} does not exist."}


@pytest.mark.parametrize(
    "value", [17, 1.5, True, None, [], ["a"], {}, {"a": 1}, [["a"]]], ids=json.dumps
)
def test_a_wrong_type(value: object, anna: Agent):
    for _, path, name in NAMED:
        body = json.dumps({name: value}).encode()
        answer = anna.client.request("POST", path, body=body, headers=JSON)
        is_refused(answer, 404 if name == "cm_id" and value == 17 else 400)


@pytest.mark.parametrize("value", [17, True, None, ["a"], {"a": 1}], ids=json.dumps)
def test_a_reason_of_a_wrong_type(value: object, anna: Agent):
    body = json.dumps({"state": "paused", "reason": value}).encode()
    is_refused(anna.client.request("POST", "/agent/state", body=body, headers=JSON))


@pytest.mark.parametrize("cm_id", ["abc", "", "1.5", "-1", "0x2a", "9" * 30, "42 ", "\u0664\u0662"])
def test_a_contact_id_that_is_no_number(cm_id: str, anna: Agent):
    is_refused(anna.client.post("/call/originate", cm_id=cm_id), 400, 404)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"text"', b"17", b"null", b'{"call_id":}', b"{'call_id':'a'}", b"\x00", b"nan",
     b'{"call_id":"a"', b'{"call_id":"a"}{}', b"[" * 20000, b'{"a":' * 5000],
    ids=range(13),
)  # fmt: skip
def test_invalid_json(body: bytes, anna: Agent):
    is_refused(anna.client.request("POST", "/call/hangup", body=body, headers=JSON))


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b'{"call_id":"\xff\xfe"}', JSON), (b"call_id=%ff%fe", FORM), (b"call_id=\xff", FORM),
     (b'{"call_id":"\\ud800"}', JSON), (b"\xff\xfe{\x00}\x00", JSON)],
    ids=range(5),
)  # fmt: skip
def test_invalid_utf_8_in_a_body(body: bytes, headers: dict[str, str], anna: Agent):
    is_refused(anna.client.request("POST", "/call/hangup", body=body, headers=headers))


@every_parameter
def test_invalid_utf_8_in_the_query(method: str, path: str, name: str, anna: Agent):
    is_refused(anna.client.request(method, path, query=f"{name}=%ff%fe"))


def test_invalid_utf_8_in_a_parameters_name(anna: Agent):
    is_refused(anna.client.request("POST", "/call/hangup", query="%ff=1"))


def test_invalid_utf_8_in_the_path(anna: Agent):
    is_refused(anna.client.request("GET", "/call/%ff%fe"), 400, 404)


@every_parameter
def test_an_over_long_value(method: str, path: str, name: str, anna: Agent):
    is_refused(anna.client.request(method, path, query={name: "1" * 5000}))


def test_an_over_long_name(anna: Agent):
    is_refused(anna.client.request("POST", "/call/hangup", query={"x" * 5000: "1"}))


def test_very_many_parameters(anna: Agent):
    query = "&".join(f"p{number}=1" for number in range(1000))
    is_refused(anna.client.request("POST", "/call/hangup", query=query))


def test_an_over_long_reason(anna: Agent):
    is_refused(anna.client.post("/agent/state", state="paused", reason="x" * 5000))


@pytest.mark.parametrize("headers", [JSON, FORM], ids=["json", "form"])
def test_a_body_over_64_kib(headers: dict[str, str], anna: Agent):
    filler = b"x" * 65536
    body = b'{"call_id":"%s"}' % filler if headers is JSON else b"call_id=" + filler
    answer = anna.client.request("POST", "/call/hangup", body=body, headers=headers)
    is_refused(answer, 400, 413)


def test_a_body_of_a_megabyte_to_a_list(anna: Agent):
    body = b"x" * 2**20
    is_refused(anna.client.request("GET", "/call/list", body=body, headers=JSON), 400, 413)


def test_a_body_that_only_claims_to_be_huge(anna: Agent):
    head = request_line(anna, "POST", "/call/hangup") + b"Content-Length: 999999999999\r\n\r\n{"
    answer = send_raw(anna.client.address, head)
    assert answer is not None
    is_refused(answer, 400, 413)


def test_a_chunked_body_over_64_kib(anna: Agent):
    chunk = b"%x\r\n%s\r\n" % (8192, b"x" * 8192)
    head = request_line(anna, "POST", "/call/hangup") + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = send_raw(anna.client.address, head + chunk * 10 + b"0\r\n\r\n")
    assert answer is not None
    assert answer.code in (400, 411, 413)


@pytest.mark.parametrize(
    "character", ["\x00", "\n", "\r", "\t", "\x1b", "\x7f", "\u2028"], ids=ascii
)
def test_a_control_character(character: str, anna: Agent):
    for method, path, name in NAMED:
        answer = anna.client.request(method, path, query={name: f"1{character}1"})
        is_refused(answer, 400, 404)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /call/list\r\n\r\n",
        b"GET /call/list HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /call/list HTTP/1.1\r\n\r\n",
        b"GET /call/list HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
        b"GET /" + b"x" * 200000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /call/list HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 2000000 + b"\r\n\r\n",
        b"POST /call/hangup HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /call/hangup HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"POST /call/hangup HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\x00" * 1000 + b"\r\n\r\n",
    ],
    ids=range(13),
)
def test_what_is_no_proper_http_is_refused_or_cut_off(request_bytes: bytes, anna: Agent):
    answer = send_raw(anna.client.address, request_bytes)
    assert answer is None or 400 <= answer.code < 600
    assert answer is None or (answer.code != 500 and b"Traceback" not in answer.body)
    assert anna.asks("list").code == 200


def request_line(agent: Agent, method: str, path: str) -> bytes:
    """The head of a request without its last headers."""
    lines = (
        f"{method} {path} HTTP/1.1",
        f"Host: {agent.client.address}",
        f"Authorization: Bearer {agent.client.token}",
        "Content-Type: application/json",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()
