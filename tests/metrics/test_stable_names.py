"""What somebody's dashboard may ask for today it may ask for tomorrow: this list only grows.

The law of this file: a line is added with its metric, and none is changed or taken out. Whoever
must do so all the same breaks other people's dashboards and alerts, and says so in the CHANGELOG.
"""

from __future__ import annotations

from fsapp.metrics.table import TABLE, Metric

STABLE = """
fsapp_calls gauge state
fsapp_queue_length gauge organization
fsapp_queue_oldest_wait_seconds gauge organization
fsapp_calls_started_total counter direction,organization
fsapp_calls_ended_total counter direction,organization,outcome
fsapp_waiting_seconds histogram organization,outcome 5 10 15 20 30 45 60 90 120 180 300 600
fsapp_pickup_seconds histogram - 0.1 0.25 0.5 1 2 3 5 8 12 20 30 60
fsapp_pickups_failed_total counter reason
fsapp_talk_seconds histogram direction 5 15 30 60 120 180 300 600 900 1800 3600
fsapp_stuck_calls gauge reason
fsapp_agents gauge state
fsapp_event_socket_connected gauge -
fsapp_event_socket_reconnects_total counter -
fsapp_event_socket_connect_failures_total counter -
fsapp_event_socket_commands_total counter command,result
fsapp_event_socket_command_duration_seconds histogram command 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5
fsapp_outbound_connections gauge -
fsapp_outbound_connections_accepted_total counter -
fsapp_outbound_connections_refused_total counter reason
fsapp_database_commit_duration_seconds histogram - 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5
fsapp_database_commit_failures_total counter -
fsapp_database_changes_waiting gauge -
fsapp_database_size_bytes gauge -
fsapp_event_streams gauge -
fsapp_event_streams_max gauge -
fsapp_event_streams_behind gauge -
fsapp_event_streams_cut_off_total counter -
fsapp_event_stream_lag_seconds histogram - 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5
fsapp_events_untold gauge -
fsapp_http_requests_total counter method,route,status
fsapp_http_request_duration_seconds histogram route 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 20 30
fsapp_http_threads gauge -
fsapp_http_threads_busy gauge -
fsapp_ready gauge check
fsapp_build_info gauge python,sqlite,version
fsapp_threads gauge -
process_cpu_seconds_total counter -
process_max_fds gauge -
process_open_fds gauge -
process_resident_memory_bytes gauge -
process_start_time_seconds gauge -
process_virtual_memory_bytes gauge -
""".strip().splitlines()  # noqa: E501 - a metric a line
"""Name, type, labels in any order (``-``: none); of histograms also the upper bounds."""


def line(row: Metric) -> str:
    """A row as it stands in the list."""
    labels = ",".join(sorted(row.labels)) or "-"
    return " ".join([row.name, row.kind, labels, *(f"{bound:g}" for bound in row.buckets)])


def test_nothing_that_was_exported_is_exported_otherwise_or_no_more() -> None:
    assert [known for known in STABLE if known not in map(line, TABLE)] == []


def test_what_is_exported_for_the_first_time_is_promised_from_then_on() -> None:
    assert [new for new in map(line, TABLE) if new not in STABLE] == []
