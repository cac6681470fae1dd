"""How much a server takes from its clients."""

import dataclasses
import math
import time
from collections.abc import Callable

__all__ = ['Limits', 'TokenBucket']


@dataclasses.dataclass(frozen=True)
class Limits:
  """Bounds of a server; what is beyond them is refused, with the reason.

  Attributes:
    request_bytes: Of one request's body.
    rows: Of one request; a small picture file may fill megabytes.
    batch: Rows of several requests that are computed together, at most.
    waiting: Requests that wait for the policy, at most.
    connections: Requests under way, for each protocol.
    time_s: From a request's first byte to its answer.
    rate_per_s: Requests for actions in a second, of all clients; None for no
      limit.
    burst: Requests that may come at once where there is such a limit.
  """

  request_bytes: int = 16 << 20
  rows: int = 256
  batch: int = 32
  waiting: int = 64
  connections: int = 128
  time_s: float = 5.0
  rate_per_s: float | None = None
  burst: int = 20

  def __post_init__(self):
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      if value is not None and not (value > 0 and math.isfinite(value)):
        raise ValueError(f'Limits.{field.name} must be > 0, got {value}.')


class TokenBucket:
  """Lets so many requests through in a second; not for several threads."""

  def __init__(
    self,
    rate_per_s: float,
    burst: int,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Begins full.

    Args:
      rate_per_s: Requests in a second, in the long run.
      burst: Requests at once.
      clock: Seconds since whenever.
    """
    self._rate_per_s = rate_per_s
    self._burst = burst
    self._clock = clock
    self._tokens = float(burst)
    self._then_s = clock()

  def take(self) -> float:
    """Takes a token; returns 0, or the seconds until there will be one."""
    now_s = self._clock()
    gained = (now_s - self._then_s) * self._rate_per_s
    self._tokens = min(self._burst, self._tokens + gained)
    self._then_s = now_s
    if self._tokens >= 1:
      self._tokens -= 1
      return 0.0
    return (1 - self._tokens) / self._rate_per_s
