"""What a critic and an actor are: two functions each."""

import abc
from typing import Any

import tensorflow as tf

from awopt_agent.learning import action_distribution

__all__ = ['Actor', 'Critic', 'variables_of']


class Critic(tf.Module, abc.ABC):
  """A critic is two functions. Its variables exist once it is built."""

  @abc.abstractmethod
  def encode(self, observation: Any) -> tf.Tensor:
    """Maps a nest of observations `[B, ...]` to features `[B, ...]`."""

  @abc.abstractmethod
  def score(self, features: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
    """Scores actions.

    Args:
      features: `[B, ...]`, from `encode`.
      actions: `[B, N, A]` action vectors of the codec.

    Returns:
      `[B, N]`; a logit of the value under the cross-entropy loss, else the
      value itself.
    """


class Actor(tf.Module, abc.ABC):
  """An actor is two functions. Its variables exist once it is built."""

  @property
  def learned(self) -> list[tf.Variable]:
    """What the actor's loss changes."""
    return list(self.trainable_variables)

  @abc.abstractmethod
  def encode(self, observation: Any) -> tf.Tensor:
    """Maps a nest of observations `[B, ...]` to features `[B, F]`."""

  @abc.abstractmethod
  def distribution(
    self, features: tf.Tensor
  ) -> action_distribution.ActionDistribution:
    """Maps features `[B, F]` to a distribution over action vectors."""


def variables_of(*modules: tf.Module) -> list[tf.Variable]:
  """Returns the variables of modules that may share some, each once."""
  found = {v.ref(): v for module in modules for v in module.variables}
  return list(found.values())
