"""Success rates and how sure they are."""

import dataclasses
import math
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ['Interval', 'SuccessRate', 'wilson_interval']


class Interval(NamedTuple):
  """An interval of rates, both in [0, 1]."""

  low: float
  high: float

  def __str__(self) -> str:
    return f'[{self.low:.3f}, {self.high:.3f}]'


@dataclasses.dataclass(frozen=True)
class SuccessRate:
  """Successes among episodes."""

  successes: int
  episodes: int

  @property
  def rate(self) -> float:
    return self.successes / self.episodes

  @property
  def interval(self) -> Interval:
    """Wilson's interval, 90%."""
    return wilson_interval(self.successes, self.episodes)

  def as_record(self) -> dict[str, Any]:
    """Returns what `metrics.jsonl` holds."""
    low, high = self.interval
    return {
      'rate': round(self.rate, 4),
      'n': self.episodes,
      'low': round(low, 4),
      'high': round(high, 4),
    }

  @classmethod
  def from_record(cls, record: Mapping[str, Any]) -> 'SuccessRate':
    """Reads what `as_record` returned; exact below 5,000 episodes."""
    return cls(round(record['rate'] * record['n']), record['n'])

  def __str__(self) -> str:
    low, high = self.interval
    return f'{self.rate:.2f} [{low:.2f}, {high:.2f}]'


def wilson_interval(
  successes: int, n: int, confidence: float = 0.9
) -> Interval:
  """Returns Wilson's score interval of a success rate.

  Args:
    successes: Number of successes.
    n: Number of episodes. With none, nothing is known: the answer is [0, 1].
    confidence: How often such intervals hold the true rate, in (0, 1).

  Returns:
    The interval, inside [0, 1].

  Raises:
    ValueError: If the counts are no counts, or the confidence is none.

  Source: E. B. Wilson, Probable Inference, JASA 22 (1927), p. 209.
  """
  if not 0 <= successes <= n:
    raise ValueError(
      f'successes must lie in [0, n], got {successes} of n = {n}; '
      'count both over the same episodes.'
    )
  if not 0 < confidence < 1:
    raise ValueError(
      f'confidence must lie between 0 and 1, got {confidence}; pass .9 for 90%.'
    )
  if n == 0:
    return Interval(0.0, 1.0)
  z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
  rate, scale = successes / n, 1 + z * z / n
  middle = (rate + z * z / (2 * n)) / scale
  half = z / scale * math.sqrt(rate * (1 - rate) / n + (z / (2 * n)) ** 2)
  return Interval(max(0.0, middle - half), min(1.0, middle + half))
