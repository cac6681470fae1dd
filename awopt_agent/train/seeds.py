"""Which environment seeds a run's seed stands for.

Practice, the evaluations of a run, and `awopt-evaluate` never share an
episode, nor do two runs of different seeds.
"""

__all__ = ['EVALUATION', 'MEASURING', 'PRACTICE', 'first_environment_seed']

PRACTICE, EVALUATION, MEASURING = 0, 1, 2

_ENVIRONMENTS = 10_000
_SEEDS = 100_000


def first_environment_seed(purpose: int, seed: int) -> int:
  """Returns the seed of the first of up to 10,000 environments.

  Args:
    purpose: `PRACTICE`, `EVALUATION` or `MEASURING`.
    seed: Of the run.

  Raises:
    ValueError: If the seed is out of range.
  """
  if not 0 <= seed < _SEEDS:
    raise ValueError(f'--seed must be in 0..{_SEEDS - 1}, got {seed}.')
  return (purpose * _SEEDS + seed) * _ENVIRONMENTS
