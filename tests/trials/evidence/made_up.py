"""Records of whole methods that nobody ran."""

from awopt_agent import statistics
from awopt_agent.trials import records
from awopt_agent.trials.evidence import lookup
from tests.trials import fakes

CONFIG = """
TrainConfig.demonstrations = 'data/bowl'
TrainConfig.split = 'train[:4]'
TrainConfig.pretrain_steps = 100
TrainConfig.practice_episodes = 2000
TrainConfig.replay_ratio = 0.5
TrainConfig.eval_episodes = 100
TrainConfig.final_eval_episodes = 700
"""


def rate(share, episodes=700):
  return {'cem': statistics.SuccessRate(round(share * episodes), episodes)}


def method(grid, variant, shares, *, episodes=2000, **changes):
  """Returns a record for each seed.

  Args:
    grid: Name of the setting.
    variant: Name of the method.
    shares: Of each seed, success after pre-training and at the end; halfway
      it is their mean.
    episodes: Of practice.
    changes: Of the records.
  """
  return [
    fakes.make_record(
      grid=grid,
      variant=variant,
      seed=seed,
      points=_points(before, after, episodes),
      **{'config': CONFIG, 'seconds': 120.0, **changes},
    )
    for seed, (before, after) in enumerate(shares)
  ]


def _points(before, after, episodes):
  points = [
    fakes.make_point('pretrain', success=rate(before)),
    fakes.make_point(
      'practice', episodes // 2, success=rate((before + after) / 2, 100)
    ),
    fakes.make_point('end', episodes, success=rate(after)),
  ]
  return tuple(points if episodes else (points[0], points[2]))


def found(*methods):
  """Returns a lookup of the records of methods."""
  return lookup.Lookup(record for one in methods for record in one)


def write(folder, *methods):
  """Writes the records of methods."""
  for one in methods:
    for record in one:
      records.write(record, str(folder))
