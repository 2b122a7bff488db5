"""Who may ask, where and how: tokens, routes and verbs, each refused in its own words."""

import pytest

from .actors import Agent, Callers, Desk
from .app import App
from .client import Answer, Client
from .expect import from_the_table, is_a_clear_refusal, unauthorized

READ = ("/call/list", "/call/queue", "/agent", "/agent/list")
COMMAND = (
    "/call/pickup",
    "/call/park",
    "/call/unpark",
    "/call/hangup",
    "/call/originate",
    "/agent/state",
)
EITHER = ("/call/state", "/call/transfer")
VERBS = ("GET", "POST", "PUT", "DELETE", "PATCH")


def allowed(path: str) -> tuple[str, ...]:
    if path in EITHER:
        return ("GET", "POST")
    return ("GET",) if path in READ else ("POST",)


WRONG_VERBS = [
    (verb, path)
    for path in (*READ, *COMMAND, *EITHER)
    for verb in VERBS
    if verb not in allowed(path)
]
RIGHT_VERBS = [(verb, path) for path in (*READ, *COMMAND, *EITHER) for verb in allowed(path)]


def is_unauthorized(answer: Answer) -> None:
    unauthorized().check(answer)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.fixture
def stranger(app: App):
    """Somebody without a token."""
    client = Client(app.address)
    yield client
    client.close()


@pytest.mark.parametrize(("verb", "path"), RIGHT_VERBS)
def test_without_a_token_every_request_is_refused(verb: str, path: str, stranger: Client):
    is_unauthorized(stranger.request(verb, path))


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong",
        "Bearer",
        "Bearer ",
        "bearer",
        "Basic YW5uYTphbm5h",
        "wrong",
        "Bearer a b",
        "Bearer " + "x" * 5000,
        "Bearer \u00e6\u00f8\u00e5",
        "Bearer ' OR 1=1 --",
    ],
    ids=range(10),
)
def test_a_wrong_token_is_refused(header: str, stranger: Client):
    sent = {"Authorization": header.encode("utf-8").decode("latin-1")}
    is_unauthorized(stranger.request("GET", "/call/list", headers=sent))


@pytest.mark.parametrize("token", ["", "wrong", "%00", "%ff", "x" * 5000])
def test_a_wrong_token_parameter_is_refused(token: str, stranger: Client):
    answer = stranger.request("GET", "/call/list", query=f"token={token}")
    # %ff is no UTF-8: it may be refused as a bad parameter instead.
    is_a_clear_refusal(answer, 401, 400)


def test_the_token_may_be_a_parameter(anna: Agent, stranger: Client):
    answer = stranger.get("/agent", token=anna.client.token)
    assert (answer.code, answer.document["agent"]["id"]) == (200, "anna")


def test_the_token_may_stand_in_a_form(anna: Agent, stranger: Client):
    answer = stranger.request(
        "POST",
        "/agent/state",
        body=f"state=idle&token={anna.client.token}".encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.code == 200, str(answer)


def test_the_token_may_stand_in_a_json_body(anna: Agent, stranger: Client):
    answer = stranger.request(
        "POST",
        "/agent/state",
        body=f'{{"state":"idle","token":"{anna.client.token}"}}'.encode(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.code == 200, str(answer)


def test_a_refused_token_changes_nothing(a_caller: Callers, stranger: Client, desk: Desk):
    caller = a_caller.waits()
    before = desk.picture()
    is_unauthorized(stranger.post("/call/pickup", call_id=caller.id))
    assert desk.picture() == before


def test_tokens_never_stand_in_the_log(
    a_caller: Callers, anna: Agent, stranger: Client, desk: Desk
):
    token = str(anna.client.token)
    stranger.get("/agent", token=token)
    stranger.get("/call/list", token=token[:-1])
    anna.picks_up(a_caller.waits())
    assert token[:-1] not in desk.app.log()


def test_tokens_do_not_stand_in_the_database(anna: Agent, desk: Desk):
    files = [desk.app.database, *desk.app.database.parent.glob("desk.db-*")]
    assert not any(str(anna.client.token).encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize(("verb", "path"), WRONG_VERBS)
def test_a_wrong_verb_is_refused_and_told_the_right_one(verb: str, path: str, anna: Agent):
    answer = anna.client.request(verb, path)
    is_a_clear_refusal(answer, 405)
    named = {word.strip() for word in str(answer.headers["Allow"]).split(",")}
    assert named >= set(allowed(path))
    assert verb not in named


@pytest.mark.parametrize(
    "path", ["/call", "/call/", "/call/nonsense", "/nonsense", "/call/list/x", "/agent/x"]
)
def test_an_unknown_route_is_refused(path: str, anna: Agent):
    is_a_clear_refusal(anna.client.get(path), 404)


def test_an_unknown_route_without_a_token_is_first_of_all_unauthorized(stranger: Client):
    is_unauthorized(stranger.get("/call/nonsense"))


def test_a_wrong_verb_without_a_token_is_first_of_all_unauthorized(stranger: Client):
    is_unauthorized(stranger.post("/call/list"))


def test_bad_parameters_without_a_token_are_first_of_all_unauthorized(stranger: Client):
    is_unauthorized(stranger.post("/call/originate", extension="nonsense"))


def test_a_bad_parameter_is_refused_before_the_call_is_looked_for(anna: Agent):
    answer = anna.asks("pickup", "no-such-call", nonsense="1")
    is_a_clear_refusal(answer, 400)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_token(path: str, stranger: Client):
    assert stranger.get(path).code == 200


def test_answers_are_json_in_utf_8(anna: Agent):
    for answer in (anna.asks("list"), anna.asks("park")):
        assert answer.headers["Content-Type"].replace(" ", "").lower() in (
            "application/json",
            "application/json;charset=utf-8",
        )
        assert from_the_table(answer) is None
