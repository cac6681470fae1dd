"""Holds the replay ratio: neither practice nor the learner runs away."""

from collections.abc import Mapping
from typing import Any

from awopt_agent.train import train_config
from awopt_agent.train.roles import config as roles_config

__all__ = ['Flow']


class Flow:
  """Who may go on, by what both sides have done so far."""

  def __init__(
    self, train: train_config.TrainConfig, roles: roles_config.RolesConfig
  ):
    """Takes the configuration of the run."""
    self._train = train
    self._lead_steps = roles.max_lead_steps

  @property
  def learner_lead(self) -> int:
    """Learner steps by which it may be ahead of practice, at least one.

    Each waits for the other else: rounded down, it may never be level.
    """
    return max(1, round(self._train.replay_ratio * self._lead_steps))

  def is_practised(self, counters: Mapping[str, Any]) -> bool:
    """Tells whether there were enough episodes.

    Args:
      counters: Of the replay role.
    """
    return counters['episodes'] >= self._train.practice_episodes

  def learner_steps_due(self, counters: Mapping[str, Any]) -> int:
    """Returns how many learner steps belong to the practice so far.

    Args:
      counters: Of the replay role.
    """
    train = self._train
    return train.pretrain_steps + round(train.replay_ratio * counters['steps'])

  def learner_steps_allowed(self, counters: Mapping[str, Any]) -> int:
    """Returns the learner step up to which it may go.

    Args:
      counters: Of the replay role.
    """
    due = self.learner_steps_due(counters)
    if self.is_practised(counters):
      return due
    return due + self.learner_lead

  def is_learnt(self, counters: Mapping[str, Any], learner_step: int) -> bool:
    """Tells whether the run has nothing left to learn."""
    return self.is_practised(
      counters
    ) and learner_step >= self.learner_steps_due(counters)

  def may_practise(
    self, counters: Mapping[str, Any], learner_step: int
  ) -> bool:
    """Tells whether a collector may begin another round.

    Args:
      counters: Of the replay role.
      learner_step: Of the newest weights.
    """
    train = self._train
    learnt = learner_step - train.pretrain_steps
    if learnt < 0 or self.is_practised(counters):
      return False
    return counters['steps'] <= learnt / train.replay_ratio + self._lead_steps
