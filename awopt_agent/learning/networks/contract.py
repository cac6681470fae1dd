"""Checks that a critic or an actor gives what its contract says.

A user's own network meets it here, in one line, and not as a broadcast deep in
a loss.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tf_agents.specs import tensor_spec

from awopt_agent.learning.networks import base

__all__ = ['check_actor', 'check_critic']

_ROWS, _ACTIONS = 2, 3


def check_critic(critic: base.Critic, observation_spec: Any, size: int) -> None:
  """Scores some actions.

  Args:
    critic: The network.
    observation_spec: Nest of tensor specs.
    size: A, length of an action vector.

  Raises:
    ValueError: If the scores are not `[B, N]`.
  """
  features = critic.encode(_observations(observation_spec))
  scores = critic.score(features, tf.zeros([_ROWS, _ACTIONS, size]))
  _require(critic, 'score', scores, [_ROWS, _ACTIONS], '[B, N]')


def check_actor(
  actor: base.Actor,
  observation_spec: Any,
  continuous_size: int,
  discrete_sizes: Sequence[int],
) -> None:
  """Draws actions.

  Args:
    actor: The network.
    observation_spec: Nest of tensor specs.
    continuous_size: C, continuous entries of an action vector.
    discrete_sizes: Length of each one-hot group after them.

  Raises:
    ValueError: If a mode is not `[B, A]`, draws are not `[B, N, A]`, or a
      likelihood is not `[B]`.
  """
  size = continuous_size + sum(discrete_sizes)
  distribution = actor.distribution(
    actor.encode(_observations(observation_spec))
  )
  mode = distribution.mode()
  _require(actor, 'distribution().mode', mode, [_ROWS, size], '[B, A]')
  draws = distribution.sample(_ACTIONS, tf.constant([0, 0]))
  shape = [_ROWS, _ACTIONS, size]
  _require(actor, 'distribution().sample', draws, shape, '[B, N, A]')
  log_prob = distribution.log_prob(mode)
  _require(actor, 'distribution().log_prob', log_prob, [_ROWS], '[B]')


def _observations(spec: Any) -> Any:
  return tensor_spec.sample_spec_nest(spec, seed=0, outer_dims=[_ROWS])


def _require(network, what: str, found, shape: list[int], letters: str) -> None:
  if found.shape.as_list() != shape:
    raise ValueError(
      f'{type(network).__name__}.{what} must give {letters}, here {shape}, got '
      f'{found.shape.as_list()}; see awopt_agent.learning.networks.base.'
    )
