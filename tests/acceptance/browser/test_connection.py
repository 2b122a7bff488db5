"""The connection: lost and regained, and never an old picture taken for a true one."""

from playwright.sync_api import Route

from ..actors import Agent, Callers, Desk
from ..app import App
from ..wait import wait_until
from .conftest import Opens
from .console import expect


def test_lost_and_regained_in_mid_call(
    opens: Opens, a_caller: Callers, anna: Agent, bente: Agent, desk: Desk
):
    console = opens(anna).signs_in()
    caller = a_caller.waits(name="Mrs. Lund")
    other = a_caller.waits(name="Mr. Friis")
    console.sees_rows("Queue", 2).presses("1").sees("My call", "Mrs. Lund", "speaking")

    console.page.context.set_offline(True)
    console.is_not_connected().hears("No connection to the server.")
    # The last picture stays, but nothing can be done with it.
    console.sees("My call", "Mrs. Lund").sees_rows("Queue", 1)
    expect(console.page.locator("body")).to_have_class("lost")
    expect(console.box("My call").get_by_role("button")).to_have_count(0)
    console.presses("e").sees("My call", "Not connected")

    # Meanwhile the world goes on.
    bente.picks_up(other)
    a_caller.waits(name="Haven Garage")
    anna.parks(caller)

    console.page.context.set_offline(False)
    console.is_connected().hears("The picture is true.")
    expect(console.page.locator("#banner")).to_be_hidden()
    console.sees("On hold", "Mrs. Lund").sees("My call", "No call.")
    console.sees("Queue", "Haven Garage").sees_rows("Queue", 1)
    console.presses("Shift+A").sees("My call", "Mrs. Lund", "speaking")
    anna.speaks_with(caller)


def test_the_app_is_restarted_under_a_conversation(
    opens: Opens, a_caller: Callers, anna: Agent, app: App
):
    console = opens(anna).signs_in()
    a_caller.waits(name="Mrs. Lund")
    console.presses("Space").sees("My call", "Mrs. Lund", "speaking")
    app.stop()
    console.is_not_connected().sees("My call", "Mrs. Lund")
    app.start()
    console.is_connected().sees("My call", "Mrs. Lund", "speaking")
    console.presses("e").sees("My call", "No call.")


def test_a_silent_connection_is_lost_when_its_signs_of_life_are_missing(opens: Opens, anna: Agent):
    console = opens(anna)
    console.page.clock.install()
    console.signs_in()
    console.page.route("**/events", lambda route: route.abort())
    # The page's clock runs ahead while the server's signs of life keep their pace.
    console.page.clock.fast_forward(40_000)
    console.is_not_connected()
    console.page.unroute("**/events")
    console.page.clock.fast_forward(40_000)
    console.hears("Connected. The picture is true.").is_connected()


def test_a_void_token_ends_the_session_and_says_so(opens: Opens, anna: Agent):
    console = opens(anna).goes_there()
    console.types("no such token").presses("Enter")
    expect(console.page.get_by_role("alert").first).to_have_text("This token is not valid.")
    assert console.page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_the_token_is_kept_in_the_tab_and_nowhere_else(opens: Opens, anna: Agent):
    console = opens(anna)
    asked: list[str] = []
    console.page.on("request", lambda request: asked.append(request.url))
    console.signs_in()
    token = anna.client.token
    assert console.page.evaluate("sessionStorage['fsapp.token']") == token
    assert console.page.evaluate("JSON.stringify(localStorage) + document.cookie") == "{}"
    assert not [url for url in asked if str(token) in url]
    console.page.reload()
    console.is_connected()


def test_two_agents_race_for_one_call(
    opens: Opens, a_caller: Callers, anna: Agent, bente: Agent, desk: Desk
):
    """Both ask for it before either is answered: one has it, the other one reads who."""
    caller = a_caller.waits(name="Mrs. Lund")
    consoles = [opens(agent).signs_in() for agent in (anna, bente)]
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    for console in consoles:
        console.page.route("**/call/pickup", hold)
        console.sees_rows("Queue", 1).presses("1")
    wait_until(lambda: consoles[0].page.evaluate("1") and len(held) == 2, promise="both have asked")
    for route in held:
        route.continue_()
    owner = desk.sees(caller, "speaking")["assigned_to"]
    winner, loser = consoles if owner == "anna" else reversed(consoles)
    winner.sees("My call", "Mrs. Lund", "speaking")
    loser.sees("Queue", f"{owner.title()} has that call.").sees("My call", "No call.")
    loser.sees_rows("Queue", 0)
