"""The dialplan interpreter reads FreeSWITCH's XML dialplan as FreeSWITCH does."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from fsapp.lab import LabSwitch
from fsapp.lab.dialplan import Dialplan, DialplanError

SHIPPED = Path(__file__).parents[2] / "dialplan"


def cause(xml: str, variables: Mapping[str, str] | None = None, number: str = "100") -> str:
    """Why a call ends that a dialplan routes; the causes in it tell which way it went."""
    with LabSwitch(control="127.0.0.1:0", contexts={"public": xml}) as lab:
        return lab.place_call(number, variables=variables or {}).wait_ended()


def extension(inside: str, attributes: str = 'name="x"') -> str:
    return f"<extension {attributes}>{inside}</extension>"


def condition(inside: str, attributes: str = "") -> str:
    return f"<condition {attributes}>{inside}</condition>"


HUNDRED = 'field="destination_number" expression="^1(0+)$"'
OTHER = 'field="destination_number" expression="^2"'


def hangup(name: str, anti: str = "") -> str:
    return f'<{anti}action application="hangup" data="{name}"/>'


def setting(pair: str, more: str = "") -> str:
    return f'<action application="set" data="{pair}" {more}/>'


def test_the_first_extension_that_fits_is_taken() -> None:
    first = extension(condition(hangup("USER_BUSY"), OTHER))
    second = extension(condition(hangup("NO_ANSWER"), HUNDRED))
    third = extension(condition(hangup("CALL_REJECTED"), HUNDRED))
    assert cause(first + second + third) == "NO_ANSWER"


def test_continue_goes_on_to_the_next_extension() -> None:
    first = extension(condition(setting("x=1"), HUNDRED), 'name="a" continue="true"')
    second = extension(condition(hangup("USER_BUSY"), 'field="${x}" expression="^1$"'))
    third = extension(condition(hangup("NO_ANSWER"), HUNDRED))
    assert cause(first + second + third) == "NO_ANSWER"


def test_an_inline_action_is_seen_by_later_conditions() -> None:
    first = extension(
        condition(setting("x=1", 'inline="true"'), HUNDRED), 'name="a" continue="true"'
    )
    second = extension(condition(hangup("USER_BUSY"), 'field="${x}" expression="^1$"'))
    assert cause(first + second) == "USER_BUSY"


def test_a_condition_without_a_field_always_fits() -> None:
    assert cause(extension(condition(hangup("USER_BUSY")))) == "USER_BUSY"


def test_all_conditions_must_fit() -> None:
    both = condition("", HUNDRED) + condition(hangup("USER_BUSY"), OTHER)
    assert cause(extension(both)) == "NO_ROUTE_DESTINATION"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (f'{OTHER} break="never"', "USER_BUSY"),
        (f'{OTHER} break="on-false"', "CALL_REJECTED"),
        (f'{OTHER} break="on-true"', "USER_BUSY"),
        (f'{OTHER} break="always"', "CALL_REJECTED"),
        (f'{HUNDRED} break="on-true"', "NO_ANSWER"),
        (f'{HUNDRED} break="never"', "NO_ANSWER"),
    ],
)
def test_where_the_conditions_stop(attributes: str, expected: str) -> None:
    first = condition(hangup("NO_ANSWER"), attributes)
    rest = extension(condition(hangup("CALL_REJECTED"), HUNDRED))
    assert cause(extension(first + condition(hangup("USER_BUSY"), HUNDRED)) + rest) == expected


def test_an_anti_action_is_taken_when_the_condition_fails() -> None:
    inside = hangup("USER_BUSY") + hangup("NO_ANSWER", "anti-")
    assert cause(extension(condition(inside, OTHER))) == "NO_ANSWER"
    assert cause(extension(condition(inside, HUNDRED))) == "USER_BUSY"


def test_conditions_stand_within_conditions() -> None:
    inner = condition(hangup("USER_BUSY"), 'field="${x}" expression="^1$"')
    outer = extension(condition(inner, HUNDRED))
    rest = extension(condition(hangup("NO_ANSWER")))
    assert cause(outer + rest, {"x": "1"}) == "USER_BUSY"
    assert cause(outer + rest, {"x": "2"}) == "NO_ANSWER"


@pytest.mark.parametrize(
    ("rule", "expected"), [("any", "USER_BUSY"), ("all", "NO_ANSWER"), ("xor", "USER_BUSY")]
)
def test_several_expressions_in_one_condition(rule: str, expected: str) -> None:
    inside = f"<regex {HUNDRED}/><regex {OTHER}/>"
    inside += hangup("USER_BUSY") + hangup("NO_ANSWER", "anti-")
    assert cause(extension(condition(inside, f'regex="{rule}"'))) == expected


def test_what_an_expression_captures_stands_for_dollar_one() -> None:
    first = extension(condition(setting("zeros=$1"), f"{HUNDRED}"), 'name="a" continue="true"')
    second = extension(
        condition('<action application="transfer" data="${zeros}0 XML public"/>', HUNDRED)
    )
    third = extension(
        condition(hangup("USER_BUSY"), 'field="destination_number" expression="^000$"')
    )
    assert cause(first + second + third) == "USER_BUSY"


def test_variables_are_replaced_when_an_action_is_executed() -> None:
    inside = setting("a=USER") + setting("b=${a}_BUSY") + hangup("${b}")
    assert cause(extension(condition(inside))) == "USER_BUSY"


def test_part_of_a_variable_can_be_taken() -> None:
    assert cause(extension(condition(hangup("${x:2:9}"))), {"x": "--USER_BUSY--"}) == "USER_BUSY"


def test_a_transfer_looks_at_the_conditions_again() -> None:
    again = '<action application="transfer" data="${destination_number} XML ${context}"/>'
    first = extension(condition(hangup("USER_BUSY"), 'field="${tries}" expression="^xxx$"'))
    second = extension(condition(setting("tries=${tries}x") + again))
    assert cause(first + second) == "USER_BUSY"


@pytest.mark.parametrize(
    "text",
    [
        "<include><extension name='x'/>\n</include>",
        "<include>\n<extension name='x'></include>",
        "</include> <extension/>",
    ],
)
def test_what_freeswitch_would_drop_without_a_word_is_complained_about(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "broken.xml"
    file.write_text(text)
    with pytest.raises(DialplanError):
        Dialplan({"public": [file]})


def test_the_shipped_files_are_read_in_both_contexts() -> None:
    files = sorted(SHIPPED.glob("*.xml"))
    assert files
    Dialplan({"public": files, "default": files})


def test_the_shipped_dialplan_keeps_a_caller_while_no_app_is_there() -> None:
    with LabSwitch("127.0.0.1:1", "127.0.0.1:0", dialplan_dirs=[SHIPPED]) as lab:
        caller = lab.place_call("5900")
        lab.wait_for(lambda: "tone_stream" in caller._channel.hearing, "she hears a tone")
        assert caller.is_alive()
