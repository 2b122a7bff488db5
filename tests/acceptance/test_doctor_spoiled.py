"""Deployments with one fault each: `fsapp doctor` names that fault, and blames nothing else.

What stands under "unknown" is no blame: it says what could not be looked at because of the fault.
"""

import re
import shutil
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_address

from .doctor_stage import FreeSwitchStage, LabStage, Stage
from .switches.event_socket import split_address

Extra = dict[str, str]
"""What the doctor's environment has beside the app's settings."""
Spoil = Callable[[Stage], AbstractContextManager[Extra]]

PROBLEM, WARNING, UNKNOWN = "problem", "warning", "unknown"
NO_PHONES = ("phones", UNKNOWN, "Whose phones are to be looked at is not known")
NO_CALL_SEEN = ("call", UNKNOWN, "its way could not be seen in the database")
NO_CALL_YET = ("call", UNKNOWN, "No test call is made until fsapp is ready")
NOTHING_ELSE = ("freeswitch", UNKNOWN, "Nothing else can be asked until FreeSWITCH answers")

INBOUND, RETURN = "fsapp_inbound.xml", "fsapp_return.xml"
BOTH = ("default", "public")
SOCKET = "async full"
NO_MODULE = "the lab switch has no modules to unload"
NO_PROFILE = "the lab switch's phones need no SIP profile"


@dataclass(frozen=True)
class Case:
    """One fault, and what the doctor has to say about it, whatever the order."""

    spoil: Spoil
    blamed: list[tuple[str, str, str]]
    """Check, verdict, and words of the sentence."""
    options: tuple[str, ...] = ()


@contextmanager
def told(**extra: str) -> Iterator[Extra]:
    """The doctor is told settings of its own; nothing else is touched."""
    yield extra


def setting(**extra: str) -> Spoil:
    return lambda _stage: told(**extra)


def file(change: Callable[[Stage], None]) -> Spoil:
    """The administrator's files are changed."""

    @contextmanager
    def spoil(stage: Stage) -> Iterator[Extra]:
        with stage.restored():
            change(stage)
            yield {}

    return spoil


def without(name: str) -> Spoil:
    return file(lambda stage: stage.remove(name))


def rewritten(name: str, old: str, new: str = "") -> Spoil:
    return file(lambda stage: stage.rewrite(name, old, new))


def shadowed(expression: str) -> Spoil:
    """An extension of the administrator's own comes first and takes these destinations."""
    greedy = (
        '<extension name="greedy"><condition field="destination_number" '
        f'expression="{expression}"><action application="park"/></condition></extension>'
    )
    return file(lambda stage: stage.write("0_greedy.xml", greedy))


def in_both(check: str, words: str, verdict: str = PROBLEM) -> list[tuple[str, str, str]]:
    """The files are included in both contexts, so both are named."""
    return [(check, verdict, words.format(context)) for context in BOTH]


UNTRIED = in_both("call", "Whether calls in context {} come back to the queue", UNKNOWN)


@contextmanager
def nobody_listens(_stage: Stage) -> Iterator[Extra]:
    yield {"FSAPP_CONTROL_ADDRESS": free_address()}


@contextmanager
def no_database(stage: Stage) -> Iterator[Extra]:
    yield {"FSAPP_DATABASE_PATH": str(stage.directory / "nowhere" / "desk.db")}


@contextmanager
def damaged_database(stage: Stage) -> Iterator[Extra]:
    damaged = stage.directory / "damaged.db"
    damaged.write_bytes(b"This was a letter once. " * 1000)
    yield {"FSAPP_DATABASE_PATH": str(damaged)}


@contextmanager
def locked_database(stage: Stage) -> Iterator[Extra]:
    """Another process holds the file for good; the app waits for it, too."""
    with copied_database(stage, "locked.db") as path, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield {"FSAPP_DATABASE_PATH": str(path)}
        other.rollback()


@contextmanager
def copied_database(stage: Stage, name: str) -> Iterator[Path]:
    path = stage.directory / name
    # A checkpoint makes the one file whole.
    with closing(sqlite3.connect(stage.app.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(stage.app.database, path)
    yield path


@contextmanager
def no_agents(stage: Stage) -> Iterator[Extra]:
    with stage.agents() as agents:
        kept = list(agents.all())
        for agent in kept:
            agents.remove(agent.id)
    try:
        yield {}
    finally:
        with stage.agents() as agents:
            for agent in kept:
                agents.add(agent)


@contextmanager
def unknown_phone(stage: Stage) -> Iterator[Extra]:
    with stage.agents() as agents:
        from fsapp.calls.agent import Agent

        agents.add(Agent("carl", "Carl", "user/1999"))
    try:
        yield {}
    finally:
        with stage.agents() as agents:
            agents.remove("carl")


@contextmanager
def unregistered(stage: Stage) -> Iterator[Extra]:
    stage.unregister("1102")
    try:
        yield {}
    finally:
        stage.register("1102")


@contextmanager
def unpingable(stage: Stage) -> Iterator[Extra]:
    """FreeSWITCH's table says that pings are not answered; to have it find out takes a minute."""
    assert isinstance(stage, FreeSwitchStage)
    table = stage.freeswitch.directory / "sofia_reg_suite.db"
    with closing(sqlite3.connect(table, timeout=5.0)) as registrations:
        change = "UPDATE sip_registrations SET ping_status = 'Unreachable' WHERE sip_user = '1102'"
        assert registrations.execute(change).rowcount == 1
        registrations.commit()
    try:
        yield {}
    finally:
        stage.register("1102")


@contextmanager
def busy(stage: Stage) -> Iterator[Extra]:
    stage.registers_busy("1102")
    try:
        yield {}
    finally:
        stage.register("1102")


@contextmanager
def not_running(stage: Stage) -> Iterator[Extra]:
    stage.app.stop()
    try:
        yield {}
    finally:
        stage.app.start()


@contextmanager
def elsewhere(stage: Stage) -> Iterator[Extra]:
    stage.switch.api("global_setvar fsapp_socket=127.0.0.1:9")
    try:
        yield {}
    finally:
        stage.switch.api(f"global_setvar fsapp_socket={stage.switch.outbound_address}")


@contextmanager
def clocks_apart(stage: Stage) -> Iterator[Extra]:
    """The lab switch's clock is put forward; a real FreeSWITCH's answer is, on its way."""
    if isinstance(stage, LabStage):
        stage.clock.skew = 60.0
        try:
            yield {}
        finally:
            stage.clock.skew = 0.0
    else:
        with later_by_a_minute(stage.switch.control_address) as address:
            yield {"FSAPP_CONTROL_ADDRESS": address}


HALF = re.compile(rb"Content-Length: 10\n\n\d{0,9}$")
TIME = re.compile(rb"(api/response\nContent-Length: 10\n\n)(\d{10})")


@contextmanager
def later_by_a_minute(address: str) -> Iterator[str]:
    """An address that leads there, for one connection."""
    there = split_address(address)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def relay() -> None:
            with server.accept()[0] as near, socket.create_connection(there) as far:
                asking = threading.Thread(target=pump, args=(near, far, bytes), daemon=True)
                asking.start()
                pump(far, near, put_forward)
                asking.join(5.0)

        relaying = threading.Thread(target=relay, daemon=True)
        relaying.start()
        yield "{}:{}".format(*server.getsockname())
        relaying.join(5.0)


def put_forward(data: bytes) -> bytes:
    return TIME.sub(lambda found: found[1] + b"%d" % (int(found[2]) + 60), data)


def pump(source: socket.socket, target: socket.socket, changed: Callable[[bytes], bytes]) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 20):
            while HALF.search(data):
                data += source.recv(1 << 20)
            target.sendall(changed(data))
        target.shutdown(socket.SHUT_WR)


@contextmanager
def module_gone(stage: Stage) -> Iterator[Extra]:
    assert stage.switch.api("unload mod_tone_stream").startswith("+OK")
    try:
        yield {}
    finally:
        assert stage.switch.api("load mod_tone_stream").startswith("+OK")


@contextmanager
def no_timer(stage: Stage) -> Iterator[Extra]:
    assert isinstance(stage, FreeSwitchStage)
    stage.freeswitch.configure(rtp_timer="none")
    stage.reload()
    try:
        yield {}
    finally:
        stage.freeswitch.configure()
        stage.reload()


@contextmanager
def default_password(stage: Stage) -> Iterator[Extra]:
    """FreeSWITCH takes its default password and says so; from loopback only."""
    with stage.new_password("ClueCon"):
        yield {}


@contextmanager
def default_password_for_everybody(stage: Stage) -> Iterator[Extra]:
    """Its configuration would let other machines in. It is read again, but not listened by."""
    with stage.new_password("ClueCon"), stage.restored():
        conf = stage.files / "conf" / "event_socket.conf.xml"
        text = conf.read_text("utf-8").replace('"127.0.0.1"', '"0.0.0.0"')
        text = text.replace('"loopback.auto"', '"lan"')
        conf.write_text(text, "utf-8")
        stage.reload()
        yield {}


BACK = '<action application="transfer" data="fsapp_return XML ${context}"/>'
ANSWER = '<action application="answer"/>'
HANGUP = '<action application="hangup"/>'
SECOND = '<action application="playback" data="tone_stream://%(1000,0,440)"/>'


def ends_with(*actions: str) -> Spoil:
    """What stands behind the inbound extension's tone, instead of the way to the return point."""
    return rewritten(INBOUND, BACK, "".join(actions))


def closed(stage: Stage) -> None:
    """Who cannot be taken is told so, and hung up on."""
    sound = stage.files / "closed.wav"
    sound.touch()
    announcement = f'<action application="playback" data="{sound}"/>'
    stage.rewrite(INBOUND, BACK, f"{ANSWER}{announcement}{HANGUP}")


def paused_by(actions: str, *, before: str = "", behind: str = "") -> Spoil:
    """The return point has these for a pause, and others before its socket or behind its end."""

    def change(stage: Stage) -> None:
        path = stage.files / "dialplan" / RETURN
        whole = path.read_text("utf-8")
        head, mark, tail = whole.rpartition("<!-- The pause between two attempts")
        assert mark
        tail = re.sub(r'<action application="(playback|sleep)" data="[^"]*"/>', "", tail)
        tail = tail.replace(BACK, f"{actions}{BACK}{behind}")
        name, attempts, rest = head.rpartition('<action application="set" data="fsapp_attempts=')
        assert attempts
        path.write_text(f"{name}{before}{attempts}{rest}{mark}{tail}", "utf-8")
        stage.reload()

    return file(change)


SLOW = (
    '<extension name="slow" continue="true"><condition field="context" expression="^default$">'
    '<action application="sleep" data="3500"/></condition></extension>'
)

SOMETIMES = (
    '<extension name="sometimes"><condition field="destination_number" expression="^fsapp_r"/>'
    '<condition field="${fsapp_arrival}" expression="."><action application="hangup"/>'
    "</condition></extension>"
)
"""Takes what comes back, as only a call shows: which variables are set is not in the dialplan."""

NO_PAUSE = {
    "nowhere": paused_by(""),
    "for no time": paused_by('<action application="sleep" data="0"/>'),
    "by a file that is not there": paused_by(
        '<action application="playback" data="/nowhere/tone.wav"/>'
    ),
    "by silence without a length": paused_by(
        '<action application="playback" data="silence_stream://0"/>'
    ),
    "before its socket": paused_by("", before=SECOND),
    "behind its end": paused_by("", behind=SECOND),
}

ANYWHERE = {
    "a bad setting": Case(
        setting(FSAPP_HTTP_LISTEN="nowhere"), [("settings", PROBLEM, "http.listen")]
    ),
    "half of a TLS pair": Case(
        setting(FSAPP_HTTP_TLS_CERTIFICATE="/nowhere/cert.pem"),
        [("settings", PROBLEM, "http.tls_")],
    ),
    "no database": Case(
        no_database, [("database", PROBLEM, "does not exist"), NO_PHONES, NO_CALL_SEEN]
    ),
    "a file that is no database": Case(
        damaged_database,
        [("database", PROBLEM, "is not a database of fsapp's"), NO_PHONES, NO_CALL_SEEN],
    ),
    "a locked database": Case(
        locked_database,
        [("database", PROBLEM, "is locked by another process"), NO_PHONES, NO_CALL_SEEN],
    ),
    "no Event Socket": Case(
        nobody_listens, [("event-socket", PROBLEM, "does not answer"), NOTHING_ELSE]
    ),
    "a wrong password": Case(
        setting(FSAPP_CONTROL_PASSWORD="wrong"),
        [("event-socket", PROBLEM, "refused the control password"), NOTHING_ELSE],
    ),
    "the default password": Case(
        default_password, [("password", WARNING, "users of this machine can get in")]
    ),
    "no extension for new calls": Case(
        without(INBOUND), [("dialplan", PROBLEM, "No extension of the XML dialplan hands calls")]
    ),
    "a socket that leads elsewhere": Case(
        elsewhere,
        [("dialplan", PROBLEM, "No call gets to fsapp at 127.0.0.1:")],
    ),
    "numbers that another extension takes": Case(
        shadowed("^5"),
        in_both("dialplan", "fsapp_inbound in context {} is never reached: extension greedy"),
    ),
    "a socket without async full": Case(
        rewritten(INBOUND, SOCKET), in_both("socket", "in context {} connects without `async full`")
    ),
    "no socket_resume": Case(
        rewritten(INBOUND, "socket_resume=true", "socket_resume=false"),
        in_both("socket", "in context {} leaves its callers in silence"),
    ),
    "no fallback": Case(
        ends_with(),
        in_both("fallback", "in context {} hangs up when fsapp is away: nothing follows"),
    ),
    "a fallback that hangs up": Case(
        ends_with('<action application="hangup" data="NORMAL_CLEARING"/>'),
        in_both("fallback", "in context {} hangs up when fsapp is away: hangup ends the call"),
    ),
    "a fallback that only sounds like one": Case(
        ends_with(ANSWER, SECOND, HANGUP),
        in_both("fallback", "in context {} hangs up when fsapp is away: hangup ends the call"),
    ),
    "a fallback that refuses": Case(
        ends_with('<action application="respond" data="503"/>', BACK),
        in_both("fallback", "in context {} hangs up when fsapp is away: respond ends the call"),
    ),
    "a fallback to nowhere": Case(
        ends_with('<action application="transfer" data="8000 XML ${context}"/>'),
        in_both("fallback", "it transfers to 8000, which context {} does not have"),
    ),
    "a fallback that tells callers and hangs up": Case(
        file(closed),
        in_both("fallback", "in context {} hangs up behind an announcement", WARNING),
    ),
    "no return point": Case(
        without(RETURN), in_both("return", "Context {} has no extension fsapp_return") + UNTRIED
    ),
    **{
        f"a return point that pauses {where}": Case(
            spoil, in_both("return", "in context {} has no pause") + UNTRIED
        )
        for where, spoil in NO_PAUSE.items()
    },
    "a return point that leads nowhere": Case(
        rewritten(RETURN, BACK, '<action application="park"/>'),
        in_both("return", "in context {} does not lead back to itself") + UNTRIED,
    ),
    "a return point that another extension takes": Case(
        shadowed("^fsapp_r"),
        in_both("return", "in context {} is never reached: extension greedy takes fsapp_return")
        + UNTRIED,
    ),
    "a return point from which calls do not come back": Case(
        file(lambda stage: stage.write("0_sometimes.xml", SOMETIMES)),
        in_both("call", "in context {} was queued, but did not come back to the queue"),
    ),
    "a return point that leads elsewhere": Case(
        rewritten(RETURN, "${fsapp_socket} async", "127.0.0.1:9 async"),
        in_both("return", "in context {} connects to 127.0.0.1:9") + UNTRIED,
    ),
    "an overflow that is not there": Case(
        setting(FSAPP_QUEUE_OVERFLOW_AFTER="60", FSAPP_QUEUE_OVERFLOW_TO="8000"),
        in_both("overflow", "context {} has no 8000"),
    ),
    "no such sound file": Case(
        setting(FSAPP_QUEUE_MUSIC="/nowhere/music.wav"),
        [("music", WARNING, "/nowhere/music.wav is not there")],
    ),
    "no such stream": Case(
        setting(FSAPP_PARK_MUSIC="local_stream://moh"),
        [("music", WARNING, "local_stream://moh is not there")],
    ),
    "no agents": Case(no_agents, [("phones", PROBLEM, "There are no agents")]),
    "a phone that does not exist": Case(
        unknown_phone, [("phones", PROBLEM, "carl's phone user/1999 is no user of domain")]
    ),
    "a phone that is not registered": Case(
        unregistered, [("phones", PROBLEM, "bente's phone user/1102 is not registered")]
    ),
    "a phone that does not ring": Case(
        busy,
        [("ring", PROBLEM, "bente's phone user/1102 cannot be rung: USER_BUSY")],
        ("--ring-phones",),
    ),
    "clocks apart": Case(clocks_apart, [("time", WARNING, "clock is +")]),
    "an app that does not run": Case(
        not_running, [("fsapp", PROBLEM, "does not answer"), NO_CALL_YET]
    ),
    "a dialplan that makes calls wait": Case(
        file(lambda stage: stage.write("0_slow.xml", SLOW)),
        [("call", WARNING, "in context default took ")],
    ),
}

FREESWITCH_ONLY = {
    "a module that is not loaded": Case(
        module_gone, [("modules", PROBLEM, "mod_tone_stream is not loaded")]
    ),
    "the default password, for other machines, too": Case(
        default_password_for_everybody,
        [("password", PROBLEM, "other machines reach it at 0.0.0.0, admitted by lan")],
    ),
    "a phone that is registered and gone": Case(
        unpingable,
        [("phones", WARNING, "bente's phone user/1102 is registered, but does not answer")],
    ),
    "a SIP profile without a timer": Case(
        no_timer, [("timer", PROBLEM, "SIP profile suite has no rtp-timer-name")]
    ),
}


def looked_at(stage: Stage, case: Case) -> None:
    with case.spoil(stage) as extra:
        report = stage.examined(*case.options, **extra)
    said = sorted((blame.check, blame.verdict) for blame in report.blamed)
    assert said == sorted(expected[:2] for expected in case.blamed), report.blamed
    for check, verdict, words in case.blamed:
        sentences = [one.what for one in report.blamed if one[:2] == (check, verdict)]
        assert any(words in what for what in sentences), (words, sentences)
    assert report.status == int(any(verdict == PROBLEM for _, verdict, _ in case.blamed))


@pytest.mark.parametrize("name", ANYWHERE)
def test_one_fault_is_named_and_nothing_else(stage: Stage, name: str):
    looked_at(stage, ANYWHERE[name])


@pytest.mark.freeswitch_only(
    "the lab switch has no modules to unload, no access lists, and no SIP profile"
)
@pytest.mark.parametrize("name", FREESWITCH_ONLY)
def test_one_fault_of_freeswitchs_own_is_named_and_nothing_else(stage: Stage, name: str):
    looked_at(stage, FREESWITCH_ONLY[name])


def test_a_database_of_an_older_fsapp_is_told_and_left_as_it_is(stage: Stage):
    with copied_database(stage, "older.db") as path:
        stage.outdate(path)
        before = path.read_bytes()
        report = stage.examined("--no-call", FSAPP_DATABASE_PATH=str(path))
        assert [(one.check, one.verdict) for one in report.blamed] == [("database", WARNING)]
        assert "was written by an older fsapp" in report.blamed[0].what
        assert path.read_bytes() == before


def test_all_is_right_again_after_it(stage: Stage):
    """None of the tests above has left a fault behind, or they would have hidden each other's."""
    assert stage.examined().blamed == []
