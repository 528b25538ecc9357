import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from meterhub.cli import app
from meterhub.settings import get_settings
from tests.browser.server import serving
from tests.ingest.test_service import PLAIN


@pytest.fixture
def replayed(hub, tmp_path, monkeypatch):
    """Replay lines to a hub over HTTP with a token, from a machine without a database."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("METERHUB_MODE", "production")
    get_settings.cache_clear()
    now = datetime.now(UTC).replace(microsecond=0)
    times = [now - timedelta(hours=n) for n in range(5)]
    capture = tmp_path / "capture.jsonl"
    lines = [json.dumps({"frame": PLAIN, "received_at": at.isoformat(), "gateway": "elsewhere"}) for at in times]
    lines.append(json.dumps({"frame": PLAIN, "received_at": (now + timedelta(days=9)).isoformat()}))
    capture.write_text("\n".join(lines))

    def replayed(token):
        (tmp_path / "token").write_text(token + "\n")
        with serving(hub.app) as url:
            told = ("--hub", url, "--token-file", tmp_path / "token", "--gateway", "attic")
            return CliRunner().invoke(app, ["replay", str(capture), "--json", *map(str, told)])

    yield replayed
    get_settings.cache_clear()


def test_a_capture_goes_to_a_hub_with_a_gateways_token_and_twice_is_once(hub, replayed):
    token = hub.gateway_token("attic")
    for accepted, duplicates in ((0, 0), (0, 5)):
        done = replayed(token)
        assert done.exit_code == 1, done.output
        told = json.loads(done.stdout)
        assert (told["accepted"], told["duplicates"], told["rejected"]) == (accepted, duplicates, 1)
        assert told["quarantined"] == 5 - duplicates  # the meter is not registered
        assert "capture.jsonl:6: received-in-future" in done.stderr
    kept = "SELECT g.name, count(*) AS frames FROM raw_frame f JOIN gateway g ON g.id = f.gateway_id GROUP BY 1"
    assert hub.rows(kept) == [{"name": "attic", "frames": 5}]
    assert hub.rows("SELECT last_seen_at, spool_depth FROM gateway") == [
        {"last_seen_at": None, "spool_depth": None}
    ]
    assert hub.rows("SELECT * FROM gateway_day") == []


def test_a_token_that_the_hub_does_not_know_stops_the_replay(hub, replayed):
    done = replayed("gateway-nothing")
    assert done.exit_code == 2
    assert "the hub does not take line 1 and on: HTTP 401: not-authenticated" in done.stderr
