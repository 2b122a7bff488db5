"""What the app inside FreeSWITCH does where no FreeSWITCH is needed to see it."""

from __future__ import annotations

import pytest

from fsapp import embedded, embedded_service


class Session:
    """A call, as FreeSWITCH's module shows it."""

    def __init__(self, destination: str) -> None:
        self.variables = {"destination_number": destination}
        self.executed: list[tuple[str, str]] = []

    def execute(self, application: str, argument: str) -> None:
        self.executed.append((application, argument))

    def setVariable(self, name: str, value: str) -> None:
        self.variables[name] = value

    def getVariable(self, name: str) -> str | None:
        return self.variables.get(name)


class Stream:
    """What the answer to an administrator's command is written to."""

    text = ""

    def write(self, text: str) -> None:
        self.text += text


def test_without_the_app_the_dialplan_keeps_the_call() -> None:
    session = Session("5900")
    embedded.handler(session, "")
    assert session.executed == []
    assert set(session.variables) == {"destination_number"}


def test_a_destination_is_a_value_and_never_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_service.Embedded, "context", "default")
    session = Session("${system(reboot)}")
    embedded.handler(session, "")
    assert session.variables["fsapp_destination"] == "${system(reboot)}"
    assert session.executed == [("transfer", "fsapp_return XML default")]


@pytest.mark.parametrize("given", [("na", "stream", "event"), ("na",)], ids=len)
def test_the_answer_goes_to_the_stream_if_there_is_one(given: tuple[str, ...]) -> None:
    stream = Stream()
    embedded.fsapi(*(stream if item == "stream" else item for item in given), "status")
    assert stream.text == ("fsapp does not run: it has not been started\n" if given[1:] else "")


def test_outside_freeswitch_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    embedded_service.run("")
    assert "freeswitch.py" in capsys.readouterr().err
