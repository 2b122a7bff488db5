"""What the settings leave open is said at the start; the defaults leave nothing open."""

from pathlib import Path

import pytest

from fsapp.risks import risks
from fsapp.settings import SettingsError, load

OPEN = {"FSAPP_HTTP_LISTEN": "0.0.0.0:4242"}
PAIR = {"FSAPP_HTTP_TLS_CERTIFICATE": "a.pem", "FSAPP_HTTP_TLS_KEY": "a.key"}
FAR = {"FSAPP_CONTROL_ADDRESS": "192.0.2.1:8021"}
EVERYBODY = {"FSAPP_OUTBOUND_LISTEN": "[::]:8084", "FSAPP_OUTBOUND_ADVERTISE": "192.0.2.2:8084"}


@pytest.mark.parametrize(
    ("environ", "setting"),
    [
        ({}, None),
        ({"FSAPP_HTTP_LISTEN": "[::1]:4242"}, None),
        ({"FSAPP_HTTP_LISTEN": "localhost:4242"}, None),
        (OPEN, "http.listen"),
        ({"FSAPP_HTTP_LISTEN": "desk.example:4242"}, "http.listen"),
        ({**OPEN, **PAIR}, None),
        (FAR, "control.password"),
        ({**FAR, "FSAPP_CONTROL_PASSWORD": "other"}, None),
        (EVERYBODY, None),
        ({**EVERYBODY, "FSAPP_OUTBOUND_ALLOW": "10.0.0.0/8,0.0.0.0/0"}, "outbound.allow"),
        ({**EVERYBODY, "FSAPP_OUTBOUND_ALLOW": "::/0"}, "outbound.allow"),
        ({"FSAPP_OUTBOUND_ALLOW": "0.0.0.0/0"}, None),
        ({"FSAPP_METRICS_ALLOW": "127.0.0.0/8"}, None),
        ({"FSAPP_METRICS_ALLOW": "10.0.0.0/8,::/0"}, "metrics.allow"),
    ],
)
def test_a_risk_is_one_sentence_that_names_the_setting(
    environ: dict[str, str], setting: str | None, tmp_path: Path
) -> None:
    (tmp_path / "empty.toml").touch()
    found = list(risks(load(tmp_path / "empty.toml", environ)))
    assert [sentence.split()[0] for sentence in found] == ([setting] if setting else [])
    assert all(sentence.isprintable() for sentence in found)


@pytest.mark.parametrize(("variable", "value"), PAIR.items())
def test_a_certificate_without_its_key_is_a_contradiction(
    variable: str, value: str, tmp_path: Path
) -> None:
    (tmp_path / "empty.toml").touch()
    with pytest.raises(SettingsError, match="must be set together"):
        load(tmp_path / "empty.toml", {variable: value})
