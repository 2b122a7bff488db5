"""The lab in containers, as far as it can be looked at without a container engine.

What the containers run is tried by other means: the acceptance suite with --switch=running.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from fsapp.settings import TABLE

from ..shell import stub
from ..shown import ROOT

LAB = ROOT / "tests" / "lab"
COMPOSE = (LAB / "compose.yaml").read_text("utf-8")
DOCKERFILES = [ROOT / "conf" / "Dockerfile", LAB / "Dockerfile"]
EXAMPLE = """<include>
  <X-PRE-PROCESS cmd="set" data="default_password=1234"/>
  <X-PRE-PROCESS cmd="stun-set" data="external_rtp_ip=stun:stun.freeswitch.org"/>
  <X-PRE-PROCESS cmd="stun-set" data="external_sip_ip=stun:stun.freeswitch.org"/>
</include>
"""
"""What the script changes in the example configuration's vars.xml."""


def test_compose_takes_the_file() -> None:
    engine = shutil.which("docker")
    known = engine and subprocess.run(
        [engine, "compose", "version"], check=False, capture_output=True
    )
    if not known or known.returncode:
        pytest.skip("docker compose is not here to read the file")
    subprocess.run(
        [
            "docker",
            "compose",
            "-f",
            LAB / "compose.yaml",
            "--profile",
            "acceptance",
            "config",
            "-q",
        ],
        check=True,
        capture_output=True,
    )


def test_services_volumes_and_networks_that_are_named_are_there() -> None:
    """Of the file with its anchors filled in, whether or not an engine is here."""
    whole = yaml.safe_load(COMPOSE)
    services, volumes = whole["services"], whole["volumes"]
    assert set(services) >= {"freeswitch", "fsapp", "phones", "callers", "acceptance"}
    for name, service in services.items():
        for other, when in service.get("depends_on", {}).items():
            asked = services[other]
            if when["condition"] == "service_healthy":
                tested = "healthcheck" in asked
                assert tested, f"{name} waits for {other}, whose health nobody looks at"
        network = service.get("network_mode", "service:freeswitch").removeprefix("service:")
        assert network in services
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            assert source.startswith(".") or source in volumes, f"{name}: {mount}"


def test_what_is_mounted_or_built_exists() -> None:
    for source in re.findall(r"^ +- (\.[^:]*):/", COMPOSE, re.MULTILINE):
        assert (LAB / source).exists(), source
    for name in re.findall(r"dockerfile: (\S+)", COMPOSE):
        assert (ROOT / name).is_file()
    for target in re.findall(r"target: (\S+)", COMPOSE):
        assert f" AS {target}\n" in (LAB / "Dockerfile").read_text("utf-8")


def test_images_of_others_are_pinned() -> None:
    wanted = re.findall(r"image: (\S+/\S+)", COMPOSE)
    assert wanted
    for image in wanted:
        assert re.search(r":\d+\.\d+\.\d+", image), image


@pytest.mark.parametrize("path", [LAB / "compose.yaml", *DOCKERFILES], ids=lambda path: path.name)
def test_fsapps_settings_are_spelt_right(path: Path) -> None:
    known = {f"FSAPP_{row.section}_{row.key}".upper() for row in TABLE}
    assert set(re.findall(r"FSAPP_[A-Z_]+", path.read_text("utf-8"))) <= known


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_what_is_copied_into_an_image_exists(path: Path) -> None:
    for words in re.findall(r"^COPY (?!--from)(.+) \S+$", path.read_text("utf-8"), re.MULTILINE):
        for source in words.split():
            assert (ROOT / source).exists(), source


def test_fsapps_image_does_not_run_as_root() -> None:
    last = DOCKERFILES[0].read_text("utf-8").rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\w+)$", last, re.MULTILINE) == ["fsapp"]
    assert "HEALTHCHECK" in last


@pytest.mark.parametrize("path", sorted(LAB.glob("*.sh")), ids=lambda path: path.name)
def test_every_script_is_one_a_small_shell_takes(path: Path) -> None:
    subprocess.run(["sh", "-n", path], check=True)


def example(directory: Path) -> Path:
    """As much of an example configuration as the script touches."""
    for folder in ("public", "default"):
        (directory / "dialplan" / folder).mkdir(parents=True)
    for folder in ("autoload_configs", "sip_profiles", "directory/default"):
        (directory / folder).mkdir(parents=True)
    (directory / "vars.xml").write_text(EXAMPLE, "utf-8")
    (directory / "sip_profiles" / "internal-ipv6.xml").write_text("<include/>", "utf-8")
    return directory


def assembled(tmp_path: Path, times: int = 1, **more: str) -> Path:
    conf, bin_ = example(tmp_path / "etc"), tmp_path / "bin"
    started = stub(bin_, "freeswitch")
    path = f"{bin_}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "CONF": str(conf), "OURS": str(ROOT), **more}
    for _ in range(times):
        command = ["sh", LAB / "freeswitch.sh", "of-the-socket", "of-the-phones"]
        subprocess.run(command, env=environment, check=True)
    assert started.read_text("utf-8") == "-nonat -nf -c\n" * times
    return conf


def test_the_example_configuration_gets_our_files_and_asks_nobody_outside(tmp_path: Path) -> None:
    conf = assembled(tmp_path)
    variables = (conf / "vars.xml").read_text("utf-8")
    assert "default_password=of-the-phones" in variables
    assert "stun" not in variables
    assert "external_sip_ip=127.0.0.1" in variables
    assert 'data="local_ip_v4=127.0.0.1"' in variables
    event_socket = (conf / "autoload_configs" / "event_socket.conf.xml").read_text("utf-8")
    assert '<param name="password" value="of-the-socket"/>' in event_socket
    for context in ("public", "default"):
        assert (conf / "dialplan" / context / "fsapp_inbound.xml").is_file()
    assert list((conf / "sip_profiles").iterdir()) == []


def test_a_restart_changes_nothing_more(tmp_path: Path) -> None:
    once = (assembled(tmp_path / "once") / "vars.xml").read_text("utf-8")
    assert (assembled(tmp_path / "twice", 2) / "vars.xml").read_text("utf-8") == once


def test_the_suite_gets_its_callers_and_phones(tmp_path: Path) -> None:
    conf = assembled(tmp_path, SUITE="1")
    users = (conf / "directory" / "default" / "00_suite.xml").read_text("utf-8")
    assert '<user id="1101"><params><param name="dial-string" value="${phone_1101}"/>' in users
    assert users.count("<user ") == 49
    assert (conf / "sip_profiles" / "suite.xml").is_file()
    assert 'data="sip_port=5090"' in (conf / "vars.xml").read_text("utf-8")
