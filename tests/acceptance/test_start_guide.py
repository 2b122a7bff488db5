"""docs/start.md, typed as it stands, on a FreeSWITCH with its own example configuration.

What is otherwise than in the guide: the machine is not touched (packages, systemd), FreeSWITCH and
fsapp get ports of their own, all on loopback, and SIPp's phones stand for the reader's.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port, takes_datagrams

from ..shell import Shell, stub
from ..shown import ROOT, blocks
from .conftest import skip_without_files
from .switches.base import wait_until
from .switches.freeswitch import freeswitch_program
from .switches.guard import guarded, let_go

pytestmark = pytest.mark.freeswitch_only("the guide is about FreeSWITCH's own files and fs_cli")

SIPP = ROOT / "tests" / "lab" / "sipp"
GUIDE = [block.text for block in blocks("docs/start.md") if block.language == "sh"]
GET, PASSWORDS, DIALPLAN, PHONES, AGENT, DOCTOR, CALL = range(7)
LOADED = ("mod_signalwire", "mod_verto", "mod_rtc", "mod_av", "mod_enum", "mod_cdr_csv")
"""What would look for others, or write elsewhere: not loaded here."""


class Machine:
    """The machine of somebody who follows the guide, in a directory."""

    def __init__(self, directory: Path, program: Path, example: Path) -> None:
        self.directory = directory
        self.conf = directory / "freeswitch"
        self.bin = directory / "bin"
        names = ("http", "outbound", "control", "sip", "external", "phone", "media", "dial", "more")
        self.ports = {name: free_port() for name in names}
        self._program = program
        self._guarded: list[subprocess.Popen[bytes]] = []
        shutil.copytree(example, self.conf)
        self._on_loopback()
        control = self.ports["control"]
        stub(self.bin, "fs_cli", f'exec {program.with_name("fs_cli")} -P {control} "$@"')
        self.systemctl = stub(self.bin, "systemctl")
        self.app = directory / "fsapp"
        self.app.mkdir()
        for folder in ("conf", "dialplan"):
            shutil.copytree(ROOT / folder, self.app / folder)

    def _on_loopback(self) -> None:
        variables = self.conf / "vars.xml"
        text = variables.read_text("utf-8")
        text = re.sub(
            r'cmd="stun-set" data="(external_\w+)=[^"]*"', r'cmd="set" data="\1=127.0.0.1"', text
        )
        text = text.replace("internal_sip_port=5060", f"internal_sip_port={self.ports['sip']}")
        text = text.replace("external_sip_port=5080", f"external_sip_port={self.ports['external']}")
        own = {
            "local_ip_v4": "127.0.0.1",
            "fsapp_control_port": self.ports["control"],
            "fsapp_socket": f"127.0.0.1:{self.ports['outbound']}",
        }
        lines = [f'<X-PRE-PROCESS cmd="set" data="{name}={own[name]}"/>' for name in own]
        variables.write_text(
            text.replace("<include>", "\n".join(["<include>", *lines]), 1), "utf-8"
        )
        for profile in ("internal-ipv6.xml", "external-ipv6.xml"):
            (self.conf / "sip_profiles" / profile).unlink()
        self._change("sip_profiles/internal.xml", r'<param name="wss?-binding"[^>]*/>', "")
        self._change("autoload_configs/event_socket.conf.xml", '"::"', '"127.0.0.1"')
        control = f'"{self.ports["control"]}"'
        self._change("autoload_configs/event_socket.conf.xml", '"8021"', control)
        loaded = "|".join(LOADED)
        self._change("autoload_configs/modules.conf.xml", rf'<load module="({loaded})"/>', "")

    def _change(self, name: str, old: str, new: str) -> None:
        path = self.conf / name
        text = path.read_text("utf-8")
        assert re.search(old, text), f"{name} is not the example configuration's"
        path.write_text(re.sub(old, new, text), "utf-8")

    def environment(self) -> dict[str, str]:
        address = {name: f"127.0.0.1:{self.ports[name]}" for name in self.ports}
        here = [str(self.bin), str(Path(sys.executable).parent)]
        return {
            "PATH": os.pathsep.join([*here, os.environ["PATH"]]),
            "HOME": str(self.directory),
            "FSAPP_HTTP_LISTEN": address["http"],
            "FSAPP_OUTBOUND_LISTEN": address["outbound"],
            "FSAPP_CONTROL_ADDRESS": address["control"],
        }

    def typed(self, number: int) -> str:
        """A block of the guide, with this machine's places."""
        text = GUIDE[number].replace("127.0.0.1:4242", f"127.0.0.1:{self.ports['http']}")
        return text.replace("/etc/freeswitch", str(self.conf))

    def start_freeswitch(self) -> None:
        own = [word for kind in ("log", "db", "run") for word in (f"-{kind}", str(self.directory))]
        modules = self._program.parents[1] / "lib" / "freeswitch" / "mod"
        command = [str(self._program), "-nonat", "-nf", "-nc", "-conf", str(self.conf), *own]
        self._keep([*command, "-mod", str(modules)])

    def start_phone(self) -> None:
        """Phone 1000, which answers."""
        media = str(self.ports["media"])
        self._keep(self._sipp("phone", "phone", "-mp", media))
        wait_until("the phone listens", lambda: takes_datagrams(self.ports["phone"]))

    def register(self, user: str, password: str) -> None:
        address = f"127.0.0.1:{self.ports['phone']}"
        words = ["-s", user, "-au", user, "-ap", password, "-key", "phone", address, "-m", "1"]
        words += ["-key", "domain", "127.0.0.1", f"127.0.0.1:{self.ports['sip']}"]
        command = self._sipp("register", "more", *words)
        subprocess.run(command, cwd=self.directory, check=True, capture_output=True, timeout=20)

    def dial(self, user: str, password: str, number: str) -> None:
        words = ["-s", number, "-key", "user", user, "-au", user, "-ap", password, "-m", "1"]
        words += ["-key", "domain", "127.0.0.1", f"127.0.0.1:{self.ports['sip']}"]
        self._keep(self._sipp("phone_calls", "dial", *words))

    def _sipp(self, scenario: str, port: str, *words: str) -> list[str]:
        sockets = ["-i", "127.0.0.1", "-p", str(self.ports[port]), "-cp", str(free_port())]
        return ["sipp", "-sf", str(SIPP / f"{scenario}.xml"), *sockets, "-nostdin", *words]

    def _keep(self, command: list[str]) -> None:
        self._guarded.append(guarded(command, self.directory))

    def stop(self) -> None:
        for program in reversed(self._guarded):
            let_go(program)


@pytest.fixture
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Machine]:
    skip_without_files(request.config)
    program = freeswitch_program()
    example = program.parents[1] / "etc" / "freeswitch"
    if "default_password=1234" not in (example / "vars.xml").read_text("utf-8"):
        pytest.skip(f"{example} is not FreeSWITCH's example configuration (make samples)")
    made = Machine(tmp_path, program, example)
    yield made
    made.stop()


def password_of(shell: Shell) -> str:
    return shell.run('echo "$PHONES"').strip()


def test_a_newcomer_gets_to_a_first_answered_call(machine: Machine):
    with Shell(machine.app, machine.environment()) as shell:
        shell.run(machine.typed(PASSWORDS))
        shell.run(machine.typed(DIALPLAN))
        assert machine.systemctl.read_text("utf-8") == "restart freeswitch\n"
        machine.start_freeswitch()
        # As the other pages show it: fs_cli knows the password.
        shell.run("until fs_cli -x status | grep -q 'is ready'; do sleep 0.2; done")
        printed = shell.run(machine.typed(PHONES))
        password = password_of(shell)
        expected = f"server 127.0.0.1, users 1000 and 1001, password {password}\n"
        assert (printed, len(password)) == (expected, 24)
        machine.start_phone()
        for user in ("1000", "1001"):
            machine.register(user, password)
        assert "Anna's token: " in shell.run(machine.typed(AGENT))
        found = shell.run(machine.typed(DOCTOR))
        assert "problem" not in found
        assert "anna's phone user/1000 is registered" in found
        assert found.count(" was queued in ") == 2
        machine.dial("1001", password, "5100")
        queue = machine.typed(CALL).splitlines()[0]
        shell.run(f"until {queue} | grep -q queued; do sleep 0.1; done")
        answers = shell.run(machine.typed(CALL)).replace(" ", "")
        assert '"state":"queued"' in answers
        assert '"destination":"5100"' in answers
        assert '"state":"speaking"' in answers


def test_the_password_is_told_to_fs_cli_and_to_nobody_else(machine: Machine):
    with Shell(machine.app, machine.environment()) as shell:
        shell.run(machine.typed(PASSWORDS))
        password = shell.run('echo "$SOCKET"').strip()
    told = machine.directory / ".fs_cli_conf"
    assert password in told.read_text("utf-8")
    assert told.stat().st_mode & 0o777 == 0o600


def test_a_freeswitch_that_has_calls_takes_the_new_password_without_a_restart(machine: Machine):
    """As step 3 says it in its words."""
    machine.start_freeswitch()
    spoken = re.findall(r"`(fs_cli -p [^`]+)`", (ROOT / "docs" / "start.md").read_text("utf-8"))
    reload, again = spoken
    with Shell(machine.app, machine.environment()) as shell:
        shell.run("until fs_cli -x status | grep -q 'is ready'; do sleep 0.2; done")
        shell.run(machine.typed(PASSWORDS))
        shell.run(f"{reload}; {again} || true")
        shell.run("until fs_cli -x status | grep -q 'is ready'; do sleep 0.2; done")


def test_each_block_is_typed_but_the_first():
    """The first one fetches packages and fsapp itself."""
    assert len(GUIDE) == CALL + 1
    assert GUIDE[GET].startswith("apt-get install ")
