"""Several critics as one."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from awopt_agent.learning.networks import base

__all__ = ['Ensemble']


class Ensemble(base.Critic):
  """Critics that learn apart, and value an action by the least of them.

  Source: TD3 (arXiv:1802.09477) section 4.2, for two.
  """

  def __init__(self, members: Sequence[base.Critic], name: str = 'ensemble'):
    """Joins critics, at least one, that share no variables."""
    super().__init__(name=name)
    self.members = list(members)

  def encode(self, observation: Any) -> list[tf.Tensor]:
    """Returns the features of each member."""
    return [member.encode(observation) for member in self.members]

  def score(self, features: list[tf.Tensor], actions: tf.Tensor) -> tf.Tensor:
    """Returns the least score `[B, N]` of all members."""
    scores = self.scores(features, actions)
    return tf.reduce_min(scores, axis=0)

  def scores(self, features: list[tf.Tensor], actions: tf.Tensor) -> tf.Tensor:
    """Returns the scores `[K, B, N]` of each of K members."""
    return tf.stack(
      [
        member.score(part, actions)
        for member, part in zip(self.members, features, strict=True)
      ]
    )
