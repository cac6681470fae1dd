"""Records that more than one package uses, and the legend of shapes.

Shape letters, here and in suffixes of names:
  B batch, T time (steps of an episode), N candidates, M elites, A action
  vector of the codec, F features.

Three words are never mixed:
  success    of an episode: its return reached the threshold;
  terminal   the environment ended there: no value follows (discount 0);
  truncated  the recording ended there: the value goes on (discount 1).
"""

import enum
from typing import Any, NamedTuple

import numpy as np

__all__ = ['Episode', 'EpisodeLabel', 'Experience', 'Source']


class Source(enum.IntEnum):
  """Who chose the actions of a transition."""

  DEMONSTRATION = 0
  ACTOR = 1
  CEM = 2


class EpisodeLabel(NamedTuple):
  """What a transition knows of its episode; every field has shape `[...]`.

  Attributes:
    success: bool, whether the episode's return reached the threshold.
    episode_id: int64, unique in a run.
    step: int32, index of the transition's first step in the episode.
    length: int32, number of transitions of the episode.
    source: int32, a `Source`.
    policy_step: int64, learner step of the policy that acted; 0 for
      demonstrations.
  """

  success: Any
  episode_id: Any
  step: Any
  length: Any
  source: Any
  policy_step: Any


class Experience(NamedTuple):
  """What the agent trains on.

  Attributes:
    trajectory: TF-Agents `Trajectory`, `[B, n + 1, ...]` consecutive steps.
    label: `EpisodeLabel` of shape `[B, n + 1]`.
  """

  trajectory: Any
  label: EpisodeLabel


class Episode(NamedTuple):
  """A whole episode of T transitions, in RLDS alignment.

  Row t holds the observation o_t, the action a_t, and the reward and the
  discount that followed a_t; in the last row, T, action, reward and discount
  mean nothing.

  Attributes:
    observation: Nest of arrays `[T + 1, ...]`.
    action: Nest of arrays `[T + 1, ...]`.
    reward: float32 `[T + 1]`.
    discount: float32 `[T + 1]`; 0 in row T - 1 if the episode ended in a
      terminal state, else 1.
    is_terminal: Whether the last observation is terminal (else truncated).
    success: Whether the return reached the threshold.
    source: The `Source` of all actions, or `[T + 1]` of them where several
      acted. The first tells whether the episode counts as a demonstration.
    policy_step: Learner step of the policy that acted.
  """

  observation: Any
  action: Any
  reward: np.ndarray
  discount: np.ndarray
  is_terminal: bool
  success: bool
  source: Any = Source.DEMONSTRATION
  policy_step: int = 0

  @property
  def length(self) -> int:
    """Number of transitions T."""
    return len(self.reward) - 1
