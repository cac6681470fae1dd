"""What is read off one trial: a weighted sum of measured success rates."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from awopt_agent import statistics
from awopt_agent.trials import records

__all__ = ['EARLY_EPISODES', 'MEASURES', 'Curve', 'Measure', 'curve']

EARLY_EPISODES = 1000
_OF_THE_TRAINING = ('pretrain', 'practice', 'end')
_EVALUATED = 'evaluate'
# Wilson's z^2 at 90%: a rate of 0 or 1 is uncertain too.
_PRIOR = 2.7055


class Measure(NamedTuple):
  """A weighted sum of success rates.

  Attributes:
    weights: One for each rate.
    rates: As measured.
  """

  weights: tuple[float, ...]
  rates: tuple[statistics.SuccessRate, ...]

  @property
  def value(self) -> float:
    return sum(
      weight * rate.rate
      for weight, rate in zip(self.weights, self.rates, strict=True)
    )

  @property
  def deviation(self) -> float:
    """Standard deviation that comes of the number of episodes.

    Evaluations of one run share their episodes, so their errors may all point
    the same way: deviations, not variances, are summed.
    """
    return sum(
      abs(weight) * _deviation(rate)
      for weight, rate in zip(self.weights, self.rates, strict=True)
    )

  def __sub__(self, other: 'Measure') -> 'Measure':
    """Returns the difference of two measures of the same trial."""
    negative = tuple(-weight for weight in other.weights)
    return Measure(self.weights + negative, self.rates + other.rates)


class Curve(NamedTuple):
  """Success of the policy by which a trial is judged, as it goes.

  Attributes:
    episodes: `[P]`, practised until then, growing.
    seconds: `[P]`, for which the trial had run until then.
    rates: `[P]`.
  """

  episodes: tuple[float, ...]
  seconds: tuple[float, ...]
  rates: tuple[statistics.SuccessRate, ...]

  def at(self, x: float, axis: str = 'episodes') -> Measure:
    """Returns the success at a place, interpolated.

    Args:
      x: In the unit of the axis, between its ends.
      axis: `episodes` or `seconds`.
    """
    places = getattr(self, axis)
    return self._weighted(
      [float(np.interp(x, places, row)) for row in np.eye(len(places))]
    )

  def mean(self, until: float | None = None) -> Measure | None:
    """Returns the mean success over practice: area under the curve by length.

    Before its first point a curve is as high as there. A method that does not
    practise stays what it is.

    Args:
      until: Episodes; None for all.

    Returns:
      None if practice ended before.
    """
    last = self.episodes[-1]
    if not last:
      return self._weighted([0.0] * (len(self.rates) - 1) + [1.0])
    end = last if until is None else until
    if last < end:
      return None
    inner = [x for x in self.episodes if x < end]
    heights = np.eye(len(self.rates))
    x = np.array([0, *inner, end])
    return self._weighted(
      [
        float(np.trapz(np.interp(x, self.episodes, row), x) / end)
        for row in heights
      ]
    )

  def _weighted(self, weights: Sequence[float]) -> Measure:
    return Measure(tuple(weights), self.rates)


def curve(record: records.Record) -> Curve:
  """Returns a trial's curve.

  It is of one policy: where practice is judged by another one than what went
  before, the curve begins with the first measurement of practice.

  Raises:
    ValueError: If it has no measurement of the policy that is judged.
  """
  judged = [
    (point, rate)
    for point in record.points
    if point.phase in _OF_THE_TRAINING and (rate := record.judged(point))
  ]
  if not judged:
    raise ValueError(
      f'the record of {record.trial} holds no success of its policy '
      f'{record.headline!r}; delete it, and run awopt-report again.'
    )
  kind = record.judged_kind(judged[-1][0])
  found = [
    (point.episodes, point.seconds, rate)
    for point, rate in judged
    if record.judged_kind(point) == kind
  ]
  return Curve(*map(tuple, zip(*found, strict=True)))


def _offline(record: records.Record) -> Measure | None:
  for point in record.points:
    if point.phase == 'pretrain' and (rate := record.judged(point)):
      return Measure((1.0,), (rate,))
  return None


def _end(record: records.Record) -> Measure | None:
  return Measure((1.0,), curve(record).rates[-1:])


def _gain(record: records.Record) -> Measure | None:
  before, after = _offline(record), _end(record)
  return after - before if before and after else None


def _mean(record: records.Record) -> Measure | None:
  return curve(record).mean()


def _early(record: records.Record) -> Measure | None:
  return curve(record).mean(EARLY_EPISODES)


def _unseen(record: records.Record) -> Measure | None:
  found = [
    rate
    for point in record.points
    if point.phase == _EVALUATED and (rate := record.judged(point))
  ]
  return Measure((1.0,), tuple(found[-1:])) if found else None


# By name: of the judged policy after pre-training; at the end; end less
# offline; mean over practice; mean over its first episodes; after the
# training, in a world that it never saw.
MEASURES: dict[str, Callable[[records.Record], Measure | None]] = {
  'offline': _offline,
  'end': _end,
  'gain': _gain,
  'mean': _mean,
  'early': _early,
  'unseen': _unseen,
}


def _deviation(rate: statistics.SuccessRate) -> float:
  episodes = rate.episodes + _PRIOR
  p = (rate.successes + _PRIOR / 2) / episodes
  return math.sqrt(p * (1 - p) / episodes)
