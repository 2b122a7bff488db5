"""That the app's own look at its answers notices one that is not as described."""

import logging
from typing import Any

import pytest

from fsapp.web.app import Application

from . import checked

ANSWERS = {
    "as described": (b'{"status": "success"}', []),
    "a key too many": (b'{"status": "success", "more": 1}', ["more"]),
    "a key too few": (b"{}", ["status"]),
    "another status": (b'{"status": "well"}', ["well"]),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_not_as_described_is_an_error_in_the_log(
    answer: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    body, named = ANSWERS[answer]

    def answers(_app: object, _environ: object, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "application/json")])
        return iter([body])

    monkeypatch.setattr(Application, "__call__", answers)
    checked.check_answers()
    environ = {"PATH_INFO": "/healthz", "REQUEST_METHOD": "GET"}
    with caplog.at_level(logging.ERROR):
        assert b"".join(Application.__call__(None, environ, lambda *_: None)) == body
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(named)
    assert all(words in said[0] for words in named)
