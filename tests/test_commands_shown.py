"""Every command the documentation shows is typed by a test, or the table says why not.

The law of this file: commands stand in fences marked ``sh`` (typed as they are) or ``console``
(with what they print; the lines after ``$`` are typed). Whoever adds one adds its line to PLACES.
"""

import itertools
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlite_utils
import yaml

from fsapp import cli
from fsapp.store.schema import MIGRATIONS

from .ports import free_address
from .shell import Shell, stub
from .shown import DOCUMENTS, ROOT, Block, blocks

SHELLS = ("sh", "console")
PROGRAMS = [
    "apt-get",
    "curl",
    "docker",
    "fs_cli",
    "fsapp",
    ".venv/bin/fsapp",
    "git",
    "make",
    "pip",
    "python",
    "python3",
    "sipp",
    "sqlite3",
    "systemctl",
]
COMMANDS = re.compile(rf"^(\$ )?({'|'.join(map(re.escape, PROGRAMS))})\s", re.MULTILINE)


class Why(str):
    """Why a block is not typed; what is looked at instead."""


class Elsewhere(str):
    """The test file that types it."""


Scene = Callable[[list[Block], Path], None]


def first_shift(shown: list[Block], directory: Path) -> None:
    """An agent's first calls, at the demo's desk."""
    with at_the_demo(directory) as (shell, url, tokens):
        start, transfer, pickup, events = (typed(block, url) for block in shown)
        shell.run(f"{as_agent(tokens[0])}\n{until(f'{url}/call/queue', 'queued')}")
        # The demo's colleague has another number.
        shift = start.replace("TOKEN=…", f"TOKEN={tokens[0]}").replace("=1002", "=1142")
        answers = shell.run(shift).replace(" ", "")
        assert re.findall(r'"status":"(\w+)"', answers) == [
            "success",
            "success",
            "onhold",
            "success",
        ]
        shell.run(until(f"{url}/agent", '"state":"speaking"'))
        assert '"destination_call"' in shell.run(transfer)
        shell.run(f"{as_agent(tokens[1])}\n{until(f'{url}/call/queue', 'queued')}")
        assert '"state":"speaking"' in shell.run(pickup).replace(" ", "")
        heard = shell.run(events.replace("curl", "timeout 3 curl -s") + " || [ $? = 124 ]")
        assert "event: calls\n" in heard


def as_agent(token: str) -> str:
    return f'export TOKEN={token}; desk() {{ curl -s -H "Authorization: Bearer $TOKEN" "$@"; }}'


def until(url: str, words: str) -> str:
    return f"until desk {url} | tr -d ' ' | grep -q '{words}'; do sleep 0.1; done"


@contextmanager
def at_the_demo(directory: Path) -> Iterator[tuple[Shell, str, list[str]]]:
    """A shell beside a running demo, its address and both agents' tokens."""
    addresses = {
        f"FSAPP_{name}": free_address()
        for name in ("HTTP_LISTEN", "OUTBOUND_LISTEN", "CONTROL_ADDRESS")
    }
    with Shell(directory, {**in_path(), **addresses}) as shell:
        shell.run("fsapp demo --calls-per-minute 120 > demo.txt &")
        url = f"http://{addresses['FSAPP_HTTP_LISTEN']}"
        shell.run(f"until curl -s -o /dev/null {url}/healthz; do sleep 0.1; done")
        shell.run("until grep -q 'Callers arrive' demo.txt; do sleep 0.1; done")
        tokens = re.findall(r"token (\S+)", (directory / "demo.txt").read_text("utf-8"))
        yield shell, url, tokens


def in_path(*before: Path) -> dict[str, str]:
    """``fsapp`` is the one under test."""
    places = [*map(str, before), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {"PATH": os.pathsep.join(places), "PYTHONUNBUFFERED": "1"}


def typed(block: Block, url: str) -> str:
    """What is typed of a block, with the address of what runs here."""
    lines = block.text.splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return "\n".join(lines).replace("http://127.0.0.1:4242", url)


INSTALL = """
words=
while [ $# -gt 0 ]; do case "$1" in -o|-g) shift 2;; *) words="$words $1"; shift;; esac; done
exec /usr/bin/install $words
"""
"""The real one, but for the owner, whom this machine does not have."""


def as_a_service(shown: list[Block], directory: Path) -> None:
    """A service is installed below a directory, started as its unit says, looked at, backed up."""
    root, bin_ = directory / "root", directory / "bin"
    (root / "etc/systemd/system").mkdir(parents=True)
    useradd, systemctl = stub(bin_, "useradd"), stub(bin_, "systemctl")
    stub(bin_, "install", INSTALL)
    stub(bin_, "runuser", 'shift 3; exec "$@"')
    control, outbound, http = (free_address() for _ in range(3))
    addresses = {
        "FSAPP_HTTP_LISTEN": http,
        "FSAPP_OUTBOUND_LISTEN": outbound,
        "FSAPP_CONTROL_ADDRESS": control,
    }
    install, look, backup = (below(root, block) for block in shown)
    with Shell(ROOT, {**in_path(bin_), **addresses}) as shell:
        shell.run(install)
        assert "fsapp" in useradd.read_text("utf-8")
        assert systemctl.read_text("utf-8") == "daemon-reload\nenable --now fsapp\n"
        unit = (root / "etc/systemd/system/fsapp.service").read_text("utf-8")
        command = re.findall(r"^ExecStart=/opt/fsapp/\.venv/bin/(.*)$", unit, re.MULTILINE)[0]
        settings = f"{root}/etc/fsapp/fsapp.toml"
        lab = f"--control {control} --outbound {outbound} --dialplan dialplan --stream moh"
        shell.run(f"python -m fsapp.lab {lab} --phone 1101=answers > {directory}/lab.txt &")
        shell.run(f"fsapp agent add anna --name Anna --phone user/1101 --config {settings}")
        shell.run(f"{command.replace('/etc/fsapp/fsapp.toml', settings)} 2> {directory}/log &")
        shell.run(f"until curl -sf -o /dev/null http://{http}/readyz; do sleep 0.1; done")
        seen = shell.run(look)
        assert re.search(r"^anna +Anna +user/1101 ", seen, re.MULTILINE)
        assert "nothing must be mended" in seen
        assert ", checked: " in shell.run(backup)
        copy = f"FSAPP_DATABASE_PATH={root}/var/lib/fsapp/backup.db fsapp agent list"
        assert "anna" in shell.run(f"{copy} --config {settings}")


def and_back(shown: list[Block], directory: Path) -> None:
    """A database is brought up to date by the first command that opens it, and put back."""
    (back,) = shown
    root, bin_ = directory / "root", directory / "bin"
    path = root / "var/lib/fsapp/fsapp.db"
    path.parent.mkdir(parents=True)
    systemctl = stub(bin_, "systemctl")
    with closing(sqlite_utils.Database(sqlite3.connect(path))) as older:
        MIGRATIONS.apply(older, stop_before="0010_history")
    with Shell(directory, {**in_path(bin_), "FSAPP_DATABASE_PATH": str(path)}) as shell:
        shell.run("fsapp agent list")
        with closing(sqlite_utils.Database(sqlite3.connect(path))) as newer:
            assert MIGRATIONS.pending(newer) == []
        shell.run(below(root, back))
    assert systemctl.read_text("utf-8") == "stop fsapp\n"
    with closing(sqlite_utils.Database(sqlite3.connect(path))) as older:
        assert MIGRATIONS.pending(older)[0].name == "0010_history"


def upgraded(shown: list[Block], directory: Path) -> None:
    """A checkout is brought to its newest version, what has changed in the dialplan is shown; and
    back."""
    upgrade, back = (below(directory / "root", block) for block in shown)
    root, bin_, origin = directory / "root", directory / "bin", directory / "origin"
    for folder in ("opt", "var/lib/fsapp", "etc/systemd/system"):
        (root / folder).mkdir(parents=True)
    systemctl, uv = stub(bin_, "systemctl"), stub(bin_, "uv")
    for name in ("conf", "dialplan"):
        shutil.copytree(ROOT / name, origin / name)
    shutil.copyfile(ROOT / "Makefile", origin / "Makefile")
    dialplan = root / "opt/fsapp/dialplan/fsapp_inbound.xml"
    unit = root / "etc/systemd/system/fsapp.service"
    commit = "git add -A && git -c user.name=us -c user.email=us@example.invalid commit -qm"
    newer = "<!-- as it will be -->"
    with Shell(origin, in_path(bin_)) as shell:
        shell.run(f"git init -q . && {commit} older")
        shell.run(f"git clone -q . {root}/opt/fsapp")
        shell.run(f"echo '{newer}' >> dialplan/fsapp_inbound.xml")
        shell.run(f"echo '# newer' >> conf/fsapp.service && {commit} newer")
        said = shell.run(upgrade)
        assert f"+{newer}" in said
        assert newer in dialplan.read_text("utf-8")
        assert systemctl.read_text("utf-8") == "daemon-reload\nrestart fsapp\n"
        assert unit.read_text("utf-8").endswith("# newer\n")
        shell.run(back)
    assert newer not in dialplan.read_text("utf-8")
    assert systemctl.read_text("utf-8").endswith("start fsapp\n")
    assert uv.read_text("utf-8") == 2 * "sync --quiet\n"


def as_an_operator(shown: list[Block], directory: Path) -> None:
    """An operator gets an agent of her own, and looks at what is."""
    (look,) = shown
    http = free_address()
    settings = {
        "FSAPP_HTTP_LISTEN": http,
        "FSAPP_OUTBOUND_LISTEN": free_address(),
        "FSAPP_CONTROL_ADDRESS": free_address(),
    }
    with Shell(directory, {**in_path(), **settings}) as shell:
        shell.run("fsapp serve 2> log.txt &")
        shell.run(f"until curl -s -o /dev/null http://{http}/healthz; do sleep 0.1; done")
        assert shell.run(look.text) == "Nobody waits.\n"
        assert f"fsapp http://{http}  as Operator " in shell.run("fsapp top --once")


def with_a_scraper(shown: list[Block], directory: Path) -> None:
    """A token is made for Prometheus, and what it reads is read."""
    root, bin_ = directory / "root", directory / "bin"
    (root / "etc").mkdir(parents=True)
    stub(bin_, "install", INSTALL)
    make, read = (below(root, block) for block in shown)
    http = free_address()
    settings = {
        "FSAPP_HTTP_LISTEN": http,
        "FSAPP_OUTBOUND_LISTEN": free_address(),
        "FSAPP_CONTROL_ADDRESS": free_address(),
        "FSAPP_METRICS_TOKEN_FILE": f"{root}/etc/fsapp-metrics.token",
    }
    with Shell(directory, {**in_path(bin_), **settings}) as shell:
        shell.run(make)
        shell.run("fsapp serve 2> log.txt &")
        shell.run(f"until curl -s -o /dev/null http://{http}/healthz; do sleep 0.1; done")
        assert "# TYPE fsapp_calls gauge" in shell.run(read.replace("127.0.0.1:4242", http))


def below(root: Path, block: Block) -> str:
    """A block with the machine's folders below ``root``."""
    return re.sub(r"(?<![\w.])/(etc|var/lib|opt/fsapp)(?=[/ ])", rf"{root}/\1", block.text)


BEARER = '"Authorization: Bearer $TOKEN"'
HELD = """HELD=$(desk $URL/agent | sed -n 's/.*"parked_calls": *\\["\\([^"]*\\)".*/\\1/p')"""
CONFIG = "/etc/fsapp/fsapp.toml"
TOKEN_FILE = "/etc/fsapp-metrics.token"
SCRAPE = f'-H "Authorization: Bearer $(cat {TOKEN_FILE})" http://127.0.0.1:4242/metrics'
USERADD = "useradd --system --home-dir /var/lib/fsapp --shell /usr/sbin/nologin fsapp"
BACKUP = f"runuser -u fsapp -- fsapp backup --force /var/lib/fsapp/backup.db --config {CONFIG}"
OPERATOR = "agent add operator --name Operator --phone user/0 --role supervisor --organization 1"

BEFORE = '"$(cat /var/lib/fsapp/before-upgrade)"'

COMPOSE = "docker compose -f tests/lab/compose.yaml"
NO_ENGINE = Why("needs a container engine and images; tests/lab/test_compose.py looks at the files")

PLACES: dict[tuple[str, str], Scene | Why | Elsewhere] = {
    ("README.md", "make demo"): Why(
        "make test is what runs this test; tests/test_demo.py runs what make demo does"
    ),
    ("README.md", 'pip install "swig==3.0.12" setuptools wheel'): Why(
        "fetches from the package index and compiles for a minute"
    ),
    ("README.md", "export TOKEN=…"): first_shift,
    ("README.md", HELD): first_shift,
    ("docs/cli.md", f"export FSAPP_TOKEN=$(fsapp {OPERATOR})"): as_an_operator,
    ("docs/drill.md", "make drill"): Why(
        "five minutes long; tests/acceptance/test_drill.py runs it short"
    ),
    ("docs/http.md", f"$ curl -H {BEARER} -X POST http://127.0.0.1:4242/call/pickup"): first_shift,
    ("docs/http.md", f"$ curl -N -H {BEARER} http://127.0.0.1:4242/events"): first_shift,
    ("docs/metrics.md", f"install -m 640 -o fsapp -g prometheus /dev/null {TOKEN_FILE}"): (
        with_a_scraper
    ),
    ("docs/metrics.md", f"curl -s {SCRAPE}"): with_a_scraper,
    ("docs/operations.md", USERADD): as_a_service,
    ("docs/operations.md", f"runuser -u fsapp -- fsapp agent list --config {CONFIG}"): as_a_service,
    ("docs/operations.md", BACKUP): as_a_service,
    ("docs/upgrade.md", "cd /opt/fsapp &&"): upgraded,
    ("docs/upgrade.md", f"git -C /opt/fsapp checkout --detach {BEFORE} &&"): upgraded,
    ("docs/upgrade.md", "systemctl stop fsapp"): and_back,
    ("docs/operations.md", "docker build --file conf/Dockerfile --tag fsapp ."): NO_ENGINE,
    ("docs/lab.md", f"{COMPOSE} up --build --detach"): NO_ENGINE,
    ("docs/lab.md", f"{COMPOSE} exec fsapp fsapp doctor --ring-phones"): NO_ENGINE,
    ("docs/lab.md", f"{COMPOSE} run --build --rm acceptance"): NO_ENGINE,
    ("docs/soak.md", "make soak"): Why("hours long; tests/soak/ has its short form"),
    **{
        (block.document, block.first): Elsewhere("tests/acceptance/test_start_guide.py")
        for block in blocks("docs/start.md")
        if block.language in SHELLS
    },
}
"""By document and first line. Blocks of one scene are typed in the order they stand here."""

ALL = [block for document in DOCUMENTS for block in blocks(document)]
SHOWN = {(block.document, block.first): block for block in ALL if block.language in SHELLS}


def test_every_block_has_its_place() -> None:
    missing = [f"{b.document}:{b.line}: {b.first}" for key, b in SHOWN.items() if key not in PLACES]
    assert not missing, "say in PLACES how it is typed, or why not"
    assert not set(PLACES) - set(SHOWN), "no longer shown"
    twice = Counter((b.document, b.first) for b in ALL if b.language in SHELLS)
    assert [key for key, count in twice.items() if count > 1] == [], "begin alike: one is not typed"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_command_hides_in_a_fence_of_another_kind(document: str) -> None:
    for block in blocks(document):
        if block.language not in SHELLS:
            assert not COMMANDS.search(block.text), f"{document}:{block.line}"


def scenes() -> dict[Scene, list[Block]]:
    found: dict[Scene, list[Block]] = {}
    for key, place in PLACES.items():
        if callable(place) and key in SHOWN:
            found.setdefault(place, []).append(SHOWN[key])
    return found


@pytest.mark.parametrize(
    ("scene", "shown"), scenes().items(), ids=[scene.__name__ for scene in scenes()]
)
def test_what_is_shown_works(scene: Scene, shown: list[Block], tmp_path: Path) -> None:
    missing = [name for name in ("bash", "curl", "git") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    scene(shown, tmp_path)


def in_containers(words: list[str]) -> bool:
    """A line of docker's: files and services that there are, and commands of ours in them."""
    if words[:1] != ["docker"]:
        return False
    named = [word for flag, word in itertools.pairwise(words) if flag in ("-f", "--file")]
    assert all((ROOT / name).is_file() for name in named)
    services = yaml.safe_load((ROOT / "tests/lab/compose.yaml").read_text("utf-8"))["services"]
    verb = next(
        (place for place, word in enumerate(words) if word in ("exec", "run", "logs")), None
    )
    if verb is not None and "compose" in words:
        service = next(word for word in words[verb + 1 :] if not word.startswith("-"))
        assert service in services
    if verb is not None and words[verb] == "exec":
        ours = words[verb + 2 :]
        assert ours[0] == "fsapp"
        cli.parser().parse_args(ours[1:])
    return True


def by_pip(words: list[str]) -> bool:
    """A line of pip's: what pyproject.toml says python-ESL is built with, or this folder."""
    if words[:2] != ["pip", "install"]:
        return False
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]
    built_with = needed["extra-build-dependencies"]["python-ESL"]
    given = {word for word in words[2:] if not word.startswith("-")}
    assert given in ({"."}, {*built_with, "wheel"})
    return True


NOT_TYPED = [SHOWN[key] for key, place in PLACES.items() if isinstance(place, Why) and key in SHOWN]


@pytest.mark.parametrize(
    "block", NOT_TYPED, ids=lambda block: f"{block.document}:{block.first[:20]}"
)
def test_what_is_not_typed_exists_at_least(block: Block) -> None:
    """Make's targets, files, the lab's services, and the options of our own programs."""
    for line in block.text.replace("\\\n", " ").splitlines():
        command = re.sub(r"^(\w+=\S+ )*|\s*(#.*|&&)$", "", line)
        looked_at = [look(shlex.split(command)) for look in (in_containers, by_pip)]
        assert any(looked_at) or command.startswith(("make ", "python -m ")), command
        if command.startswith("make "):
            subprocess.run(
                ["make", "-n", *command.split()[1:]], cwd=ROOT, check=True, capture_output=True
            )
        if (program := re.match(r"python -m (tests\.\w+)", command)) is not None:
            help_ = [sys.executable, "-m", program[1], "--help"]
            done = subprocess.run(help_, cwd=ROOT, check=True, capture_output=True, text=True)
            for option in re.findall(r"--[\w-]+", command):
                assert option in done.stdout


@pytest.mark.parametrize(
    "path", sorted({place for place in PLACES.values() if isinstance(place, Elsewhere)})
)
def test_what_is_typed_elsewhere_is(path: str) -> None:
    assert "typed" in (ROOT / path).read_text("utf-8")
