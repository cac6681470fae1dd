"""Episodes as d3rlpy's replay buffers hold them."""

import d3rlpy
import numpy as np

__all__ = ['Replay']


class Replay:
  """Demonstrations and practice, sampled in proportion or by a share."""

  def __init__(
    self,
    observation_size: int,
    action_size: int,
    *,
    n_step: int,
    gamma: float,
    demonstration_fraction: float | None,
  ):
    """Starts empty.

    Args:
      observation_size: O.
      action_size: A.
      n_step: Rewards in a target before the value.
      gamma: By which these are discounted.
      demonstration_fraction: Share of a batch from demonstrations, while there
        are both; None draws from all transitions alike.
    """
    self._sizes = observation_size, action_size
    self._picker = (
      d3rlpy.dataset.MultiStepTransitionPicker(n_step, gamma)
      if n_step > 1
      else d3rlpy.dataset.BasicTransitionPicker()  # It is faster.
    )
    self.practice = self._make_buffer()
    self.demonstrations = self.practice
    self._both: d3rlpy.dataset.ReplayBufferBase = self.practice
    if demonstration_fraction is not None:
      self.demonstrations = self._make_buffer()
      self._both = d3rlpy.dataset.MixedReplayBuffer(
        self.practice, self.demonstrations, demonstration_fraction
      )

  def _make_buffer(self) -> d3rlpy.dataset.ReplayBuffer:
    observation_size, action_size = self._sizes
    signatures = [
      d3rlpy.dataset.Signature([np.dtype(np.float32)], [(size,)])
      for size in (observation_size, action_size, 1)
    ]
    return d3rlpy.dataset.ReplayBuffer(
      d3rlpy.dataset.InfiniteBuffer(),
      transition_picker=self._picker,
      observation_signature=signatures[0],
      action_signature=signatures[1],
      reward_signature=signatures[2],
      action_space=d3rlpy.constants.ActionSpace.CONTINUOUS,
      action_size=action_size,
    )

  def add(
    self,
    observations: np.ndarray,
    actions: np.ndarray,
    rewards: np.ndarray,
    *,
    terminal: bool,
    demonstration: bool,
  ) -> None:
    """Takes a whole episode of T transitions.

    Args:
      observations: `[T + 1, O]`.
      actions: `[T + 1, A]`; the last means nothing.
      rewards: `[T + 1]`; likewise.
      terminal: Whether it ended in a terminal state, else it was truncated.
      demonstration: Whether it is one.
    """
    # d3rlpy takes the last row of a truncated episode as what follows, and
    # makes no transition of it; of a terminal one it wants no such row.
    rows = len(rewards) - 1 if terminal else len(rewards)
    buffer = self.demonstrations if demonstration else self.practice
    buffer.append_episode(
      d3rlpy.dataset.Episode(
        observations[:rows].astype(np.float32),
        actions[:rows].astype(np.float32),
        rewards[:rows, np.newaxis].astype(np.float32),
        terminated=terminal,
      )
    )

  @property
  def transitions(self) -> int:
    """How many it holds."""
    buffers = {id(b): b for b in (self.demonstrations, self.practice)}
    return sum(buffer.transition_count for buffer in buffers.values())

  def sample(self, batch_size: int) -> d3rlpy.dataset.TransitionMiniBatch:
    """Draws a batch, from what there is while one kind is missing."""
    for one, other in (
      (self.demonstrations, self.practice),
      (self.practice, self.demonstrations),
    ):
      if not one.transition_count:
        return other.sample_transition_batch(batch_size)
    return self._both.sample_transition_batch(batch_size)
