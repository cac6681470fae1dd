"""Reads RLDS episodes from a TFDS data set, one after the other."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from awopt_agent import structs
from awopt_agent.demos import mapping as mapping_lib
from awopt_agent.demos import schema, sources, validator

__all__ = ['Outcome', 'read_both', 'read_episodes', 'read_stored']

# Our episode, or why there is none.
Outcome = structs.Episode | schema.BadEpisodeError

# Steps that are stacked in one go: most episodes are shorter.
_AT_ONCE = 1 << 16


def read_episodes(
  source: str,
  split: str = 'train',
  *,
  mapping: mapping_lib.Mapping | mapping_lib.EpisodeMapper | None = None,
  success_threshold: float = schema.DEFAULT_SUCCESS_THRESHOLD,
  time_step_spec: Any = None,
  action_spec: Any = None,
  on_refused: Callable[[str], None] | None = None,
) -> Iterator[structs.Episode]:
  """Reads episodes in their stored order, one at a time.

  Args:
    source: Folder of a TFDS data set (with or without its version folder), or
      the name of a prepared one. A relative folder that does not exist is
      also looked for among the data that come with awopt_agent.
    split: A TFDS split, such as `train`, `train[:6]` or `train[50%:]`.
    mapping: What the fields of the set mean; those of RLDS by default.
    success_threshold: Return from which an episode is a success.
    time_step_spec: If given with `action_spec`, every episode is checked
      against the two.
    action_spec: See `time_step_spec`.
    on_refused: Is told why an episode was refused, and reading goes on with
      the next; without it, the first refusal is raised.

  Returns:
    An iterator; source and split are checked before it is returned.

  Raises:
    FileNotFoundError: If there is no such set.
    ValueError: If the split is unknown or empty, or (while reading) if an
      episode is broken or does not fit the specs.
  """
  stored = read_stored(source, split)
  if not isinstance(mapping, mapping_lib.EpisodeMapper):
    mapping = mapping_lib.EpisodeMapper(
      mapping or mapping_lib.Mapping(), success_threshold=success_threshold
    )
  # A plain generator would raise nothing before its first episode.
  return _interpret(stored, mapping, (time_step_spec, action_spec), on_refused)


def read_stored(
  source: str, split: str = 'train'
) -> Iterator[schema.StoredEpisode]:
  """Reads episodes as they are stored, one at a time; see `read_episodes`."""
  builder = sources.open_set(source)
  sources.check_split(builder, source, split)
  return _generate(builder, source, split)


def read_both(
  source: str,
  split: str = 'train',
  *,
  mapping: mapping_lib.EpisodeMapper,
) -> Iterator[tuple[schema.StoredEpisode, Outcome]]:
  """Reads episodes as they are stored, each beside what it means here.

  Args:
    source: See `read_episodes`.
    split: Likewise.
    mapping: What the fields mean.

  Returns:
    An iterator over stored episodes, without padding if the mapping says that
    there is some, and ours or why there is none.

  Raises:
    FileNotFoundError, ValueError: See `read_episodes`.
  """
  stored = map(mapping.prepare, read_stored(source, split))
  return (
    (episode, _map(mapping, episode, index))
    for index, episode in enumerate(stored)
  )


def _map(mapping, episode: schema.StoredEpisode, index: int) -> Outcome:
  try:
    return mapping(episode, index)
  except schema.BadEpisodeError as error:
    return error


def _interpret(stored, mapper, specs, on_refused) -> Iterator[structs.Episode]:
  for index, episode in enumerate(stored):
    try:
      mapped = mapper(episode, index)
      if None not in specs:
        validator.check_matches(mapped, *specs, index=index)
    except schema.BadEpisodeError as error:
      if on_refused is None:
        raise
      on_refused(str(error))
      continue
    yield mapped


def _generate(
  builder: tfds.core.DatasetBuilder, source: str, split: str
) -> Iterator[schema.StoredEpisode]:
  # Stored order, also across files; a set larger than memory stays on disk.
  config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
  dataset = builder.as_dataset(split, read_config=config)
  if schema.STEPS not in dataset.element_spec:
    raise ValueError(
      f'{source} is no RLDS data set: it has no field {schema.STEPS!r}, only '
      f'{sorted(dataset.element_spec)}; convert it to RLDS.'
    )
  try:
    for example in dataset:
      steps = example.pop(schema.STEPS)
      if isinstance(steps, tf.data.Dataset):
        steps = _stack(steps)
      else:
        steps = _as_arrays(steps)
      yield schema.StoredEpisode(steps, _as_arrays(example))
  except tf.errors.OpError as error:
    # TensorFlow begins with the node of its graph.
    reason = str(error.message).splitlines()[0].rpartition('}} ')[2]
    raise ValueError(
      f'{source} cannot be read: {reason}; restore its files, or record the '
      'set again.'
    ) from error


def _stack(steps: tf.data.Dataset) -> Any:
  """Returns the rows of all steps, of which there may be none."""
  parts = list(steps.batch(_AT_ONCE).as_numpy_iterator())
  if len(parts) == 1:
    return parts[0]
  if not parts:
    return tf.nest.map_structure(
      lambda spec: np.zeros(
        [0, *(size or 0 for size in spec.shape)], spec.dtype.as_numpy_dtype
      ),
      steps.element_spec,
    )
  return tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *parts)


def _as_arrays(nest: Any) -> Any:
  return tf.nest.map_structure(lambda tensor: tensor.numpy(), nest)
