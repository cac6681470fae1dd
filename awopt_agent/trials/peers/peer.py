"""A peer as something that learns from episodes and acts on nests."""

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from tf_agents.policies import py_policy
from tf_agents.trajectories import policy_step

from awopt_agent import structs
from awopt_agent.trials.peers import config as config_lib
from awopt_agent.trials.peers import process as process_lib
from awopt_agent.trials.peers import vectors as vectors_lib

__all__ = ['ExploringPolicy', 'Peer']


class Peer:
  """An algorithm in another process, between the nests of an environment.

  Attributes:
    learner_step: Learner steps so far.
    versions: Of the libraries by which it learns, by their names.
  """

  def __init__(
    self,
    name: str,
    process: process_lib.PeerProcess,
    env: Any,
    *,
    batch_size: int,
    seed: int,
  ):
    """Makes the algorithm in its process, by the configuration in force.

    Args:
      name: One of `config.PEERS`.
      process: Started; the caller closes it.
      env: With the specs of the task.
      batch_size: Transitions in a batch.
      seed: Of weights, batches and exploration.

    Raises:
      ValueError: If the peer takes no such observations, actions or numbers.
    """
    config = config_lib.PeerConfig()
    settings = config.settings(config_lib.PEERS[name](), batch_size)
    self._vectors = vectors_lib.Vectors(
      env.observation_spec(), env.action_spec(), zooms=config.zooms
    )
    self._process = process
    self.learner_step = 0
    self.versions = process.ask(
      'start',
      peer=name,
      observation_size=self._vectors.observation_size,
      action_size=self._vectors.action_size,
      seed=seed,
      threads=_threads(),
      batch_size=batch_size,
      settings=json.dumps(settings),
    )

  def as_episode(self, experience: structs.Experience) -> dict[str, Any]:
    """Returns an episode `[T + 1, ...]` in the form of `Vectors.episode`."""
    return self._vectors.episode(experience)

  def add(self, episode: Mapping[str, Any]) -> None:
    """Takes an episode, in the form of `as_episode`."""
    self._process.ask('add', **episode)

  def learn(self, steps: int) -> dict[str, float]:
    """Takes learner steps.

    Returns:
      The losses of the last one, by d3rlpy's names.

    Raises:
      ValueError: If one is not finite.
    """
    losses = self._process.ask('update', steps=steps)
    self.learner_step += steps
    for name, loss in losses.items():
      if not math.isfinite(loss):
        raise ValueError(
          f'{name} of the peer became NaN or infinite by learner step '
          f'{self.learner_step}; lower its learning rates.'
        )
    return losses

  def act(self, time_step: Any, *, explore: bool = False) -> Any:
    """Maps a batched time step of arrays to a nest of actions.

    Args:
      time_step: `[B]`.
      explore: Whether it acts as the peer itself explores, else greedily.
    """
    observations = self._vectors.observe(time_step.observation)
    answer = self._process.ask(
      'act', observations=observations, explore=explore
    )
    return self._vectors.decode(np.asarray(answer['actions'], np.float32))

  def save(self, path: str) -> None:
    """Writes weights, optimisers and chance to a file."""
    self._process.ask('save', path=os.path.abspath(path))

  def load(self, path: str) -> None:
    """Takes up what `save` wrote."""
    answer = self._process.ask('load', path=os.path.abspath(path))
    self.learner_step = answer['step']


class ExploringPolicy(py_policy.PyPolicy):
  """A peer, as practice takes a policy."""

  def __init__(self, peer: Peer, env: Any):
    super().__init__(env.time_step_spec(), env.action_spec())
    self._peer = peer

  def _action(self, time_step, policy_state, seed=None):
    del seed  # Chance is in the peer's process.
    action = self._peer.act(time_step, explore=True)
    return policy_step.PolicyStep(action, policy_state)


def _threads() -> int:
  """Returns how many cores it may use: all but one, which the simulator has."""
  return max(1, len(os.sched_getaffinity(0)) - 1)
