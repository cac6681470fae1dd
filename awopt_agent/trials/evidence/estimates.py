"""How sure a mean over seeds, or a difference of such means, is.

The interval that decides is Student's, on the means of seeds, with Welch's
degrees of freedom; it is never narrower than what the number of evaluation
episodes alone gives. A percentile bootstrap over seeds, as rliable draws it, is
there to compare. It does not decide, because with three seeds it lies between
the least and the greatest of them, which hold the median of all runs in only
1 - 2/8 = 75% of the cases; `python -m tests.benchmarks.intervals` measures what
both hold.
"""

import math
import statistics as python_statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from awopt_agent import statistics
from awopt_agent.trials.evidence import measures, quantiles

__all__ = [
  'CONFIDENCE',
  'Estimate',
  'Term',
  'bootstrap',
  'deviation_between_seeds',
  'estimate',
]

CONFIDENCE = 0.9
_DRAWS = 4000


class Term(NamedTuple):
  """The mean of one method in one setting, times a coefficient.

  Attributes:
    coefficient: 1 for a mean; 1 and -1 for the two of a difference; divided
      by the number of settings where these are averaged.
    seeds: What each of its seeds measured.
  """

  coefficient: float
  seeds: tuple[measures.Measure, ...]


class Estimate(NamedTuple):
  """A sum of terms, with its interval.

  Attributes:
    value: Of the sum.
    interval: At 90%; not cut to [0, 1].
    seeds: The least number of seeds in a term. With one, the interval tells
      of that run alone: nothing is known about other seeds.
    episodes: The least number of evaluation episodes behind one rate.
  """

  value: float
  interval: statistics.Interval
  seeds: int
  episodes: int


def estimate(terms: Sequence[Term]) -> Estimate:
  """Estimates a sum of means over seeds.

  Args:
    terms: Independent of each other; none without seeds.

  Returns:
    The sum and its 90% interval: Student's t on the means of seeds, where the
    degrees of freedom are Welch's and Satterthwaite's, or what the number of
    evaluation episodes alone gives, if that is wider.

  Raises:
    ValueError: If there is no term, or one without seeds.

  Source: B. L. Welch, Biometrika 34 (1947), p. 28.
  """
  _check(terms)
  value = sum(
    term.coefficient * np.mean([one.value for one in term.seeds])
    for term in terms
  )
  half = max(_between_seeds(terms), _of_episodes(terms))
  return Estimate(
    value=float(value),
    interval=statistics.Interval(float(value - half), float(value + half)),
    seeds=min(len(term.seeds) for term in terms),
    episodes=min(
      rate.episodes
      for term in terms
      for one in term.seeds
      for rate in one.rates
    ),
  )


def bootstrap(
  terms: Sequence[Term], *, seed: int = 0, draws: int = _DRAWS
) -> statistics.Interval:
  """Returns the percentile interval of a bootstrap in two levels.

  Seeds are drawn again within each term, and the successes of each
  evaluation from the binomial of its rate.

  Args:
    terms: As for `estimate`.
    seed: Of the draws.
    draws: How many.

  Raises:
    ValueError: As `estimate`.

  Source: Agarwal et al., Deep RL at the edge of the statistical precipice
    (arXiv:2108.13264), section 4.1.
  """
  _check(terms)
  rng = np.random.default_rng(seed)
  sums = np.zeros(draws)
  for term in terms:
    chosen = rng.integers(len(term.seeds), size=(draws, len(term.seeds)))
    redrawn = np.stack([_redraw(one, chosen.shape, rng) for one in term.seeds])
    picked = np.take_along_axis(redrawn, chosen[np.newaxis], axis=0)[0]
    sums += term.coefficient * picked.mean(axis=1)
  tail = (1 - CONFIDENCE) / 2
  low, high = np.quantile(sums, [tail, 1 - tail])
  return statistics.Interval(float(low), float(high))


def deviation_between_seeds(
  groups: Sequence[Sequence[measures.Measure]],
) -> Estimate:
  """Estimates the standard deviation between seeds, pooled over settings.

  Args:
    groups: The seeds of each setting, two or more.

  Returns:
    The deviation and its 90% interval, by chi-square. The noise of the
    evaluations is in it.

  Raises:
    ValueError: If no group has two seeds.
  """
  df = sum(len(group) - 1 for group in groups)
  squares = sum(
    (len(group) - 1) * _variance([one.value for one in group])
    for group in groups
  )
  tail = (1 - CONFIDENCE) / 2
  low, high = (
    math.sqrt(squares / quantiles.chi_square(df, p)) for p in (1 - tail, tail)
  )
  return Estimate(
    value=math.sqrt(squares / df),
    interval=statistics.Interval(low, high),
    seeds=min(len(group) for group in groups),
    episodes=min(
      rate.episodes for group in groups for one in group for rate in one.rates
    ),
  )


def _between_seeds(terms: Sequence[Term]) -> float:
  """Returns the half width by Student's t; 0 where no seeds differ."""
  parts = [
    (
      term.coefficient**2
      * _variance([one.value for one in term.seeds])
      / len(term.seeds),
      len(term.seeds) - 1,
    )
    for term in terms
  ]
  variance = sum(part for part, _ in parts)
  if not variance:
    return 0.0
  df = variance**2 / sum(part**2 / df for part, df in parts if df)
  return quantiles.student_t(df, CONFIDENCE) * math.sqrt(variance)


def _of_episodes(terms: Sequence[Term]) -> float:
  """Returns the half width that the number of episodes alone gives."""
  variance = sum(
    term.coefficient**2
    * np.mean([one.deviation**2 for one in term.seeds])
    / len(term.seeds)
    for term in terms
  )
  z = python_statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
  return z * math.sqrt(variance)


def _variance(values: Sequence[float]) -> float:
  return float(np.var(values, ddof=1)) if len(values) > 1 else 0.0


def _redraw(
  one: measures.Measure, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
  total = np.zeros(shape)
  for weight, rate in zip(one.weights, one.rates, strict=True):
    if weight:
      drawn = rng.binomial(rate.episodes, rate.rate, shape)
      total += weight * drawn / rate.episodes
  return total


def _check(terms: Sequence[Term]) -> None:
  if not terms or not all(term.seeds for term in terms):
    raise ValueError(
      'an estimate needs terms, each with a seed or more, got seeds '
      f'{[len(term.seeds) for term in terms]}; leave out what was not run.'
    )
