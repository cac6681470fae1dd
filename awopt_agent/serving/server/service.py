"""What both protocols share: which model, whether now, and the answer."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from awopt_agent import __version__, files
from awopt_agent.serving import signatures as signatures_lib
from awopt_agent.serving.server import batching, refusals, warming
from awopt_agent.serving.server import limits as limits_lib
from awopt_agent.serving.server import metrics as metrics_lib
from awopt_agent.serving.server import versions as versions_lib

__all__ = ['Call', 'ModelSpec', 'Service']

Arrays = Mapping[str, np.ndarray]


class ModelSpec(NamedTuple):
  """Which model a client asks for.

  Attributes:
    name: Of the model.
    version: None for whichever is served.
    label: None for no label.
  """

  name: str
  version: int | None = None
  label: str | None = None


class Call:
  """One request, to be counted when it is over."""

  def __init__(self, metrics: metrics_lib.Metrics, protocol: str, method: str):
    """Begins now."""
    self._metrics = metrics
    self._protocol, self._method = protocol, method
    self._start_s = time.perf_counter()

  def end(self, refusal: refusals.Refusal | None = None) -> None:
    """Counts it."""
    code = refusal.code if refusal else 'OK'
    self._metrics.count_request(self._protocol, self._method, code)
    if refusal:
      self._metrics.count_refusal(refusal.reason)
    elif self._method == 'predict':
      seconds = time.perf_counter() - self._start_s
      self._metrics.observe_seconds(self._protocol, seconds)


class Service:
  """One model, whose newest good version is served."""

  def __init__(
    self,
    source: versions_lib.Source,
    *,
    name: str,
    labels: Sequence[str] = (),
    limits: limits_lib.Limits | None = None,
    prepare: Callable[[Any], None] = warming.warm,
    report: Callable[[str], None] = versions_lib.warn,
  ):
    """Prepares the first version, and starts the thread that computes.

    Args:
      source: Where the policy comes from; closed with the service.
      name: Of the model, in addresses and requests.
      labels: Names of versions that all mean the one that is served.
      limits: What is taken from clients.
      prepare: Is called with each version's predictor before it serves.
      report: Receives a line for each version that does not.

    Raises:
      Exception: What `prepare` raises for the first version.
    """
    self.name = name
    self.limits = limits or limits_lib.Limits()
    self._labels = frozenset(labels)
    self._versions = versions_lib.Versions(
      source, prepare=prepare, report=report
    )
    self.metrics = metrics_lib.Metrics(
      version=lambda: self.served.version,
      waiting=lambda: self._batcher.waiting,
    )
    self._batcher = batching.Batcher(
      most_rows=self.limits.batch,
      most_waiting=self.limits.waiting,
      stuck_after_s=2 * self.limits.time_s,
      observe=self.metrics.observe_batch,
    )
    self._bucket = (
      limits_lib.TokenBucket(self.limits.rate_per_s, self.limits.burst)
      if self.limits.rate_per_s
      else None
    )
    self._draining = False

  @property
  def served(self) -> versions_lib.Served:
    """The version of now; take it once for what belongs together."""
    return self._versions.current

  @property
  def is_ready(self) -> bool:
    """Whether requests for actions will be answered."""
    return self.is_alive and not self._draining

  @property
  def is_alive(self) -> bool:
    """Whether the policy computes, or could."""
    return self._batcher.is_alive

  def admit(self) -> None:
    """Lets a request for actions in.

    Raises:
      Refusal: If the server stops, or the rate is too high.
    """
    if self._draining:
      raise refusals.Refusal(
        'UNAVAILABLE', 'draining', 'the server stops; ask another one.'
      )
    wait_s = self._bucket.take() if self._bucket else 0.0
    if wait_s:
      raise refusals.Refusal(
        'RESOURCE_EXHAUSTED',
        'rate',
        f'more than {self.limits.rate_per_s:g} requests a second; wait '
        f'{wait_s:.3f} s, or raise --rate.',
        retry_after_s=wait_s,
      )

  def find(self, spec: ModelSpec) -> versions_lib.Served:
    """Returns the version that a client asks for.

    Raises:
      Refusal: If it is not served.
    """
    served = self.served
    if spec.label is not None and spec.version is not None:
      raise refusals.Refusal(
        'INVALID_ARGUMENT',
        'unknown_version',
        f'Both model version ({spec.version}) and model version label '
        f'({spec.label}) cannot be supplied.',
      )
    asked = (
      f'Specific({spec.name}, {spec.version})'
      if spec.version is not None
      else f'Latest({spec.name})'
    )
    if spec.name != self.name or spec.version not in (None, served.version):
      raise refusals.Refusal(
        'NOT_FOUND',
        'unknown_model' if spec.name != self.name else 'unknown_version',
        f'Servable not found for request: {asked}; here is {self.name!r}, '
        f'version {served.version}.',
      )
    if spec.label is not None and spec.label not in self._labels:
      known = ', '.join(sorted(self._labels)) or 'none'
      raise refusals.Refusal(
        'INVALID_ARGUMENT',
        'unknown_label',
        f'Unrecognized servable version label: {spec.label}; here are: '
        f'{known} (--version_label).',
      )
    return served

  def states(self, spec: ModelSpec) -> dict[int, str]:
    """Returns the states of versions, the newest first.

    Raises:
      Refusal: If there is none as the client asks for.
    """
    states = self._versions.states()
    if spec.name != self.name:
      raise refusals.Refusal(
        'NOT_FOUND',
        'unknown_model',
        f'Could not find any versions of model {spec.name}; here is '
        f'{self.name!r}.',
      )
    if spec.label is not None:
      spec = spec._replace(version=self.find(spec).version)
    if spec.version is None:
      return states
    if spec.version not in states:
      raise refusals.Refusal(
        'NOT_FOUND',
        'unknown_version',
        f'Could not find version {spec.version} of model {spec.name}; here is '
        f'version {self.served.version}.',
      )
    return {spec.version: states[spec.version]}

  def signature(
    self, served: versions_lib.Served, name: str | None
  ) -> tuple[str, signatures_lib.Signature]:
    """Returns the signature that a client asks for, and its name.

    Raises:
      Refusal: If there is none.
    """
    name = name or signatures_lib.DEFAULT
    found = served.predictor.signatures.get(name)
    if found is None:
      raise refusals.Refusal(
        'FAILED_PRECONDITION',
        'unknown_signature',
        f'Serving signature name: "{name[:80]}" not found in signature def; '
        f'choose one of {", ".join(sorted(served.predictor.signatures))}.',
      )
    return name, found

  async def predict(
    self,
    served: versions_lib.Served,
    signature: str,
    decode: Callable[[signatures_lib.Signature], Arrays],
  ) -> dict[str, np.ndarray]:
    """Answers a request for actions.

    Args:
      served: The version.
      signature: Name of the signature.
      decode: Makes the inputs of what the client sent, of the signature's
        types and shapes.

    Returns:
      Its outputs, all finite.

    Raises:
      Refusal: If there is no answer.
    """
    with _as_refusals():
      record = served.predictor.signatures[signature]
      arrays = decode(record)
      rows = len(next(iter(arrays.values()))) if record.batched else None
      if rows == 0 or rows and any(len(one) != rows for one in arrays.values()):
        # In a batch, what one lacks another could have too much.
        served.predictor.check(signature, arrays)
      return await self._batcher.run(served.predictor, signature, arrays, rows)

  @contextlib.asynccontextmanager
  async def in_time(self, seconds: float | None = None):
    """Bounds the time that the body takes, reading the request included.

    Args:
      seconds: What the client allows; the server's own limit holds too.

    Raises:
      Refusal: If the time is over.
    """
    limit_s = min(self.limits.time_s, seconds or self.limits.time_s)
    try:
      async with asyncio.timeout(limit_s):
        yield
    except TimeoutError as error:
      raise refusals.Refusal(
        'DEADLINE_EXCEEDED',
        'deadline',
        f'no answer within {limit_s:g} s; send less, or raise --time_limit.',
      ) from error

  def describe(self) -> dict[str, Any]:
    """Returns which versions of what are here."""
    served = self.served
    return {
      'awopt_agent': __version__,
      'tensorflow': tf.__version__,
      'model': self.name,
      'version': served.version,
      'policy': served.predictor.metadata['default_policy'],
      'exported_with_tensorflow': served.predictor.metadata['tensorflow'],
    }

  def drain(self) -> None:
    """Lets no further request in."""
    self._draining = True

  def close(self) -> None:
    """Computes what waits, and ends the threads."""
    self.drain()
    self._batcher.close()
    self._versions.close()


@contextlib.contextmanager
def _as_refusals() -> Iterator[None]:
  """Turns what was raised for a request into a refusal of it."""
  try:
    yield
  except refusals.Refusal:
    raise
  except batching.Full as error:
    raise refusals.Refusal(
      'RESOURCE_EXHAUSTED',
      'queue_full',
      'too many requests wait for the policy; send fewer at once.',
    ) from error
  except ValueError as error:
    raise refusals.Refusal(
      'INVALID_ARGUMENT', 'bad_input', files.first_line(error)
    ) from error
  except FloatingPointError as error:
    raise refusals.Refusal(
      'INTERNAL', 'not_finite', files.first_line(error)
    ) from error
  except Exception as error:  # Whatever a broken policy raises.
    raise refusals.Refusal(
      'INTERNAL', 'failed', f'the policy failed: {files.first_line(error)}'
    ) from error
