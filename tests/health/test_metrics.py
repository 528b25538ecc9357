"""What `/metrics` tells, and that dashboard, rules and documents speak of nothing else."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, text

from meterhub.app import create_app
from meterhub.health import exposition
from meterhub.health.exposition import ABOUT_ITSELF
from meterhub.health.metrics import subjects
from meterhub.kit.queue import defer
from meterhub.readings.repository import NewRead, store_reads
from meterhub.settings import Settings
from tests.api.hub import Hub
from tests.health.conftest import TOKEN

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"\b(?:meterhub|process)_[a-z0-9_]+\b")
NO_METRICS = {"meterhub_rules"}


def metrics(hub, token=TOKEN):
    answer = hub.with_token(token).get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def names(hub):
    return {name for name, *_ in metrics(hub)}


@pytest.fixture
def busy(hub) -> Hub:
    """A hub with something to tell on every subject."""
    now = datetime.now(UTC)
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO gateway (name, last_seen_at, spool_depth) VALUES "
                "('live', :now, 7), ('silent', :before, 5), ('never', NULL, NULL)"
            ),
            {"now": now, "before": now - timedelta(hours=4)},
        )
        connection.execute(
            text(
                "INSERT INTO gateway_day SELECT id, current_date, 20, 11, 4, 3, 2 FROM gateway WHERE name = 'live'"
            )
        )
        connection.execute(
            text(
                "WITH f AS (INSERT INTO raw_frame (fingerprint, received_at, gateway_id, frame) "
                "SELECT n, :at, 1, '\\x00' FROM generate_series(1, 3) n RETURNING id) "
                "INSERT INTO quarantine (raw_frame_id, reason) SELECT id, 'key-wrong' FROM f"
            ),
            {"at": now - timedelta(minutes=5)},
        )
        connection.execute(text("INSERT INTO meter (manufacturer, serial) VALUES ('KAM', '1'), ('KAM', '2')"))
        store_reads(connection, [NewRead(1, now - timedelta(hours=2), 1000)])
        defer(connection, "readings.rollup", once="readings.rollup")
    return hub


def test_what_is_in_the_database_is_told(busy):
    told = metrics(busy)
    assert told["meterhub_telegrams_total", ("outcome", "accepted")] == 11
    assert told["meterhub_telegrams_total", ("outcome", "rejected")] == 2
    assert told["meterhub_quarantine_frames", ("reason", "key-wrong")] == 3
    assert told["meterhub_quarantine_frames", ("reason", "damaged")] == 0
    assert [told["meterhub_gateways", ("state", state)] for state in ("live", "silent", "never")] == [1, 1, 1]
    assert told["meterhub_gateway_spool_telegrams",] == 12
    assert 290 < told["meterhub_newest_frame_age_seconds",] < 330
    assert told["meterhub_jobs", ("state", "waiting"), ("task", "readings.rollup")] == 1
    assert 0 <= told["meterhub_queue_oldest_seconds",] < 30
    assert told["meterhub_rollup_due_meters",] == 1
    assert 7100 < told["meterhub_rollup_lag_seconds",] < 7300
    assert told["meterhub_meters",] == 2
    assert told["meterhub_partitions_ahead",] == 2
    assert told["meterhub_table_bytes", ("table", "register_read")] > 0
    assert all(value == 1 for (name, *_), value in told.items() if name == "meterhub_collector_up")
    assert told["process_resident_memory_bytes",] > 10**7


def test_the_oldest_due_job_counts_and_not_those_of_later(busy):
    with busy.engine.begin() as connection:
        connection.execute(text("UPDATE procrastinate_events SET at = now() - interval '1 hour'"))
        connection.execute(
            text("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE status = 'todo'")
        )
    told = metrics(busy)
    assert told["meterhub_queue_oldest_seconds",] == 0
    assert told["meterhub_jobs", ("state", "later"), ("task", "readings.rollup")] == 1


def test_a_batch_is_measured(busy):
    before = metrics(busy).get(("meterhub_ingest_batch_seconds_count",), 0)
    busy.gateway("tower").post("/api/v1/telegrams", json={"gateway": "tower", "telegrams": []})
    busy.app.state.exposition._told_at = float("-inf")
    assert metrics(busy)["meterhub_ingest_batch_seconds_count",] == before + 1


def test_scraping_often_asks_the_database_seldom(busy):
    asked = []
    metrics(busy)
    event.listen(busy.engine, "before_cursor_execute", lambda _c, _cur, statement, *_: asked.append(statement))
    for _ in range(5):
        metrics(busy)
    assert asked == []


def test_a_subject_that_cannot_be_told_takes_no_other_with_it(busy):
    with busy.engine.begin() as connection:
        connection.execute(text("ALTER TABLE rollup_due RENAME TO elsewhere"))
    told = metrics(busy)
    assert told["meterhub_collector_up", ("subject", "rollup")] == 0
    assert told["meterhub_collector_up", ("subject", "gateways")] == 1
    assert ("meterhub_rollup_due_meters",) not in told
    assert told["meterhub_meters",] == 2


@pytest.mark.parametrize("token", [None, "wrong", ""])
def test_without_the_right_token_nothing_is_told(hub, token):
    assert hub.with_token(token).get("/metrics").status_code == 401


def test_where_no_token_is_set_an_empty_one_opens_nothing(engine):
    hub = Hub(engine, create_app(engine, Settings(master_key="11" * 32)))
    assert hub.client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401
    assert hub.client("operations").get("/metrics").status_code == 200
    assert hub.client("billing").get("/metrics").status_code == 403


def test_the_token_may_be_a_file(tmp_path):
    (tmp_path / "token").write_text("abc\n")
    assert Settings(metrics_token_file=tmp_path / "token").monitoring_token() == "abc"
    assert Settings().monitoring_token() == ""


def test_dashboard_and_rules_name_only_metrics_that_are_told(busy):
    told = names(busy) | {"meterhub_newest_frame_age_seconds"}
    dashboard = json.loads((ROOT / "ops/grafana/meterhub.json").read_text())
    rules = yaml.safe_load((ROOT / "ops/meterhub-rules.yaml").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    watched = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    for expression in [*shown, *watched]:
        named = set(NAME.findall(expression))
        assert named or expression.startswith("up{")
        assert named <= told, expression
    assert len(shown) > 30
    assert {rule["labels"]["severity"] for group in rules["groups"] for rule in group["rules"]} <= {
        "critical",
        "warning",
        "info",
    }


def test_label_values_that_rules_and_dashboard_choose_are_told(busy):
    told = {label for _, *labels in metrics(busy) for label in labels} | {("job", "meterhub")}
    texts = [(ROOT / "ops" / name).read_text() for name in ("meterhub-rules.yaml", "grafana/meterhub.json")]
    chosen = re.findall(r'(\w+)=\\?"([\w-]+)\\?"', " ".join(texts))
    assert len(chosen) > 8
    assert set(chosen) - {("state", "failed"), ("progress", "left"), ("progress", "done")} <= told


def test_every_metric_is_documented_and_every_documented_one_is_told(busy):
    documented = set(NAME.findall((ROOT / "docs/metrics.md").read_text())) - NO_METRICS
    families = {family.name for subject in subjects() for family in subject.families}
    families |= {family.name for family in ABOUT_ITSELF}
    told = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in names(busy)}
    assert told <= documented | {"meterhub_ingest_batch_seconds"}
    assert documented == told | families
    for subject in subjects():
        for family in subject.families:
            assert f"| `{family.name}` | " in (ROOT / "docs/metrics.md").read_text()
            assert family.help in (ROOT / "docs/metrics.md").read_text()


def test_no_metric_is_labelled_with_meters_points_or_people():
    labels = {label for subject in subjects() for family in subject.families for label in family.labels}
    assert labels <= {"outcome", "reason", "task", "state", "table", "severity", "progress"}


def test_what_is_told_is_never_older_than_said():
    assert exposition.FRESH_S <= 15


def test_the_monitoring_files_fit_together():
    prometheus = yaml.safe_load((ROOT / "ops/prometheus.yaml").read_text())
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    (job,) = prometheus["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    assert target.partition(":")[0] in compose["services"]
    (secret,) = compose["services"]["prometheus"]["secrets"]
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
    assert compose["secrets"][secret] == {"environment": "METERHUB_METRICS_TOKEN"}
    assert "METERHUB_METRICS_TOKEN" in compose["services"]["hub"]["environment"]
    for name in ("prometheus", "grafana"):
        service = compose["services"][name]
        assert service["profiles"] == ["monitoring"]
        for mount in service["volumes"]:
            source = mount.partition(":")[0]
            assert (ROOT / source).is_file() if source.startswith(".") else source in compose["volumes"]
    assert prometheus["rule_files"] == ["meterhub-rules.yaml"]
