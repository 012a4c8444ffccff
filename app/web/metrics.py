"""``GET /metrics`` for Prometheus: the figures of money's health as gauges."""

import hmac
from collections.abc import Iterator

from flask import Response, current_app, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from app.core.payments.alarms import FIGURES
from app.kernel.errors import NotFound
from app.usecases.reconciling.watch import alarms, figures
from app.web.door import Door
from app.web.policy import Relation, policy


class MetricsHidden(NotFound):
    """The page is for who holds its key; to all others it is not there."""

    code = "metrics_not_found"
    title = "No such page"


class _Figures(Collector):
    """Figures as they are now."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one gauge per figure, and one for alarms."""
        for name, value in figures().items():
            yield GaugeMetricFamily(f"linli_{name}", FIGURES[name], value=value)
        raised = GaugeMetricFamily("linli_alarm", "1 for each alarm about money that is raised", labels=["alarm"])
        for alarm in alarms():
            raised.add_metric([alarm["code"]], 1)
        yield raised


def add_metrics(door: Door) -> None:
    """Give the door of nobody's side the page of figures."""

    @door.get("/metrics", pages=("text/plain",))
    @policy("page.read", Relation.ANYONE)
    def metrics() -> Response:
        """Show the figures of money's health to Prometheus."""
        settings = current_app.config["LINLI"]
        given = request.headers.get("Authorization", "").encode()
        if settings.metrics_key is None:
            if not settings.is_sandboxed:
                raise MetricsHidden
        elif not hmac.compare_digest(given, f"Bearer {settings.metrics_key}".encode()):
            raise MetricsHidden
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Figures())
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
