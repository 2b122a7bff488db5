"""Every command's exact text; and that no argument ever makes two commands of one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fsapp.switch import commands
from fsapp.switch.commands import BadArgument

A, B, JOB = "7b3f8c1a-0000-4000-8000-00000000000a", "7b3f8c1a-0000-4000-8000-00000000000b", "job-1"

TEXTS = {
    "linger": (commands.linger(5), "linger 5\n\n"),
    "myevents": (commands.myevents(), "myevents\n\n"),
    "nixevent": (
        commands.nixevent(("CHANNEL_STATE", "DTMF")),
        "nixevent CHANNEL_STATE DTMF\n\n",
    ),
    "background job": (commands.event_background_job(), "event plain BACKGROUND_JOB\n\n"),
    "endings": (
        commands.event_endings(),
        "event plain BACKGROUND_JOB CHANNEL_HANGUP_COMPLETE CHANNEL_PARK\n\n",
    ),
    "exit": (commands.exit_(), "exit\n\n"),
    "connect": (commands.connect(), "connect\n\n"),
    "auth": (commands.auth("Clue Con"), "auth Clue Con\n\n"),
    "execute": (
        commands.execute("playback", "tone_stream://v=-20;%(600,1400,350)", A),
        "sendmsg\ncall-command: execute\nexecute-app-name: playback\n"
        "execute-app-arg: tone_stream://v=-20;%(600,1400,350)\n"
        f"Event-UUID: {A}\nasync: true\n\n",
    ),
    "execute without argument": (
        commands.execute("answer", "", A),
        "sendmsg\ncall-command: execute\nexecute-app-name: answer\n"
        f"execute-app-arg: \nEvent-UUID: {A}\nasync: true\n\n",
    ),
    "exists": (commands.api_exists(A), f"api uuid_exists {A}\n\n"),
    "set": (
        commands.api_set(A, {"socket_resume": "true", "fsapp_owner": ""}),
        f"api uuid_setvar_multi {A} socket_resume=true;fsapp_owner=\n\n",
    ),
    "channels": (commands.api_show_channels(), "api show channels as json\n\n"),
    "dump": (commands.api_dump(A), f"api uuid_dump {A}\n\n"),
    "transfer to the socket": (
        commands.api_transfer_to_socket(A, "127.0.0.1:8084"),
        f"api uuid_transfer {A} 'socket:127.0.0.1:8084 async full' inline\n\n",
    ),
    "get": (commands.api_get(A, "hangup_cause"), f"api uuid_getvar {A} hangup_cause\n\n"),
    "bridge": (commands.api_bridge(A, B), f"api uuid_bridge {A} {B}\n\n"),
    "kill": (commands.api_kill(A), f"api uuid_kill {A} NORMAL_CLEARING\n\n"),
    "kill with a cause": (
        commands.api_kill(A, "NO_ANSWER"),
        f"api uuid_kill {A} NO_ANSWER\n\n",
    ),
    "break": (commands.api_break(A), f"api uuid_break {A} all\n\n"),
    "transfer": (
        commands.api_transfer(A, "fsapp_return", "public"),
        f"api uuid_transfer {A} fsapp_return XML public\n\n",
    ),
    "transfer that leaves a mark": (
        commands.api_transfer_marked(A, {"fsapp_fetched": "0a1"}, "fsapp_return", "public"),
        f"api uuid_transfer {A} 'set:fsapp_fetched=0a1,transfer:fsapp_return XML public' inline"
        "\n\n",
    ),
    "originate to the socket": (
        commands.bgapi_originate_to_socket(
            JOB,
            "user/1101",
            {"origination_uuid": A, "origination_caller_id_name": "Ann B"},
            "127.0.0.1:8084",
        ),
        f"bgapi originate {{origination_uuid={A},origination_caller_id_name='Ann B'}}"
        "user/1101 &socket('127.0.0.1:8084 async full')\n"
        f"Job-UUID: {JOB}\n\n",
    ),
    "originate to an extension": (
        commands.bgapi_originate_to_extension(
            JOB,
            "loopback/1142/default",
            {"origination_uuid": A, "loopback_export": ["a", "b"]},
            "fsapp_return",
            "default",
        ),
        f"bgapi originate {{origination_uuid={A},loopback_export='a,b'}}"
        f"loopback/1142/default fsapp_return XML default\nJob-UUID: {JOB}\n\n",
    ),
    "originate and wait": (
        commands.api_originate_to_extension("null/x", {"a": "b c"}, "5900", "public"),
        "api originate {a='b c'}null/x 5900 XML public\n\n",
    ),
    "ring": (
        commands.api_ring("user/1101", 5),
        "api originate {return_ring_ready=true,originate_timeout=5}user/1101 &hangup\n\n",
    ),
    "question": (
        commands.api_question("user_data", "1101@example.com", "param", "dial-string"),
        "api user_data 1101@example.com param dial-string\n\n",
    ),
}


@pytest.mark.parametrize(
    ("question", "argument"), [("system", "reboot"), ("module_exists", "x\n\napi hupall")]
)
def test_only_questions_are_asked(question: str, argument: str) -> None:
    with pytest.raises(commands.BadArgument):
        commands.api_question(question, argument)


@pytest.mark.parametrize("name", TEXTS)
def test_the_commands_text_is(name: str) -> None:
    built, text = TEXTS[name]
    assert built == text


@pytest.mark.parametrize("name", TEXTS)
def test_each_command_ends_with_its_only_blank_line(name: str) -> None:
    """python-ESL writes a command that lacks it in two writes, which costs 40 ms."""
    built, _ = TEXTS[name]
    assert built.endswith("\n\n")
    assert built.count("\n\n") == 1


def test_every_builder_has_its_text_here() -> None:
    told = {name for name in commands.__all__ if name.islower()} - {"fits", "playable", "name_of"}
    source = Path(__file__).read_text("utf-8").partition("TEXTS = {")[2].partition("\n}\n")[0]
    assert {name for name in told if f"commands.{name}(" not in source} == set()


def test_a_command_is_called_by_a_word_of_freeswitchs_and_by_nothing_that_stands_in_it() -> None:
    assert {commands.name_of(text) for _, text in TEXTS.values()} == {
        *(
            "connect",
            "auth",
            "linger",
            "myevents",
            "nixevent",
            "event",
            "exit",
            "execute",
            "show",
            "originate",
        ),
        *("uuid_exists", "uuid_setvar_multi", "uuid_dump", "uuid_transfer", "uuid_getvar"),
        *("uuid_bridge", "uuid_kill", "uuid_break", "user_data"),
    }


def test_the_default_of_nixevent_leaves_what_the_desk_reads() -> None:
    unused = commands.nixevent().split()[1:]
    read = {"CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_PARK", "CHANNEL_HANGUP",
            "CHANNEL_HANGUP_COMPLETE", "CHANNEL_EXECUTE_COMPLETE"}  # fmt: skip
    assert not read & set(unused)
    assert len(unused) == len(set(unused))


@pytest.mark.parametrize("application", sorted(commands.APPLICATIONS))
def test_a_listed_application_is_executed(application: str) -> None:
    assert f"execute-app-name: {application}\n" in commands.execute(application, "", A)


@pytest.mark.parametrize("application", ["", "hangup", "system", "answer\n", "ANSWER", " answer"])
def test_an_application_that_is_not_listed_is_refused(application: str) -> None:
    """FreeSWITCH hangs a call up for an application it does not know."""
    with pytest.raises(BadArgument):
        commands.execute(application, "", A)


BUILDERS: dict[str, Callable[[str], str]] = {
    "nixevent": lambda text: commands.nixevent((text,)),
    "execute application": lambda text: commands.execute(text, "", A),
    "execute argument": lambda text: commands.execute("playback", text, A),
    "execute identity": lambda text: commands.execute("playback", "", text),
    "exists": commands.api_exists,
    "set uuid": lambda text: commands.api_set(text, {"a": "b"}),
    "set name": lambda text: commands.api_set(A, {text: "b"}),
    "set value": lambda text: commands.api_set(A, {"a": text}),
    "get uuid": lambda text: commands.api_get(text, "a"),
    "get name": lambda text: commands.api_get(A, text),
    "bridge a": lambda text: commands.api_bridge(text, B),
    "bridge b": lambda text: commands.api_bridge(A, text),
    "kill uuid": commands.api_kill,
    "kill cause": lambda text: commands.api_kill(A, text),
    "break": commands.api_break,
    "transfer uuid": lambda text: commands.api_transfer(text, "e", "c"),
    "transfer extension": lambda text: commands.api_transfer(A, text, "c"),
    "transfer context": lambda text: commands.api_transfer(A, "e", text),
    "originate job": lambda text: commands.bgapi_originate_to_socket(text, "user/1", {}, "h:1"),
    "originate phone": lambda text: commands.bgapi_originate_to_socket(JOB, text, {}, "h:1"),
    "originate name": lambda text: commands.bgapi_originate_to_socket(
        JOB, "user/1", {text: "b"}, "h:1"
    ),
    "originate value": lambda text: commands.bgapi_originate_to_socket(
        JOB, "user/1", {"a": text}, "h:1"
    ),
    "originate list": lambda text: commands.bgapi_originate_to_socket(
        JOB, "user/1", {"a": ["b", text]}, "h:1"
    ),
    "originate address": lambda text: commands.bgapi_originate_to_socket(JOB, "user/1", {}, text),
    "originate extension": lambda text: commands.bgapi_originate_to_extension(
        JOB, "user/1", {}, text, "c"
    ),
    "originate context": lambda text: commands.bgapi_originate_to_extension(
        JOB, "user/1", {}, "e", text
    ),
}
SHAPES = {name: build("a").count("\n") for name, build in BUILDERS.items() if "appl" not in name
          and name not in ("kill cause", "nixevent")}  # fmt: skip
HOSTILE = st.text(max_size=30) | st.text(
    "\n\r\0 ',;{}[]&|$\"\\=%<>()ab1-\x85\u2028\ud800", max_size=12
)


SEPARATED = st.tuples(HOSTILE, st.sampled_from(" ;"), HOSTILE).map("".join)
SOON = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize("name", BUILDERS)
@SOON
@given(text=HOSTILE)
@example(text="a\n\napi system reboot")
@example(text="a\n")
@example(text="\na")
@example(text="a\r\n\r\n")
def test_no_argument_makes_two_commands_of_one(name: str, text: str) -> None:
    try:
        built = BUILDERS[name](text)
    except BadArgument:
        return
    assert built.endswith("\n\n")
    assert built.count("\n\n") == 1
    assert built.count("\n") == SHAPES.get(name, built.count("\n"))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", built)


@pytest.mark.parametrize(
    "name", [name for name in BUILDERS if name.startswith("originate") and "job" not in name]
)
@SOON
@given(text=HOSTILE)
@example(text="x,execute_on_answer=hangup")
@example(text="x}user/1199")
@example(text="x' &park()")
@example(text="[a=b]user/1")
def test_no_argument_of_an_originate_adds_a_variable_an_application_or_a_second_phone(
    name: str, text: str
) -> None:
    try:
        built = BUILDERS[name](text)
    except BadArgument:
        return
    assert built.count("{") == built.count("}") == 1
    assert built.count("&") <= 1
    # An address may name several, as FreeSWITCH's socket application tries them in turn.
    several = "|[]" if name == "originate address" else ""
    assert not set('|"\\$<>[]') - set(several) & set(built)
    inside = built.partition("{")[2].partition("}")[0]
    assert inside.count("=") <= 1
    assert inside.count("'") in (0, 2)


@pytest.mark.parametrize("name", [n for n in BUILDERS if "execute argument" not in n])
@SOON
@given(text=SEPARATED)
def test_no_blank_or_semicolon_shifts_the_words_that_follow(name: str, text: str) -> None:
    try:
        built = BUILDERS[name](text)
    except BadArgument:
        return
    # Such may stand only where quotes or the end of the line hold them together.
    assert name in ("set value", "originate value", "originate list", "originate phone")
    assert ";" not in text or name == "originate phone"
    assert " " not in text or name != "originate phone"
    assert built.endswith("\n\n")


@pytest.mark.parametrize("argument", ["${system(reboot)}", "$${x}", "a$", "a\nb", "\x7f"])
def test_what_freeswitch_would_expand_is_no_argument(argument: str) -> None:
    """``${…}`` in an application's argument runs API calls, programs included."""
    assert not commands.playable(argument)
    with pytest.raises(BadArgument):
        commands.execute("playback", argument, A)


@pytest.mark.parametrize("uuid", ["", "x" * 65, "a b", "a_b", "ü", "a\n"])
def test_a_uuid_that_is_none_is_refused(uuid: str) -> None:
    with pytest.raises(BadArgument, match="uuid"):
        commands.api_exists(uuid)


@pytest.mark.parametrize(
    "dial_string",
    ["user/1101", "sofia/gateway/g/1142", "loopback/*98#/default", "user/1@host:5060"],
)
def test_an_ordinary_dial_string_is_taken(dial_string: str) -> None:
    assert dial_string in commands.bgapi_originate_to_socket(JOB, dial_string, {}, "h:1")


@pytest.mark.parametrize("address", ["127.0.0.1:8084", "[::1]:8084", "a:1|b:2", "host.example:1"])
def test_an_ordinary_address_is_taken(address: str) -> None:
    built = commands.bgapi_originate_to_socket(JOB, "user/1", {}, address)
    assert f"&socket('{address} async full')" in built


@pytest.mark.parametrize("password", ["a\nexit", "a\r", "a\0"])
def test_a_password_that_would_be_a_second_command_is_never_sent(password: str) -> None:
    with pytest.raises(BadArgument, match="password"):
        commands.auth(password)
