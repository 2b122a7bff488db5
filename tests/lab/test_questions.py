"""What the lab switch says of itself when it is asked."""

from __future__ import annotations

from pathlib import Path

from fsapp.lab import LabSwitch

from .conftest import Desk


def test_reading_broken_files_again_keeps_what_there_was(tmp_path: Path) -> None:
    file = tmp_path / "tone.xml"
    file.write_text('<extension name="tone"/>', encoding="utf-8")
    with LabSwitch(control="127.0.0.1:0", dialplan_dirs=[tmp_path]) as lab:
        file.write_text('<extension name="tone">', encoding="utf-8")
        assert lab.api("reloadxml").startswith("-ERR [")
        assert '<extension name="tone" />' in lab.api("xml_locate dialplan")


def test_files_come_and_go_with_a_reload(tmp_path: Path) -> None:
    with LabSwitch(control="127.0.0.1:0", dialplan_dirs=[tmp_path]) as lab:
        file = tmp_path / "tone.xml"
        file.write_text('<extension name="tone"/>', encoding="utf-8")
        assert "tone" not in lab.api("xml_locate dialplan")
        assert lab.api("reloadxml") == "+OK [Success]\n"
        assert "tone" in lab.api("xml_locate dialplan")
        file.unlink()
        lab.api("reloadxml")
        assert "tone" not in lab.api("xml_locate dialplan")


def test_streams_are_listed(tmp_path: Path) -> None:
    with LabSwitch(control="127.0.0.1:0", streams=["moh", "jazz"]) as lab:
        assert lab.api("local_stream show") == "jazz,\nmoh,\n"


def test_a_phone_has_a_contact_while_it_is_registered(desk: Desk) -> None:
    phone = desk.lab.phone("1101")
    assert desk.lab.api("sofia_contact */1101@127.0.0.1").startswith("sofia/internal/sip:1101@")
    assert "sofia_contact" in desk.lab.api("user_data 1101@127.0.0.1 param dial-string")
    assert desk.lab.api("user_data 1101@elsewhere param dial-string") == ""
    listed = desk.lab.api("sofia status profile internal user 1101@127.0.0.1")
    assert "Ping-Status:\tReachable\n" in listed
    assert "Total items returned: 1\n" in listed
    phone.unregistered()
    assert desk.lab.api("sofia_contact */1101@127.0.0.1") == "error/user_not_registered"
    listed = desk.lab.api("sofia status profile internal user 1101@127.0.0.1")
    assert "Total items returned: 0\n" in listed
