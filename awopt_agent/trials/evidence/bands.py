"""Learning curves of a method: the mean over its seeds, in a band."""

from collections.abc import Sequence
from typing import NamedTuple

from awopt_agent.trials import records
from awopt_agent.trials.evidence import estimates, measures

__all__ = ['AXES', 'Band', 'band']

AXES = ('episodes', 'seconds')


class Band(NamedTuple):
  """A curve with its 90% intervals, in [0, 1].

  Attributes:
    x: `[P]` episodes or seconds, growing.
    mean: `[P]` over seeds.
    low: `[P]` lower ends.
    high: `[P]` upper ends.
  """

  x: tuple[float, ...]
  mean: tuple[float, ...]
  low: tuple[float, ...]
  high: tuple[float, ...]


def band(found: Sequence[records.Record], axis: str) -> Band:
  """Returns a method's band wherever one of its seeds was evaluated.

  A method that does not practise has only what it learnt offline, once.

  Args:
    found: Its seeds, one or more.
    axis: One of `AXES`; seeds are interpolated along it, as far as all go.
  """
  curves = [measures.curve(record) for record in found]
  places = [getattr(curve, axis) for curve in curves]
  first, last = max(x[0] for x in places), min(x[-1] for x in places)
  grid = sorted({x for row in places for x in row if first <= x <= last})
  if not any(curve.episodes[-1] for curve in curves):
    grid = [last]
  rows = [
    estimates.estimate(
      [estimates.Term(1, tuple(curve.at(x, axis) for curve in curves))]
    )
    for x in grid
  ]
  return Band(
    x=tuple(map(float, grid)),
    mean=tuple(row.value for row in rows),
    low=tuple(max(0.0, row.interval.low) for row in rows),
    high=tuple(min(1.0, row.interval.high) for row in rows),
  )
