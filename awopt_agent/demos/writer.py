"""Writes episodes as an RLDS data set that TFDS reads."""

import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
import tree

from awopt_agent import files, structs
from awopt_agent.demos import fields as fields_lib
from awopt_agent.demos import schema, set_writer, validator

__all__ = [
  'check_target',
  'episode_features',
  'make_example',
  'make_features',
  'stored_example',
  'stored_features',
  'write_episodes',
  'write_serialized',
  'write_stored',
]


def write_episodes(
  episodes: Iterable[structs.Episode],
  folder: str,
  *,
  time_step_spec: Any,
  action_spec: Any,
  split: str = 'train',
  version: str = '1.0.0',
  description: str = '',
) -> str:
  """Writes a data set; it appears whole, or not at all.

  Equal episodes give equal files. Read it with `reader.read_episodes(folder)`,
  `tfds.builder_from_directory(<returned path>)` or `tfds.load(<name of
  folder>, data_dir=<parent of folder>)`.

  Args:
    episodes: At least one; taken one at a time.
    folder: Where to make `<version>/`; its last part names the set.
    time_step_spec: Unbatched array or tensor spec.
    action_spec: Unbatched array or tensor spec.
    split: Name of the split.
    version: Three numbers with dots.
    description: One paragraph for the set's metadata.

  Returns:
    Path of the version folder.

  Raises:
    FileExistsError: If that version of the set exists.
    ValueError: If the name is none for TFDS, there is no episode, or one does
      not fit the specs.
    OSError: If the disk is full or read-only; nothing is left behind.
  """
  features = episode_features(time_step_spec, action_spec)
  checked = _check_each(episodes, time_step_spec, action_spec)
  examples = (
    (split, features.serialize_example(make_example(e))) for e in checked
  )
  return write_serialized(
    examples,
    folder,
    features=features,
    version=version,
    description=description,
  )


def write_stored(
  episodes: Iterable[schema.StoredEpisode],
  folder: str,
  *,
  split: str = 'train',
  version: str = '1.0.0',
  description: str = '',
  on_refused: Callable[[str], None] | None = None,
) -> str:
  """Writes stored episodes, every value as it is; whole, or not at all.

  Args:
    episodes: At least one, all of the first one's fields.
    folder: See `write_episodes`, as for the rest.
    split: Name of the split.
    version: Three numbers with dots.
    description: One paragraph for the set's metadata.
    on_refused: Is told of each episode that has other fields than the first,
      and the rest is written; without it, that is raised.

  Returns:
    Path of the version folder.

  Raises:
    FileExistsError: If that version of the set exists.
    ValueError: If the name is none for TFDS, there is no episode, or one has
      other fields than the first.
    OSError: If the disk is full or read-only; nothing is left behind.
  """
  check_target(folder, version)
  remaining = iter(episodes)
  first = next(remaining, None)
  if first is None:
    raise ValueError(f'no episode to write to {folder}; there must be one.')
  features = stored_features(first)
  alike = _alike(itertools.chain([first], remaining), on_refused)
  examples = (
    (split, features.serialize_example(stored_example(episode)))
    for episode in alike
  )
  return write_serialized(
    examples,
    folder,
    features=features,
    version=version,
    description=description,
  )


def write_serialized(
  examples: Iterable[tuple[str, bytes]],
  folder: str,
  *,
  features: tfds.features.FeaturesDict,
  version: str = '1.0.0',
  description: str = '',
) -> str:
  """Writes episodes as `features` serialize them; whole, or not at all.

  Args:
    examples: At least one, each with the name of its split.
    folder: See `write_episodes`, as for the rest.
    features: TFDS features of an episode.
    version: Three numbers with dots.
    description: One paragraph for the set's metadata.

  Returns:
    Path of the version folder.

  Raises:
    FileExistsError, ValueError, OSError: See `write_episodes`.
  """
  target = check_target(folder, version)
  with (
    files.clear_disk_errors(
      f'write to {folder}',
      'nothing was kept of it: free space there, or choose a folder that can '
      'be written',
    ),
    files.folder_that_becomes(target) as partial,
  ):
    writing = set_writer.SetWriter(
      partial,
      name=_set_name(folder),
      version=version,
      features=features,
      description=description,
    )
    for split, example in examples:
      writing.add(split, example)
    writing.publish()
    if not writing.published:
      raise ValueError(f'no episode to write to {folder}; there must be 1.')
  return target


def check_target(folder: str, version: str = '1.0.0') -> str:
  """Returns the version folder that writing would make, if it can be made.

  Raises:
    FileExistsError: If it exists.
    ValueError: If folder or version are no names for TFDS.
  """
  name = _set_name(folder)
  if not re.fullmatch(r'[a-z][a-z0-9_]*', name):
    raise ValueError(
      f'{name!r} cannot name a TFDS data set; end the folder in a name of '
      'small letters, digits and underscores, such as my_demos.'
    )
  if not re.fullmatch(r'\d+\.\d+\.\d+', version):
    raise ValueError(
      f'version must be three numbers such as 1.0.0, got {version!r}.'
    )
  target = os.path.join(folder, version)
  if os.path.exists(target):
    raise FileExistsError(
      f'{target} exists, and is never overwritten; choose another folder, or '
      'delete it first.'
    )
  return target


def make_features(spec: Any) -> Any:
  """Returns the TFDS features of a spec: dicts of arrays, of any depth.

  Raises:
    ValueError: If the spec has lists or tuples.
  """
  if isinstance(spec, dict):
    return tfds.features.FeaturesDict(
      {name: make_features(part) for name, part in spec.items()}
    )
  if not hasattr(spec, 'shape'):
    raise ValueError(
      f'RLDS data are dicts of arrays, got a {type(spec).__name__} in the '
      'spec; give its parts names in a dict.'
    )
  dtype = tf.as_dtype(spec.dtype).as_numpy_dtype
  shape = tuple(spec.shape)
  if dtype == np.uint8 and len(shape) == 3 and shape[-1] in (1, 3):
    return tfds.features.Image(shape=shape, encoding_format='png')
  if dtype == np.float64:
    # Else stored as float32, as TensorFlow's examples hold numbers.
    encoding = tfds.features.Encoding.BYTES
    return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=encoding)
  return tfds.features.Tensor(shape=shape, dtype=dtype)


def episode_features(
  time_step_spec: Any, action_spec: Any
) -> tfds.features.FeaturesDict:
  """Returns the TFDS features of episodes of an environment's specs."""
  flag = tfds.features.Scalar(np.bool_)
  number = tfds.features.Scalar(np.float32)
  return _features_of_steps(
    {
      schema.OBSERVATION: make_features(time_step_spec.observation),
      schema.ACTION: make_features(action_spec),
      schema.REWARD: number,
      schema.DISCOUNT: number,
      schema.IS_FIRST: flag,
      schema.IS_LAST: flag,
      schema.IS_TERMINAL: flag,
    }
  )


def stored_features(
  episode: schema.StoredEpisode,
) -> tfds.features.FeaturesDict:
  """Returns the TFDS features that hold an episode and all like it."""
  steps = {
    name: _features_of(nest, rows=True) for name, nest in episode.steps.items()
  }
  metadata = {
    name: _features_of(nest, rows=False)
    for name, nest in episode.metadata.items()
  }
  return _features_of_steps(steps, metadata)


def make_example(episode: structs.Episode) -> dict[str, Any]:
  """Returns an episode as features take it."""
  return stored_example(
    schema.StoredEpisode(schema.rows_from_episode(episode), {})
  )


def _features_of_steps(steps, metadata=None) -> tfds.features.FeaturesDict:
  return tfds.features.FeaturesDict(
    {schema.STEPS: tfds.features.Dataset(steps), **(metadata or {})}
  )


def _features_of(nest: Any, *, rows: bool) -> Any:
  if isinstance(nest, dict):
    return tfds.features.FeaturesDict(
      {name: _features_of(part, rows=rows) for name, part in nest.items()}
    )
  array = np.asarray(nest)
  shape = array.shape[1:] if rows else array.shape
  if array.dtype.kind in 'OSU':
    if shape:
      return tfds.features.Tensor(shape=shape, dtype=np.str_)
    return tfds.features.Text()
  return make_features(tf.TensorSpec(shape, array.dtype))


def stored_example(episode: schema.StoredEpisode) -> dict[str, Any]:
  """Returns a stored episode as the features of `stored_features` take it."""
  steps = [
    tree.map_structure(lambda leaf, row=row: leaf[row], episode.steps)
    for row in range(episode.num_steps)
  ]
  return {schema.STEPS: steps, **episode.metadata}


def _alike(
  episodes: Iterable[schema.StoredEpisode],
  on_refused: Callable[[str], None] | None,
) -> Iterator[schema.StoredEpisode]:
  """Passes on the episodes that have the fields of the first one."""
  fields: dict[str, str] = {}
  for index, episode in enumerate(episodes):
    found = fields_lib.signature(episode)
    fields = fields or found
    if found == fields:
      yield episode
      continue
    path = min(
      path for path in {*found, *fields} if found.get(path) != fields.get(path)
    )
    reason = (
      f'episode {index} of those that are whole: {path} has '
      f'{found.get(path, "nothing")}, unlike {fields.get(path, "nothing")} in '
      'the first one; leave it out, or convert it apart.'
    )
    if on_refused is None:
      raise schema.BadEpisodeError(reason)
    on_refused(reason)


def _set_name(folder: str) -> str:
  return os.path.basename(os.path.abspath(folder))


def _check_each(
  episodes, time_step_spec, action_spec
) -> Iterator[structs.Episode]:
  for index, episode in enumerate(episodes):
    validator.check_matches(episode, time_step_spec, action_spec, index=index)
    yield episode
