"""One switch a session, one app beside it, and an empty desk before and after each test."""

import wave
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from .actors import Agent, Callers, Desk, Phone
from .app import App, AppKeeper, Settings
from .doctor_stage import Stage, build
from .forked import Forked
from .switches.base import Switch, SwitchUnavailable
from .wait import wait_until

EXTENSIONS = {
    "anna": "1101",
    "bente": "1102",
    "carl": "1103",
    "dora": "1104",
    "emil": "1105",
    "frida": "1106",
    "gerd": "1107",
    "hans": "1108",
    "ida": "1109",
    "jens": "1110",
    "kari": "1111",
    "olga": "1120",
    "bodil": "1121",
    "ghost": "1199",
    "watch": "1190",
}
"""The agents and their phones; nothing exists at the extension of ``ghost``."""

ORGANIZATIONS = {"olga": frozenset({2}), "watch": frozenset({1, 2}), "bodil": frozenset({1, 2})}
"""Whom they serve; everybody else serves organization 1 only."""

CONTACTS = "cm_id,name,number,organization_id\n42,Outside,1142,1\n43,Elsewhere,1142,2\n"
"""Contact methods; both lead to the outside party."""

RING_TIMEOUT = 20
"""Phones ring on and on: one that stops has been stopped."""
IDLE_TIMEOUT = 8
LONGEST = (
    "test_openapi.py",
    "test_doctor_spoiled.py",
    "test_shift.py",
    "test_network_faults.py",
    "test_security.py",
    "test_recall.py",
    "test_crash.py",
    "test_drill.py",
    "test_calm.py",
    "test_switch_away.py",
    "test_accessibility.py",
    "test_slow_phone.py",
)
"""Files of 75 to 25 seconds on the lab switch, eight beside each other; the longest first."""
PLACE = {name: place for place, name in enumerate(LONGEST)}
SOUNDS = {"greeting": 1.5, "music": 0.5, "announcement": 0.5}
"""The suite's sound files and how long they are, in seconds."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--switch",
        choices=("lab", "freeswitch", "running"),
        default="lab",
        help="the switch the acceptance suite runs on (default: lab)",
    )
    parser.addoption(
        "--at-length",
        action="store_true",
        help="also the faults that last as long as in real life (make soak)",
    )
    parser.addoption(
        "--screenshots",
        type=Path,
        metavar="DIRECTORY",
        help="pictures of every view of the console and the wallboard, light and dark, two sizes",
    )
    parser.addoption(
        "--embedded",
        action="store_true",
        help="run the app inside FreeSWITCH instead of beside it (needs --switch=freeswitch)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "lab_only(reason): cannot be staged on a real FreeSWITCH, for this reason"
    )
    config.addinivalue_line(
        "markers", "freeswitch_only(reason): the lab switch cannot show it, for this reason"
    )
    config.addinivalue_line(
        "markers", "at_length(seconds): lasts so long; a shorter form of it runs every time"
    )
    if is_embedded(config) and chosen_switch(config) != "freeswitch":
        raise pytest.UsageError("--embedded needs --switch=freeswitch")
    # No skip is silent: the summary says why.
    config.option.reportchars += "s"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that nobody waits for it in the end. Modules that want
    the same settings come together: others cost a restart of the app."""
    here = Path(__file__).parent
    places = [place for place, item in enumerate(items) if here in item.path.parents]
    mine = [items[place] for place in places]
    mine.sort(
        key=lambda item: (
            PLACE.get(item.path.name, len(LONGEST)),
            str(wanted_settings(getattr(item, "module", None)) or ""),
        )
    )
    for place, item in zip(places, mine, strict=True):
        item.add_marker("acceptance")
        items[place] = item


def wanted_settings(module: object) -> Settings:
    """What a test module wants otherwise than the rest."""
    settings: Settings = getattr(module, "SETTINGS", {})
    return settings


def pytest_runtest_setup(item: pytest.Item) -> None:
    marker = item.get_closest_marker("lab_only")
    if marker is not None and chosen_switch(item.config) != "lab":
        pytest.skip(f"lab switch only: {marker.args[0]}")
    marker = item.get_closest_marker("at_length")
    if marker is not None and not item.config.getoption("at_length", False):
        pytest.skip(f"lasts {marker.args[0]} s: make soak, or --at-length")
    marker = item.get_closest_marker("freeswitch_only")
    if marker is not None and chosen_switch(item.config) == "lab":
        pytest.skip(f"real FreeSWITCH only: {marker.args[0]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what the app wrote meanwhile."""
    report = yield
    desk = getattr(item, "funcargs", {}).get("desk")
    if report.failed and desk is not None:
        report.sections.append(("the app's log", desk.app.new_log()[-10000:]))
    return report


def chosen_switch(config: pytest.Config) -> str:
    """The switch this run is about; pytest knows the option only if it was told this folder."""
    return str(config.getoption("switch", "lab"))


def skip_without_files(config: pytest.Config) -> None:
    """For tests that write a FreeSWITCH's configuration, and start it with that."""
    if chosen_switch(config) == "running":
        pytest.skip("a FreeSWITCH that runs already has its own files, which are not ours to spoil")


def is_embedded(config: pytest.Config) -> bool:
    """Whether the app runs inside FreeSWITCH."""
    return bool(config.getoption("embedded", False))


def make_switch(name: str, *, embedded: bool) -> Switch:
    if name == "lab":
        from .switches.lab import LabSwitch

        return LabSwitch()
    if name == "running":
        from .switches.running import RunningFreeSwitch

        return RunningFreeSwitch()
    from .switches.freeswitch import FreeSwitch

    return FreeSwitch(embedded=embedded)


def kind_of_app(switch: Switch, *, embedded: bool) -> type[App] | partial[App]:
    """What makes an app of a directory and settings."""
    if switch.name == "lab":
        return partial(App, begin=Forked)
    if not embedded:
        return App
    from .embedded import EmbeddedApp

    return partial(EmbeddedApp, switch)


@pytest.fixture(scope="session")
def switch(request: pytest.FixtureRequest) -> Iterator[Switch]:
    """The running switch; skips, saying why, when it cannot be run here."""
    try:
        made = make_switch(chosen_switch(request.config), embedded=is_embedded(request.config))
        made.start()
    except SwitchUnavailable as reason:
        # Asked for by name: a run that has tested nothing must not look like a good one.
        pytest.exit(f"no acceptance run: {reason}", 1)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A database with all agents and contact methods, and each agent's token."""
    from fsapp.calls.agent import Agent as Employee
    from fsapp.store.agents import Agents
    from fsapp.store.contacts import Contacts
    from fsapp.store.database import Database
    from fsapp.store.organizations import Organization, Organizations

    directory = tmp_path_factory.mktemp("prepared")
    contacts = directory / "contacts.csv"
    contacts.write_text(CONTACTS, encoding="utf-8")
    database = Database(directory / "desk.db")
    database.open()
    agents = Agents(database)
    tokens = {}
    for name, extension in EXTENSIONS.items():
        serves = ORGANIZATIONS.get(name, frozenset({1}))
        employee = Employee(name, name.title(), f"user/{extension}", organizations=serves)
        tokens[name] = agents.add(employee)
    Contacts(database).import_csv(contacts)
    Organizations(database).set(Organization(1, "Dr. Holm", "Good morning, Dr. Holm's practice"))
    database.close()
    return directory / "desk.db", tokens


@pytest.fixture(scope="session")
def keeper(
    switch: Switch,
    prepared: tuple[Path, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[AppKeeper]:
    """Keeps the app that the tests share."""
    basis: Settings = {
        "outbound": {"listen": switch.outbound_address},
        "control": {"address": switch.control_address, "password": switch.control_password},
        "phone": {"ring_timeout": RING_TIMEOUT, "idle_timeout": IDLE_TIMEOUT},
        "dial": {"ring_timeout": RING_TIMEOUT},
    }
    kind = kind_of_app(switch, embedded=is_embedded(request.config))
    keeping = AppKeeper(tmp_path_factory.mktemp("apps"), prepared[0], basis, kind)
    yield keeping
    keeping.discard()


@pytest.fixture(scope="module")
def settings(request: pytest.FixtureRequest) -> Settings:
    """What this module wants otherwise than the rest: its constant `SETTINGS`."""
    return wanted_settings(request.module)


@pytest.fixture(scope="session")
def roster(prepared: tuple[Path, dict[str, str]]) -> Iterator[dict[str, Agent]]:
    """Every agent, for the whole session, with her keep-alive connection."""
    _, tokens = prepared
    agents = {name: Agent(name, EXTENSIONS[name], tokens[name]) for name in EXTENSIONS}
    yield agents
    for agent in agents.values():
        agent.client.close()


@pytest.fixture(scope="module")
def stage(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sounds: dict[str, str],
) -> Iterator[Stage]:
    """A deployment of its own for `fsapp doctor`, which is right."""
    skip_without_files(request.config)
    try:
        built = build(
            tmp_path_factory.mktemp("stage"), chosen_switch(request.config), sounds["music"]
        )
    except SwitchUnavailable as reason:
        pytest.exit(f"no acceptance run: {reason}", 1)
    yield built
    built.stop()


@pytest.fixture
def app(desk: Desk) -> App:
    """The running app process."""
    return desk.app


@pytest.fixture
def desk(
    switch: Switch, keeper: AppKeeper, settings: Settings, roster: dict[str, Agent]
) -> Iterator[Desk]:
    """The watcher's desk; empty when the test begins, and the test has to leave it so."""
    app = keeper.with_settings(settings)
    app.test_begins()
    watching = Desk(app, switch, roster["watch"].client)
    for agent in roster.values():
        agent.comes_to_work(watching, switch)
    yield watching
    for agent in roster.values():
        agent.stops_listening()
    try:
        clear(watching, switch)
    except BaseException:
        # The next test shall not fail for what this one left behind.
        switch.reset()
        keeper.discard()
        raise


def clear(desk: Desk, switch: Switch) -> None:
    """Hang up everything; nothing may be left on the switch, at the desk or in the log."""
    switch.reset()
    for pending in desk.pending:
        pending.answer()
    desk.sees_no_channel(limit=10.0)
    desk.sees_nothing(limit=10.0)
    wait_until(
        desk.agents,
        lambda agents: all(is_at_rest(agent) for agent in agents),
        promise="no agent is stuck",
    )
    trouble = desk.app.trouble()
    assert not trouble, "\n".join(["in the app's log:", *trouble])


def is_at_rest(agent: dict[str, object]) -> bool:
    """Whether she has no call; paused or idle is her own affair."""
    stuck = agent["current_call"] or agent["parked_calls"]
    return not stuck and agent["state"] in ("idle", "paused", "offline")


@pytest.fixture
def a_caller(switch: Switch, desk: Desk) -> Callers:
    """`a_caller.calls("5900")`."""
    return Callers(switch, desk)


@pytest.fixture
def agents(desk: Desk, roster: dict[str, Agent]) -> Callable[[int], Sequence[Agent]]:
    """`agents(8)`: the first eight of organization 1."""
    return lambda count: [at_her_phone(agent) for agent in list(roster.values())[:count]]


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of short sound files by what they are heard as (switches/base.py)."""
    directory = tmp_path_factory.mktemp("sounds")
    return {name: write_tone(directory / f"{name}.wav", long) for name, long in SOUNDS.items()}


def write_tone(path: Path, seconds: float) -> str:
    """A WAV file of ``seconds`` with a hum in it; its path."""
    hum = array("h", (2000 if (step // 10) % 2 else -2000 for step in range(int(seconds * 8000))))
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(hum.tobytes())
    return str(path)


@pytest.fixture
def outside(switch: Switch, desk: Desk) -> Phone:
    """An outside party's phone."""
    return Phone(switch, "1142")


@pytest.fixture
def another_outside(switch: Switch, desk: Desk) -> Phone:
    """A second outside party's phone."""
    return Phone(switch, "1143")


def at_her_phone(agent: Agent) -> Agent:
    """The agent, her phone set up: a driver sets a phone up when first asked for it."""
    assert agent.phone.extension == agent.extension
    return agent


def _agent_fixture(name: str) -> Callable[..., Agent]:
    @pytest.fixture(name=name)
    def at_work(desk: Desk, roster: dict[str, Agent]) -> Agent:
        return at_her_phone(roster[name])

    return at_work


anna = _agent_fixture("anna")
bente = _agent_fixture("bente")
carl = _agent_fixture("carl")
olga = _agent_fixture("olga")
bodil = _agent_fixture("bodil")


@pytest.fixture
def ghost(desk: Desk, roster: dict[str, Agent]) -> Agent:
    """An agent at whose extension there is nothing, and never was."""
    return roster["ghost"]
