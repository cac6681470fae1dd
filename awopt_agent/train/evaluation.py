"""Success rates of policies, always with their number of episodes."""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import tensorflow as tf

from awopt_agent import statistics
from awopt_agent.envs import vector_env
from awopt_agent.train import stopping

__all__ = ['Evaluator', 'as_function', 'judged', 'kinds']


class Evaluator:
  """Runs policies on a fixed list of episodes, the same for each policy.

  Each environment of the batch has a fixed share of the episodes, so that
  short episodes do not count more often than long ones.
  """

  def __init__(
    self,
    env: vector_env.VectorEnv | vector_env.ProcessEnv,
    *,
    seed: int,
    success_threshold: float = 0.5,
    stop_requested: Callable[[], bool] = lambda: False,
  ):
    """Borrows an environment.

    Args:
      env: Batched; its state is given back after each evaluation.
      seed: Chooses the episodes; far from those of practice.
      success_threshold: An episode whose return reaches it is a success.
      stop_requested: Asked at each step; True ends the evaluation.
    """
    self._stop_requested = stop_requested
    self._env = env
    self._seed = seed
    self._success_threshold = success_threshold

  def evaluate(
    self, act: Callable[[Any], Any], episodes: int
  ) -> statistics.SuccessRate:
    """Runs a policy.

    Args:
      act: Maps a batched `TimeStep` of arrays to a nest of actions.
      episodes: How many.

    Returns:
      The policy's successes.

    Raises:
      Stopped: If a stop was asked for.
    """
    env = self._env
    saved = env.get_state()
    count = env.batch_size
    env.set_state(
      [{'seed': self._seed + i, 'episodes_begun': 0} for i in range(count)]
    )
    try:
      return self._run(act, episodes)
    finally:
      env.set_state(saved)

  def _run(self, act, episodes: int) -> statistics.SuccessRate:
    count = self._env.batch_size
    left = np.full(count, episodes // count) + (
      np.arange(count) < episodes % count
    )
    returns = np.zeros(count)
    successes = 0
    step = self._env.reset()
    while np.any(left > 0):
      if self._stop_requested():
        raise stopping.Stopped
      step = self._env.step(act(step))
      returns = np.where(step.is_first(), 0.0, returns + step.reward)
      ended = step.is_last() & (left > 0)
      successes += int(np.sum(ended & (returns >= self._success_threshold)))
      left -= ended
    return statistics.SuccessRate(successes, episodes)


def kinds(
  policies: Collection[str], headline: str, config, practised_episodes: int
) -> list[str]:
  """Returns the kinds of the policies to evaluate.

  Args:
    policies: Kinds of those that there are.
    headline: Kind of the one by which the run is judged.
    config: The run's `TrainConfig`.
    practised_episodes: So far.
  """
  if config.offline:
    return []
  if config.eval_headline_only:
    return [judged(policies, headline, practised_episodes)]
  return list(policies)


def judged(
  policies: Collection[str], headline: str, practised_episodes: int
) -> str:
  """Returns the kind of the policy by which a run is judged.

  Before any practice that is the actor's mode, where an actor learns: CEM finds
  the errors of a critic that has seen demonstrations alone. Later it is the
  headline.

  Args:
    policies: Kinds of those that there are.
    headline: Of the agent.
    practised_episodes: So far.
  """
  offline = not practised_episodes and 'actor' in policies
  return 'actor' if offline else headline


def as_function(policy) -> Callable[[Any], Any]:
  """Makes a function from time steps to actions, of arrays, of a TF policy.

  It keeps the policy's state between its calls, which must be the steps of
  one batch of environments.
  """
  graph = tf.function(policy.action, autograph=False)
  state: Any = None

  def act(time_step):
    nonlocal state
    tensors = tf.nest.map_structure(tf.convert_to_tensor, time_step)
    rows = len(tensors.step_type)
    if state is None or any(len(x) != rows for x in tf.nest.flatten(state)):
      state = policy.get_initial_state(rows)
    step = graph(tensors, state)
    state = step.state
    return tf.nest.map_structure(lambda x: x.numpy(), step.action)

  return act
