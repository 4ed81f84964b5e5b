"""GET /metrics: what Prometheus reads. Counted in the processes, and a few gauges asked of the database at that moment."""

import os
from collections.abc import Iterable

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from dashboard.api.resource import refusals, resource
from dashboard.auth import api_key
from tasks.database import reading
from tasks.ledger import breaker, counts
from tasks.models import Broadcast, Connection, Process
from tasks.models.broadcast import LIVE

api = resource("metrics", "For Prometheus.")
TEXT = {"description": "The figures, in Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}


class Database(Collector):
    """Gauges that no process can count for itself. Each is a read of a small index."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges as they are now."""
        with reading() as connection:
            waiting = GaugeMetricFamily("carillon_deliveries_waiting", "Open deliveries.", labels=["channel", "state"])
            for channel, state, count in counts.open_rows(connection):
                waiting.add_metric([channel, state], count)
            broadcasts = GaugeMetricFamily("carillon_broadcasts", "Broadcasts under way, by state.", labels=["state"])
            for state, count in connection.execute(select(Broadcast.state, func.count()).where(LIVE).group_by(Broadcast.state)):
                broadcasts.add_metric([state], count)
            processes = GaugeMetricFamily("carillon_processes", "Processes alive, by kind.", labels=["kind"])
            alive = select(Process.kind, func.count()).where(Process.ended_at.is_(None)).group_by(Process.kind)
            for kind, count in connection.execute(alive):
                processes.add_metric([kind], count)
            online = connection.scalar(select(func.count()).select_from(Connection)) or 0
        open_ = GaugeMetricFamily("carillon_breaker_open", "1 while a provider is held to be down.", labels=["provider"])
        for name, row in breaker.failing().items():
            open_.add_metric([name], float(row.opened_at is not None))
        return [waiting, broadcasts, processes, GaugeMetricFamily("carillon_connections", "Live inboxes.", online), open_]


@api.get("/metrics", responses={200: TEXT, **refusals()})
@api_key("read")
def figures() -> Response:
    """Figures for Prometheus. Give it a key with the scope `read` as its bearer credentials."""
    registry = CollectorRegistry()
    registry.register(Database())
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        body = generate_latest(registry)
    else:
        body = generate_latest(REGISTRY) + generate_latest(registry)
    return Response(body, content_type=CONTENT_TYPE_LATEST)
