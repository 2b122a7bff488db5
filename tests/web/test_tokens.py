"""Who asks: header, parameter, both."""

import pytest

from fsapp.logs import FORMATS

from .conftest import Ask
from .serving import FORM, JSON, NotingDesk


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_header_names_the_agent(ask: Ask, desk: NotingDesk, scheme: str) -> None:
    header = f"{scheme} bob-token"
    assert ask("GET", "/agent", token=None, Authorization=header).status == 200
    assert [agent for agent, *_ in desk.asked] == ["bob"]


def test_the_parameter_names_the_agent_from_query_form_and_json(ask: Ask, desk: NotingDesk) -> None:
    ask("GET", "/agent?token=bob-token", token=None)
    ask("POST", "/call/park", b"token=bob-token", token=None, Content_Type=FORM)
    ask("POST", "/call/park", b'{"token": "bob-token"}', token=None, Content_Type=JSON)
    assert [agent for agent, *_ in desk.asked] == ["bob"] * 3


def test_the_same_token_twice_is_one(ask: Ask, desk: NotingDesk) -> None:
    assert ask("GET", "/agent?token=bob-token", token="bob-token").status == 200
    assert [agent for agent, *_ in desk.asked] == ["bob"]


@pytest.mark.parametrize("other", ["bob-token", "wrong"])
def test_different_tokens_are_400_and_reach_nobody(ask: Ask, desk: NotingDesk, other: str) -> None:
    for target, token in (
        (f"/agent?token={other}", "ann-token"),
        ("/agent?token=ann-token", other),
        (f"/agent?token=ann-token&token={other}", None),
    ):
        response = ask("GET", target, token=token)
        assert response.status == 400
        assert response.document["description"] == "token is given twice, with different values"
    assert desk.asked == []


def test_two_wrong_tokens_are_401(ask: Ask) -> None:
    assert ask("GET", "/agent?token=wrong", token="false").status == 401


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "ann-token", "Basic YW5uOmFubi10b2tlbg==", "Bearer x y"]
)
def test_other_authorizations_are_none(ask: Ask, desk: NotingDesk, header: str) -> None:
    assert ask("GET", "/agent", token=None, Authorization=header).status == 401
    assert desk.asked == []


def test_a_token_is_never_repeated_or_logged(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    for target in ("/agent?token=s3cret", "/agent?token=ann-token&token=s3cret"):
        assert b"s3cret" not in ask("GET", target, token=None).body
    for form in FORMATS.values():
        written = "\n".join(map(form().format, caplog.records))
        assert "s3cret" not in written
        assert "ann-token" not in written
