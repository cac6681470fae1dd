"""Numbers as the pages write them."""

import math

from awopt_agent import statistics
from awopt_agent.trials.evidence import estimates, judging

__all__ = [
  'caveats',
  'difference',
  'estimate',
  'limits',
  'minutes',
  'rate',
  'result',
]

_NONE = '–'


def rate(value: float) -> str:
  """Returns a rate of two digits: .05, 1.00, -.20."""
  text = f'{value + 0.0:.2f}'
  if text == '-0.00':
    text = '0.00'
  return text.replace('0.', '.', 1) if abs(value) < 0.995 else text


def estimate(found: estimates.Estimate | None) -> str:
  """Returns a rate with its interval: .87 [.82, .91]."""
  if found is None:
    return _NONE
  return f'{rate(found.value)} [{", ".join(map(rate, found.interval))}]'


def difference(found: estimates.Estimate) -> str:
  """Returns a difference with its interval: +.24 [-.20, +.28]."""
  ends = ', '.join(map(_signed, found.interval))
  return f'{_signed(found.value)} [{ends}]'


def result(one: judging.PartResult) -> str:
  """Returns the number of a part of a claim: a rate or a difference.

  Args:
    one: A part that was run. Of a difference of two methods, what each has
      follows: +.31 [+.28, +.34] (.31 - .00).
  """
  found = one.estimate
  if found is None:
    raise ValueError(f'{one.part.text!r} was not run; name what is missing.')
  if one.part.right is not None:
    rates = ' - '.join(rate(side.value) for _, side in one.sides)
    return f'{difference(found)} ({rates})'
  if one.part.left.measure == 'gain':
    return difference(found)
  low, high = (min(max(end, 0.0), 1.0) for end in found.interval)
  return estimate(found._replace(interval=statistics.Interval(low, high)))


def caveats(one: judging.PartResult) -> str:
  """Returns what must be known of a part's verdict beside its number."""
  if one.missing:
    return f' (not run: {", ".join(one.missing)})'
  if one.estimate is not None and one.estimate.seeds == 1:
    return ' (of one seed)'
  if one.bootstrap not in (None, one.verdict):
    return f' (bootstrap: {one.bootstrap})'
  return ''


def limits(within: tuple[float, float]) -> str:
  """Returns where a number must lie: above .05, within ±.10."""
  low, high = within
  if low == -high:
    return f'within ±{rate(high)}'
  if math.isinf(high):
    return f'above {rate(low) if low else 0}'
  if math.isinf(low):
    return f'below {rate(high) if high else 0}'
  return f'between {rate(low)} and {rate(high)}'


def minutes(value: float) -> str:
  """Returns minutes, or hours where there are many: 4.2 min, 3.5 h."""
  if value >= 120:
    return f'{value / 60:.1f} h'
  return f'{value:.1f} min' if value < 10 else f'{value:.0f} min'


def _signed(value: float) -> str:
  text = rate(value)
  return text if text.startswith('-') or text == '.00' else f'+{text}'
