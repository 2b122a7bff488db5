"""A whole shift at the console, by keyboard alone."""

import re

from playwright.sync_api import APIResponse, Route

from ..actors import Agent, Callers, Desk, Phone
from .conftest import Opens
from .console import expect


def test_a_whole_shift_by_keyboard_alone(
    opens: Opens, a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    console = opens(anna).signs_in()
    console.sees("Queue", "Nobody is waiting.").sees("My call", "No call.")

    # She hears of a call, wherever she looks.
    caller = a_caller.waits(name="Mrs. Lund", number="2045550101")
    console.sees("Queue", "Dr. Holm", "Mrs. Lund · 2045550101")
    expect(console.page).to_have_title("(1) fsapp")
    expect(console.page.locator("#polite")).to_contain_text("1 waiting, Dr. Holm since")

    # She picks it up: what she must say is the biggest thing on the page.
    console.presses("Space").sees(
        "My call", "Dr. Holm", "“Good morning, Dr. Holm's practice”", "speaking"
    )
    console.hears("speaking: Dr. Holm, Mrs. Lund · 2045550101.").sees_rows("Queue", 0)
    anna.speaks_with(caller)

    # Puts her on hold, and dials the doctor by the beginning of his name.
    console.presses("p").sees("On hold", "Mrs. Lund").sees("My call", "No call.")
    caller.hears("music")
    console.presses("d").types("outs")
    expect(console.page.get_by_role("option", name="Outside")).to_be_visible()
    console.presses("Enter").sees("My call", "to Outside · 1142", "speaking")

    # Connects the two, and is free.
    console.presses("t").sees("My call", "No call.").sees_rows("On hold", 0)
    console.hears("The two are connected.")
    desk.sees(caller, "transferred")

    # The next call, which she ends.
    second = a_caller.waits(name="Mr. Friis")
    console.sees("Queue", "Mr. Friis").presses("Enter").sees("My call", "Mr. Friis", "speaking")
    console.presses("e").sees("My call", "No call.").sees("Recent", "Mr. Friis", "answered")
    second.is_cut_off()

    # Takes a break, and comes back.
    console.presses("w").types("lunch").presses("Enter")
    expect(console.page.locator("#me-state")).to_have_text("paused (lunch)")
    console.presses("w")
    expect(console.page.locator("#me-state")).to_have_text("idle")

    outside.hangs_up()
    console.sees("Recent", "Mrs. Lund", "transferred")
    console.presses("?")
    console.page.get_by_role("button", name="Sign out").press("Enter")
    expect(console.page.get_by_label("Your token")).to_be_focused()


def test_a_caller_is_picked_up_by_her_number_and_taken_back_by_her_letter(
    opens: Opens, a_caller: Callers, anna: Agent
):
    console = opens(anna).signs_in()
    callers = a_caller.wait_in_turn(3)
    console.sees_rows("Queue", 3)
    for place, letter in ((2, "A"), (1, "B")):
        expect(console.rows("Queue").nth(place - 1)).to_contain_text(str(place))
        console.presses(str(place)).sees("My call", "speaking").presses("p")
        console.sees("On hold", f"⇧{letter}")
    anna.desk.sees(callers[1], "parked")
    console.presses("Shift+A").sees("My call", "speaking").sees_rows("On hold", 1)
    anna.speaks_with(callers[1])
    # The other one keeps her letter, though the first one is free.
    expect(console.rows("On hold")).to_contain_text("⇧B")


def test_of_several_on_hold_she_says_which_is_connected(
    opens: Opens, a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    console = opens(anna).signs_in()
    first, second = a_caller.wait_in_turn(2)
    for count in (1, 2):
        console.presses("Space").sees("My call", "speaking")
        console.presses("p").sees_rows("On hold", count)
    console.presses("/").types("1142").presses("Enter").sees("My call", "to 1142", "speaking")
    console.presses("t")
    expect(console.page.get_by_role("dialog")).to_contain_text("Connect which call with yours?")
    console.presses("b").sees("My call", "No call.")
    desk.sees(second, "transferred")
    desk.sees(first, "parked")


def test_esc_stops_what_is_being_dialled(opens: Opens, anna: Agent, outside: Phone, desk: Desk):
    outside.stays_silent()
    console = opens(anna).signs_in()
    console.presses("d").types("1142").presses("Enter").sees("My call", "to 1142", "ringing there")
    console.presses("Escape").sees("My call", "No call.").sees("Recent", "not answered")
    desk.sees_nothing()


def test_keys_are_verbs_from_the_moment_she_has_dialled(
    opens: Opens, anna: Agent, outside: Phone, desk: Desk
):
    """Her phone and the other one ring before the request has its answer."""
    outside.stays_silent()
    console = opens(anna).signs_in()
    held: list[tuple[Route, APIResponse]] = []
    console.page.route("**/call/originate", lambda route: held.append((route, route.fetch())))
    console.presses("d").types("1142").presses("Enter").sees("My call", "to 1142", "ringing there")
    console.presses("Escape").sees("My call", "No call.").sees("Recent", "not answered")
    desk.sees_nothing()
    ((route, answer),) = held
    route.fulfill(response=answer)


def test_a_number_that_could_not_be_dialled_is_back_in_its_field(opens: Opens, anna: Agent):
    anna.phone.is_busy()
    console = opens(anna).signs_in()
    field = console.page.get_by_label("Name or number")
    console.presses("d").types("1142").presses("Enter").sees("Dial", "Your phone is busy.")
    expect(field).to_have_value("1142")
    expect(field).to_be_focused()
    anna.phone.answers()


def test_a_refusal_is_one_sentence_where_she_looks_and_goes_by_itself(
    opens: Opens, a_caller: Callers, anna: Agent
):
    anna.phone.is_busy()
    console = opens(anna)
    console.page.clock.install()
    console.signs_in()
    a_caller.waits()
    console.sees_rows("Queue", 1).presses("1")
    console.sees("Queue", "Your phone is busy.").hears("Your phone is busy.")
    console.page.clock.fast_forward(8_000)
    expect(console.box("Queue")).not_to_contain_text("Your phone is busy.")
    anna.phone.answers()


def test_buttons_are_there_for_what_is_allowed_and_for_nothing_else(
    opens: Opens, a_caller: Callers, anna: Agent, outside: Phone
):
    def buttons(title: str) -> list[str]:
        shown = console.box(title).get_by_role("button").all()
        return [re.sub(r"\s+\S+$", "", button.inner_text()) for button in shown]

    console = opens(anna).signs_in()
    assert buttons("My call") == []
    a_caller.wait_in_turn(2)
    console.sees_rows("Queue", 2)
    expect(console.box("Queue").get_by_role("button", name="Pick up")).to_have_count(2)
    console.presses("Space").sees("My call", "speaking")
    expect(console.box("Queue").get_by_role("button")).to_have_count(0)
    assert buttons("My call") == ["Hold", "End"]
    console.presses("p").sees_rows("On hold", 1)
    expect(console.box("On hold").get_by_role("button", name="Connect")).to_have_count(0)
    console.presses("d").types("1142").presses("Enter").sees("My call", "to 1142", "speaking")
    expect(console.box("On hold").get_by_role("button", name="Connect")).to_be_visible()
    assert buttons("My call") == ["Hold", "Connect", "End"]


def test_a_pause_in_a_conversation_is_shown_and_can_be_taken_back(
    opens: Opens, a_caller: Callers, anna: Agent
):
    console = opens(anna).signs_in()
    a_caller.wait_in_turn(2)
    console.sees_rows("Queue", 2).presses("Space").sees("My call", "speaking")
    pause = console.page.locator("#pause-label")
    for reason in ("", "lunch"):
        console.presses("w").types(reason).presses("Enter").hears("You are paused.")
        expect(pause).to_have_text("Come back")
        console.presses("w").hears("You are back.")
        expect(pause).to_have_text("Pause")
    console.presses("w", "Enter").hears("You are paused.")

    # It holds after the call: the next one is not offered, and why is a sentence.
    console.presses("e").sees("My call", "You are paused.")
    expect(console.page.locator("#me-state")).to_have_text("paused")
    expect(console.box("Queue").get_by_role("button", name="Next call")).to_have_count(0)
    expect(console.box("Queue").get_by_role("button", name="Pick up")).to_have_count(1)
    console.presses("Space").sees("Queue", "You are paused: come back, or choose a caller.")
    console.presses("w").hears("You are back.")
    expect(console.box("Queue").get_by_role("button", name="Next call")).to_be_visible()


def test_a_pause_in_a_conversation_outlasts_a_reload(
    opens: Opens, a_caller: Callers, anna: Agent, bente: Agent
):
    console, colleague = opens(anna).signs_in(), opens(bente).signs_in()
    a_caller.waits()
    console.sees_rows("Queue", 1).presses("Space").sees("My call", "speaking")
    label, state = console.page.locator("#pause-label"), console.page.locator("#me-state")
    for reason, said in (("", "speaking, then paused"), ("lunch", "speaking, then paused (lunch)")):
        console.presses("w").types(reason).presses("Enter").hears("You are paused.")
        console.page.reload()
        console.is_connected()
        expect(label).to_have_text("Come back")
        expect(state).to_have_text(said)
        colleague.sees("Colleagues", said)
        console.presses("w").hears("You are back.")
        expect(state).to_have_text("speaking")


def test_how_long_her_phone_rings_is_not_how_long_the_caller_waits(
    opens: Opens, a_caller: Callers, anna: Agent
):
    anna.phone.stays_silent()
    console = opens(anna).signs_in()
    a_caller.waits()
    console.sees_rows("Queue", 1)
    expect(console.rows("Queue").locator(".age")).to_have_text(re.compile("0:0[3-9]"))
    console.presses("Space").sees("My call", "your phone rings")
    expect(console.page.locator("#call-age")).to_have_text(re.compile("0:0[01]"))
    console.presses("e").sees("My call", "No call.")
    anna.phone.answers()
