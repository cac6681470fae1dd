"""How long trials of a setting train, read off what they were made with."""

from collections.abc import Sequence
from typing import NamedTuple

from awopt_agent.train import config
from awopt_agent.trials.evidence import lookup

__all__ = ['Budget', 'budgets']


class Budget(NamedTuple):
  """The budget of a setting, as gin's text of each number.

  Attributes:
    grid: Name of the setting.
    demonstrations: Where they are.
    split: Which of them.
    pretrain_steps: Learner steps before practice.
    practice_episodes: Episodes of practice.
    replay_ratio: Learner steps for each environment step of practice.
    on_the_way: Episodes of an evaluation on the way.
    at_the_ends: Episodes of the evaluations after pre-training and at the end.
  """

  grid: str
  demonstrations: str
  split: str
  pretrain_steps: str
  practice_episodes: str
  replay_ratio: str
  on_the_way: str
  at_the_ends: str


_FIELDS = (
  'demonstrations',
  'split',
  'pretrain_steps',
  'practice_episodes',
  'replay_ratio',
  'eval_episodes',
  'final_eval_episodes',
)


def budgets(found: lookup.Lookup, wanted: Sequence[str]) -> list[Budget]:
  """Returns the budgets of settings.

  Args:
    found: The records.
    wanted: Names of settings; those that were not run are passed over.
  """
  return [
    _budget(grid, record.config)
    for grid in wanted
    if (record := found.typical(grid)) is not None
  ]


def _budget(grid: str, text: str) -> Budget:
  values = config.parameters(text)
  return Budget(
    grid,
    *(values.get(f'TrainConfig.{name}', '').strip("'") for name in _FIELDS),
  )
