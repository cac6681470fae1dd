"""Keeps the episodes of a robot's loop as RLDS, for learning."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tree

from awopt_agent import structs
from awopt_agent.demos import recording_writer, schema
from awopt_agent.serving import parts
from awopt_agent.serving.control import episode as episode_lib

__all__ = ['Recording', 'as_episode', 'as_stored']


class Recording:
  """Writes episodes into a data set, one after the other.

  An episode is in the set, whole, once `add` has returned. One that was cut
  short by a fault is there as truncated, without success, up to the last step
  whose consequence was seen.
  """

  def __init__(
    self,
    folder: str,
    policy: Any,
    *,
    append: bool = True,
    split: str = 'train',
    version: str = '1.0.0',
  ):
    """Prepares.

    Args:
      folder: Its last part names the set; see `awopt-demos record`.
      policy: A `Predictor` or `Follower`, for its specs.
      append: Whether to go on in a set that exists.
      split: Name of the split.
      version: Of the set, three numbers with dots.

    Raises:
      FileExistsError: If that version of the set exists and may not.
      ValueError: If folder or version are no names for TFDS.
    """
    self._spec = getattr(policy, 'predictor', policy).observation_spec
    self._writer = recording_writer.EpisodeWriter(
      folder, append=append, split=split, version=version
    )

  @property
  def episodes(self) -> int:
    """Episodes in the set."""
    return self._writer.episodes

  def add(self, played: episode_lib.Played) -> None:
    """Writes an episode; one without a transition is left out.

    Raises:
      ValueError: If the set has other fields.
      OSError: If the disk is full; what was written before is kept.
    """
    if played.trace.length:
      self._writer.add(as_stored(played, self._spec))


def as_stored(
  played: episode_lib.Played, observation_spec: Sequence[parts.Part]
) -> schema.StoredEpisode:
  """Returns what is written of an episode.

  Beside RLDS' fields, each step has the `structs.Source` of its action as
  `action_source`: 0 where a human took over. The episode has `success`, the
  `fault` or '', and kind and training step of its policy.

  Args:
    played: At least one transition.
    observation_spec: Parts, by whose bounds rounding is cut.
  """
  episode = as_episode(played, observation_spec)
  steps = schema.rows_from_episode(episode)
  steps[schema.ACTION_SOURCE] = episode.source
  return schema.StoredEpisode(
    steps,
    {
      'success': np.bool_(episode.success),
      'fault': str(played.fault or ''),
      'policy': played.policy,
      schema.POLICY_STEP: np.int64(episode.policy_step),
    },
  )


def as_episode(
  played: episode_lib.Played, observation_spec: Sequence[parts.Part]
) -> structs.Episode:
  """Returns an episode as the learner takes it; see `as_stored`."""
  trace = played.trace
  length = trace.length
  actions = trace.actions[:length]
  reward = np.zeros(length + 1, np.float32)
  discount = np.ones(length + 1, np.float32)
  discount[-1] = 0
  if played.fault is None:
    reward[-2] = played.success
    discount[-2] = 0
  return structs.Episode(
    observation=_cut(observation_spec, _stack(trace.observations)),
    action=_stack([*actions, tree.map_structure(np.zeros_like, actions[-1])]),
    reward=reward,
    discount=discount,
    is_terminal=played.fault is None,
    success=played.success and played.fault is None,
    # The last row's action means nothing, and so does who chose it.
    source=np.array([*trace.sources[:length], structs.Source.ACTOR], np.int32),
    policy_step=played.version,
  )


def _stack(nests: Sequence[Any]) -> Any:
  return tree.map_structure(lambda *leaves: np.stack(leaves), *nests)


def _cut(spec: Sequence[parts.Part], observation: Any) -> Any:
  """Cuts what rounding left beyond the bounds: readers allow none."""
  values = parts.flatten(spec, observation, 'observation')
  for part in spec:
    if part.minimum is not None or part.maximum is not None:
      values[part.name] = np.clip(values[part.name], part.minimum, part.maximum)
  return parts.pack(spec, values)
