"""Calm: nothing moves under a pointer or a focus, and it fits the screen it is on."""

import pytest

from ..actors import Agent, Callers, Phone
from .conftest import Opens
from .console import Console, expect

SCREENS = {
    "desk": {"width": 1280, "height": 720},
    "large": {"width": 1920, "height": 1080},
    "zoomed to 200 %": {"width": 640, "height": 360},
    "phone on the counter": {"width": 320, "height": 640},
}


def overflow(console: Console) -> list[int]:
    """How many pixels there are to scroll, across and down."""
    seen: list[int] = console.page.evaluate(
        """() => {
          const all = document.documentElement;
          return [all.scrollWidth - innerWidth, all.scrollHeight - innerHeight];
        }"""
    )
    return seen


@pytest.mark.parametrize("path", ["/", "/wallboard"])
def test_it_fits_every_screen(opens: Opens, a_caller: Callers, anna: Agent, path: str):
    for _ in range(2):
        a_caller.waits(name="A caller with a name that does not want to end, of Nordlys & Sons A/S")
        anna.parks(anna.picks_up())
        a_caller.waits(name="Somebody-whose-name-has-not-a-single-blank-in-it-and-goes-on")
    console = opens(anna, path).signs_in()
    for name, size in SCREENS.items():
        console.page.set_viewport_size(size)  # type: ignore[arg-type]
        across, down = overflow(console)
        assert across <= 0, name
        assert down <= 0 or size["width"] < 960, name


def test_in_a_narrow_window_a_long_list_scrolls_by_itself(
    opens: Opens, a_caller: Callers, anna: Agent
):
    console = opens(anna).signs_in()
    console.page.set_viewport_size({"width": 320, "height": 640})
    a_caller.wait_in_turn(15)
    console.sees_rows("Queue", 15)
    queue = console.box("Queue").get_by_role("list")
    assert queue.evaluate("list => list.scrollHeight > list.clientHeight")
    assert console.box("Queue").evaluate("box => box.offsetHeight") <= 640
    # By keyboard, too, and there is a sign that there is more.
    expect(queue).to_have_attribute("tabindex", "0")
    expect(queue).to_have_attribute("data-more", "")
    queue.evaluate("list => list.scrollTo(0, list.scrollHeight)")
    expect(queue).not_to_have_attribute("data-more", "")


BOXES = ("My call", "Queue", "On hold", "Colleagues", "Dial", "Recent")
BUTTONS = ("park", "transfer", "end", "next", "pause", "help")


def test_the_boxes_stay_where_they_are(opens: Opens, a_caller: Callers, anna: Agent):
    """Whatever is in them, whatever is typed, whatever is said, and when the connection is lost."""

    def places() -> list[object]:
        return [console.box(title).bounding_box() for title in BOXES]

    console = opens(anna).signs_in()
    before = places()
    a_caller.wait_in_turn(9)
    console.sees_rows("Queue", 9).presses("Space").sees("My call", "speaking")
    assert places() == before
    console.presses("p").sees_rows("On hold", 1)
    assert places() == before
    console.presses("d").types("out")
    expect(console.page.get_by_role("option")).to_be_visible()
    assert places() == before
    console.types("zz")
    expect(console.page.locator("#dial-hint")).to_have_text("No contact begins with that.")
    console.presses("Enter").sees("Dial", "Choose a match, or type a number.")
    assert places() == before
    console.page.context.set_offline(True)
    console.is_not_connected()
    assert places() == before


def test_buttons_stay_where_they_are_whatever_is_said_beside_them(
    opens: Opens, a_caller: Callers, anna: Agent
):
    """A pause, a refusal and a lost connection move nothing from under her pointer."""

    def places() -> list[object]:
        return [console.page.locator(f"#{button}").bounding_box() for button in BUTTONS]

    console = opens(anna).signs_in()
    pause = console.page.locator("#pause-label")
    a_caller.waits()
    console.sees_rows("Queue", 1).presses("Space").sees("My call", "speaking")
    before = places()
    assert None not in before
    console.presses("w").types("lunch").presses("Enter")
    expect(pause).to_have_text("Come back")
    assert places() == before
    console.presses("w")
    expect(pause).to_have_text("Pause")
    console.presses("t").sees("My call", "Nobody is on hold")
    assert places() == before
    console.page.context.set_offline(True)
    console.is_not_connected()
    assert places() == before


def test_matches_are_there_while_she_is_in_the_field(opens: Opens, anna: Agent, outside: Phone):
    console = opens(anna).signs_in()
    option = console.page.get_by_role("option")
    field = console.page.get_by_label("Name or number")
    console.presses("d").types("out")
    expect(option).to_be_visible()
    expect(field).to_have_attribute("aria-expanded", "true")
    console.presses("Tab")
    expect(option).to_be_hidden()
    expect(field).to_have_attribute("aria-expanded", "false")
    console.presses("Shift+Tab")
    expect(option).to_be_visible()
    option.click()
    console.sees("My call", "to Outside · 1142", "speaking")
    console.presses("e").sees("My call", "No call.")


def test_a_row_stays_under_the_pointer_until_it_has_left(
    opens: Opens, a_caller: Callers, anna: Agent, bente: Agent
):
    console = opens(anna).signs_in()
    first, second = a_caller.waits(name="First"), a_caller.waits(name="Second")
    console.sees_rows("Queue", 2)
    rows = console.rows("Queue")
    rows.nth(1).hover()
    place = rows.nth(1).bounding_box()
    bente.picks_up(first)
    expect(rows.nth(0)).to_have_class("waiting gone")
    a_caller.waits(name="Third")
    console.sees_rows("Queue", 3)
    assert rows.nth(1).bounding_box() == place
    expect(rows.nth(1)).to_contain_text("Second")
    console.box("My call").hover()
    console.sees_rows("Queue", 2)
    assert second.is_on_the_line()


def test_a_number_pressed_as_the_queue_moves_means_who_had_it(
    opens: Opens, a_caller: Callers, anna: Agent, bente: Agent
):
    """She read 2, the first caller was taken, she presses 2: the third caller is not meant."""
    console = opens(anna).signs_in()
    callers = a_caller.wait_in_turn(3)
    console.sees_rows("Queue", 3)
    console.page.wait_for_function(
        """() => new Promise((done) => setTimeout(() => done(true), 800))"""
    )
    bente.picks_up(callers[0])
    console.sees_rows("Queue", 2).presses("2").sees("My call", "speaking")
    anna.speaks_with(callers[1])


def test_the_focus_stays_where_it_is(opens: Opens, a_caller: Callers, anna: Agent, bente: Agent):
    console = opens(anna).signs_in()
    caller = a_caller.waits()
    console.sees_rows("Queue", 1)
    button = console.box("Queue").get_by_role("button", name="Pick up")
    button.focus()
    bente.picks_up(caller)
    expect(console.rows("Queue")).to_have_class("waiting gone")
    expect(button).to_be_focused()
    expect(button).to_be_disabled()
    console.presses("Tab").sees_rows("Queue", 0)


def test_a_button_pressed_by_pointer_leaves_the_keys_and_the_list_free(
    opens: Opens, a_caller: Callers, anna: Agent
):
    console = opens(anna).signs_in()
    first, second = a_caller.waits(name="First"), a_caller.waits(name="Second")
    console.sees_rows("Queue", 2).rows("Queue").nth(0).get_by_role("button").click()
    console.sees("My call", "First", "speaking")
    gone = console.rows("Queue").nth(0)
    expect(gone).to_have_class("waiting gone")
    expect(gone.locator(".number")).to_have_text("")
    console.box("My call").hover()
    console.sees_rows("Queue", 1)
    console.box("My call").get_by_role("button", name="End").click()
    first.is_cut_off()
    console.sees("My call", "No call.").presses("Space").sees("My call", "Second", "speaking")
    anna.speaks_with(second)


def test_no_row_is_smaller_than_what_is_in_it(opens: Opens, a_caller: Callers, anna: Agent):
    console = opens(anna).signs_in()
    for _ in range(4):
        a_caller.waits(name="A caller with a name that does not want to end")
        anna.parks(anna.picks_up())
    console.sees_rows("On hold", 4)
    for row in console.rows("On hold").all():
        assert row.evaluate("row => row.scrollHeight - row.clientHeight") <= 0
