"""`GET /openapi.json` of the running app, and schemathesis on all that it describes.

That every other answer of this suite is as described is looked at where it is received (client.py).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.described import Description

from .actors import Agent, Callers, Desk, Phone
from .app import App, environment
from .client import DESCRIBED, Client

LONG = "SOAK_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "100")) // 20
"""How many requests of each kind are made up, besides those at the limits of each parameter."""
LIMIT = 3600.0 if LONG else 110.0

SETTINGS = {
    # Who does not answer at once is not waited for.
    "phone": {"ring_timeout": 1, "idle_timeout": 8},
    "dial": {"ring_timeout": 1},
    "events": {"heartbeat": 0.5},
}

CONFIGURATION = """
max-stream-events = 2
request-timeout = 20
warnings = false

[dictionaries.calls]
values = [{calls}]

[parameters]
"path.call_id" = {{ dictionary = "calls", probability = 0.5 }}
"query.call_id" = {{ dictionary = "calls", probability = 0.5 }}
"query.source" = {{ dictionary = "calls", probability = 0.5 }}
"body.call_id" = {{ dictionary = "calls", probability = 0.5 }}
"body.source" = {{ dictionary = "calls", probability = 0.5 }}

[generation]
max-examples = {examples}
deterministic = {deterministic}
# The header is there already, and two different tokens are refused.
with-security-parameters = false

[checks.negative_data_rejection]
# Besides what is usual: a body without its length, and one that is too long.
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 411, 413, 415, 422, 428, 429, "5xx"]

[[operations]]
include-path = "/call/originate"
# An Idempotency-Key that was used for another number.
checks.positive_data_acceptance.expected-statuses = [200, 400, 404, 409]

[[operations]]
include-path = "/call/transfer"
# The protocol's "bridge failed" is a 400 that tells of the calls, not of the parameters.
checks.positive_data_acceptance.expected-statuses = [200, 400, 403, 404, 409]
"""


def test_the_app_serves_it_to_anybody(app: App):
    client = Client(app.address)
    answer = client.get("/openapi.json")
    client.close()
    assert answer.code == 200
    assert Description(answer.document).document == DESCRIBED.document


@pytest.fixture
def calls(a_caller: Callers, anna: Agent, bente: Agent, outside: Phone) -> list[str]:
    """Ids of calls in many states: anna's, on hold, another's, ended, waiting, and of no call."""
    ended = a_caller.waits()
    ended.hangs_up()
    others = a_caller.waits()
    bente.picks_up(others)
    parked = a_caller.waits()
    anna.picks_up(parked)
    anna.parks()
    hers = anna.calls_the_outside(outside)["id"]
    waiting = [caller.id for caller in a_caller.wait_in_turn(6)]
    return [hers, parked.id, others.id, ended.id, *waiting, "no-call"]


@pytest.mark.timeout(LIMIT + 10)
def test_schemathesis_finds_nothing(anna: Agent, calls: list[str], desk: Desk, tmp_path: Path):
    configuration = CONFIGURATION.format(
        calls=", ".join(f'"{call}"' for call in calls),
        examples=EXAMPLES,
        # What is in everybody's way must not find something new every hundredth time.
        deterministic=str(not LONG).lower(),
    )
    (tmp_path / "schemathesis.toml").write_text(configuration, encoding="utf-8")
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", "schemathesis.toml"),
            *("run", f"http://{desk.app.address}/openapi.json"),
            *("--header", f"Authorization: Bearer {anna.client.token}"),
        ],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    anna.client.post("/agent/state", state="idle")
    assert ended.returncode == 0, ended.stdout[-20000:] + ended.stderr[-2000:]
    # The description itself, which it has read, it does not ask for again.
    operations = sum(len(item) for item in DESCRIBED.document["paths"].values()) - 1
    assert f"Tested: {operations}" in ended.stdout
