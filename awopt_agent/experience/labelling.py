"""Holds an episode until its outcome is known, then labels its steps.

It knows no replay system: `write` may be any function, so that this observer
serves a TF-Agents loop with a replay buffer of its own.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory as trajectory_lib

from awopt_agent import structs

__all__ = ['EpisodeIds', 'LabellingObserver', 'label_episode', 'no_policy_info']


def label_episode(
  episode: structs.Episode,
  *,
  episode_id: int,
  policy_info: Any = (),
) -> structs.Experience:
  """Labels a recorded episode.

  Args:
    episode: T transitions.
    episode_id: Unique in a run.
    policy_info: Nest `[T + 1, ...]` that fills the trajectory's field.

  Returns:
    Experience `[T + 1, ...]`; its last step holds the last observation.
  """
  length = episode.length
  step_type = np.full(length + 1, ts.StepType.MID, np.int32)
  step_type[0], step_type[-1] = ts.StepType.FIRST, ts.StepType.LAST
  trajectory = trajectory_lib.Trajectory(
    step_type=step_type,
    observation=episode.observation,
    action=episode.action,
    policy_info=policy_info,
    next_step_type=np.append(step_type[1:], ts.StepType.FIRST).astype(np.int32),
    reward=_without_last(episode.reward, 0.0),
    discount=_without_last(episode.discount, 1.0),
  )
  return structs.Experience(
    trajectory,
    _label(
      length,
      success=episode.success,
      episode_id=episode_id,
      source=episode.source,
      policy_step=episode.policy_step,
    ),
  )


def no_policy_info(spec: Any, length: int) -> Any:
  """Returns zeros `[T + 1, ...]` where a policy would have told of itself.

  Args:
    spec: Nest of the policy info's specs, of tensors or arrays.
    length: T.
  """

  def fill(part):
    return np.zeros(
      [length + 1, *part.shape], tf.as_dtype(part.dtype).as_numpy_dtype
    )

  return tf.nest.map_structure(fill, spec)


class EpisodeIds:
  """Counts the episodes of a run; threads may share it."""

  def __init__(self, following: int = 0):
    """Starts to count.

    Args:
      following: The first id.
    """
    self.following = following
    self._lock = threading.Lock()

  def take(self) -> int:
    """Returns an id that nobody else has."""
    with self._lock:
      taken = self.following
      self.following += 1
    return taken


class LabellingObserver:
  """A driver's observer that hands on whole, labelled episodes.

  Takes trajectories of one environment or of a batch of them. An episode
  that has begun but not ended is held in memory, and lost with it.
  """

  def __init__(
    self,
    write: Callable[[structs.Experience], None],
    *,
    success_threshold: float = 0.5,
    episode_ids: EpisodeIds | None = None,
  ):
    """Starts with nothing held.

    Args:
      write: Receives each episode of T transitions as Experience
        `[T + 1, ...]`.
      success_threshold: An episode whose return reaches it is a success.
      episode_ids: Where its episodes get their ids; shared with the other
        sources of a run.
    """
    self._write = write
    self._success_threshold = success_threshold
    self._episode_ids = episode_ids or EpisodeIds()
    self._held: dict[int, list] = {}

  def __call__(self, trajectory: trajectory_lib.Trajectory) -> None:
    """Takes the next step of every environment."""
    trajectory = tf.nest.map_structure(np.asarray, trajectory)
    # Copied, since an environment may fill the same arrays at each step.
    if trajectory.step_type.ndim == 0:
      self._take(0, tf.nest.map_structure(np.array, trajectory))
      return
    for index in range(len(trajectory.step_type)):
      self._take(
        index,
        tf.nest.map_structure(lambda x, i=index: np.array(x[i]), trajectory),
      )

  def _take(self, index: int, step: trajectory_lib.Trajectory) -> None:
    steps = self._held.setdefault(index, [])
    if step.step_type == ts.StepType.FIRST:
      steps.clear()
    elif not steps:
      return  # Joined in the middle of an episode: its start is not known.
    steps.append(step)
    if step.step_type == ts.StepType.LAST:
      self._finish(steps)
      steps.clear()

  def _finish(self, steps: list) -> None:
    stacked = tf.nest.map_structure(lambda *x: np.stack(x), *steps)
    stacked = stacked._replace(
      reward=_without_last(stacked.reward, 0.0),
      discount=_without_last(stacked.discount, 1.0),
    )
    info = stacked.policy_info
    label = _label(
      len(steps) - 1,
      success=stacked.reward.sum() >= self._success_threshold,
      episode_id=self._episode_ids.take(),
      source=_first(info, 'source', structs.Source.ACTOR),
      policy_step=_first(info, 'policy_step', 0),
    )
    self._write(structs.Experience(stacked, label))


def _label(length: int, **values) -> structs.EpisodeLabel:
  dtypes = {
    'success': bool,
    'episode_id': np.int64,
    'source': np.int32,
    'policy_step': np.int64,
  }
  columns = {
    name: np.full(length + 1, value, dtypes[name])
    for name, value in values.items()
  }
  return structs.EpisodeLabel(
    step=np.arange(length + 1, dtype=np.int32),
    length=np.full(length + 1, length, np.int32),
    **columns,
  )


def _without_last(values: np.ndarray, filler: float) -> np.ndarray:
  """Replaces the last entry, which means nothing, by a fixed value."""
  return np.append(values[:-1], filler).astype(np.float32)


def _first(info: Any, field: str, default: int) -> int:
  """Returns a field of the episode's first policy info, where it has one."""
  values = getattr(info, field, None)
  return int(values[0]) if values is not None else int(default)
