"""What a server tells of itself, as Prometheus reads it."""

from collections.abc import Callable

import prometheus_client

__all__ = ['CONTENT_TYPE', 'Metrics']

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST

_SECONDS = (
  *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03),
  *(0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0),
)
_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256)


class Metrics:
  """The counters of one server; safe to use from several threads."""

  def __init__(self, *, version: Callable[[], int], waiting: Callable[[], int]):
    """Begins at 0.

    Args:
      version: Returns the version that is served now.
      waiting: Returns how many requests wait now.
    """
    self._registry = prometheus_client.CollectorRegistry()
    self._requests = self._make(
      prometheus_client.Counter,
      'requests',
      'Requests by protocol, method and status code.',
      ['protocol', 'method', 'code'],
    )
    self._refused = self._make(
      prometheus_client.Counter,
      'refused',
      'Requests without an answer, by reason.',
      ['reason'],
    )
    self._seconds = self._make(
      prometheus_client.Histogram,
      'request_seconds',
      'From a request for actions to its answer.',
      ['protocol'],
      buckets=_SECONDS,
    )
    self._batch_requests, self._batch_rows = (
      self._make(
        prometheus_client.Histogram,
        f'batch_{what}',
        f'{what.capitalize()} that were computed together.',
        buckets=_COUNTS,
      )
      for what in ('requests', 'rows')
    )
    self._make(
      prometheus_client.Gauge, 'version', 'Training step that is served.'
    ).set_function(version)
    self._make(
      prometheus_client.Gauge, 'waiting', 'Requests that wait for the policy.'
    ).set_function(waiting)

  def count_request(self, protocol: str, method: str, code: str) -> None:
    """Counts a request that is over."""
    self._requests.labels(protocol, method, code).inc()

  def count_refusal(self, reason: str) -> None:
    """Counts a request without an answer."""
    self._refused.labels(reason).inc()

  def observe_seconds(self, protocol: str, seconds: float) -> None:
    """Adds how long a request for actions took."""
    self._seconds.labels(protocol).observe(seconds)

  def observe_batch(self, requests: int, rows: int) -> None:
    """Adds the size of a batch."""
    self._batch_requests.observe(requests)
    self._batch_rows.observe(rows)

  def total(self, **labels: str) -> int:
    """Returns how many requests are over, of those with the labels."""
    return int(
      sum(
        sample.value
        for family in self._requests.collect()
        for sample in family.samples
        if sample.name.endswith('_total')
        and labels.items() <= sample.labels.items()
      )
    )

  def page(self) -> bytes:
    """Returns Prometheus's text format."""
    return prometheus_client.generate_latest(self._registry)

  def _make(self, kind, name: str, text: str, *args, **kwargs):
    return kind(
      f'awopt_serve_{name}', text, *args, registry=self._registry, **kwargs
    )
