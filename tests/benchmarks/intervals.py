"""How often 90% intervals of few seeds hold the truth.

  python -m tests.benchmarks.intervals

Made-up methods, whose success differs between seeds by a beta distribution and
is evaluated in so many episodes; the mean of one, and the difference of two
equal ones. A minute.
"""

import itertools

import numpy as np

from awopt_agent import statistics
from awopt_agent.trials.evidence import estimates, measures

_TRIES = 300
_DRAWS = 300
_MEANS_AND_DEVIATIONS = ((0.3, 0.0), (0.3, 0.05), (0.3, 0.15), (0.95, 0.03))


def main():
  print('| seeds | episodes | success | between seeds | ', end='')
  print('mean: Student, bootstrap | difference: Student, bootstrap |')
  print('|---|---|---|---|---|---|')
  for seeds, episodes, (mean, deviation) in itertools.product(
    (3, 10), (100, 700), _MEANS_AND_DEVIATIONS
  ):
    one, two = (
      coverage(count, seeds, episodes, mean, deviation) for count in (1, 2)
    )
    print(
      f'| {seeds} | {episodes} | {mean} | {deviation} | {one[0]:.2f}, '
      f'{one[1]:.2f} | {two[0]:.2f}, {two[1]:.2f} |'
    )


def coverage(methods, seeds, episodes, mean, deviation, tries=_TRIES):
  """Returns how often Student's and the bootstrap's intervals hold the truth.

  Args:
    methods: 1 for a mean, 2 for a difference.
    seeds: Of each.
    episodes: Of an evaluation.
    mean: Success over all seeds.
    deviation: Of the seeds' success.
    tries: How often it is tried.
  """
  rng = np.random.default_rng(0)
  truth = mean if methods == 1 else 0.0
  held = np.zeros(2)
  for _ in range(tries):
    terms = [
      estimates.Term(sign, _seeds(rng, seeds, episodes, mean, deviation))
      for sign in (1.0, -1.0)[:methods]
    ]
    intervals = (
      estimates.estimate(terms).interval,
      estimates.bootstrap(terms, draws=_DRAWS),
    )
    held += [one.low <= truth <= one.high for one in intervals]
  return held / tries


def _seeds(rng, seeds, episodes, mean, deviation):
  rates = np.full(seeds, mean)
  if deviation:
    size = mean * (1 - mean) / deviation**2 - 1
    rates = rng.beta(mean * size, (1 - mean) * size, seeds)
  return tuple(
    measures.Measure(
      (1.0,), (statistics.SuccessRate(int(successes), episodes),)
    )
    for successes in rng.binomial(episodes, rates)
  )


if __name__ == '__main__':
  main()
