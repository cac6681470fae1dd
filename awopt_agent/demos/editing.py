"""New sets from parts of others; episodes are copied as they are stored."""

import difflib
import hashlib
import re
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from awopt_agent import structs
from awopt_agent.demos import mapping as mapping_lib
from awopt_agent.demos import reader, schema, sources, writer

__all__ = ['Selection', 'filter_set', 'merge_sets', 'split_set']


class Selection:
  """Which episodes of a set to keep: those that pass every test."""

  def __init__(
    self,
    *,
    success: bool | None = None,
    min_length: int = 0,
    max_length: int | None = None,
    index: Sequence[int] | None = None,
    without: Sequence[int] = (),
    unique: bool = False,
  ):
    """Chooses.

    Args:
      success: Whether an episode succeeded; None for both.
      min_length: Fewest transitions.
      max_length: Most transitions.
      index: Places in the split; None for all.
      without: Places in the split to leave out.
      unique: Whether an episode that was kept before, in any split, is not.
    """
    self._success = success
    self._lengths = (min_length, np.inf if max_length is None else max_length)
    self._index = None if index is None else set(index)
    self._without = set(without)
    self._kept: set[bytes] | None = set() if unique else None

  def check(self, count: int) -> None:
    """Refuses places that no split has, of `count` episodes at most."""
    beyond = [p for p in {*(self._index or ()), *self._without} if p >= count]
    if beyond:
      raise ValueError(
        f'there is no episode {max(beyond)}: the last one is {count - 1}.'
      )

  @property
  def _needs_meaning(self) -> bool:
    return self._success is not None or self._lengths != (0, np.inf)

  def keeps(self, index: int, example: bytes, outcome: reader.Outcome) -> bool:
    """Tells whether to keep the episode in place `index` of a split."""
    if index in self._without:
      return False
    if self._index is not None and index not in self._index:
      return False
    if self._needs_meaning and not self._has_meaning(outcome):
      return False
    return self._kept is None or self._is_new(example)

  def _has_meaning(self, outcome: reader.Outcome) -> bool:
    if not isinstance(outcome, structs.Episode):
      return False  # Neither success nor length of it is known.
    if self._success is not None and outcome.success != self._success:
      return False
    return self._lengths[0] <= outcome.length <= self._lengths[1]

  def _is_new(self, example: bytes) -> bool:
    assert self._kept is not None
    digest = hashlib.blake2b(example, digest_size=16).digest()
    known = digest in self._kept
    self._kept.add(digest)
    return not known


def filter_set(
  source: str,
  folder: str,
  selection: Selection,
  *,
  splits: Sequence[str] | None = None,
  mapping: mapping_lib.Mapping | None = None,
  success_threshold: float = schema.DEFAULT_SUCCESS_THRESHOLD,
) -> str:
  """Writes the episodes that a selection keeps, in their splits.

  Args:
    source: Folder or TFDS name.
    folder: Of the new set, see `writer.write_episodes`.
    selection: What to keep.
    splits: Which to read; all by default.
    mapping: Says what a success is.
    success_threshold: Unless the mapping has one of its own.

  Returns:
    Path of the new version folder.

  Raises:
    FileNotFoundError, FileExistsError, ValueError, OSError: In one line.
  """
  builder = sources.open_set(source)
  mapper = mapping_lib.EpisodeMapper(
    mapping or mapping_lib.Mapping(), success_threshold=success_threshold
  )

  found = splits or list(builder.info.splits)
  selection.check(
    max(sources.check_split(builder, source, split) for split in found)
  )

  def kept() -> Iterator[tuple[str, bytes]]:
    for split in found:
      both = reader.read_both(source, split, mapping=mapper)
      pairs = zip(_serialized(builder, source, split), both, strict=True)
      for index, (example, (_, outcome)) in enumerate(pairs):
        if selection.keeps(index, example, outcome):
          yield re.split(r'\W', split)[0], example

  return _write(kept(), folder, builder)


def merge_sets(found: Sequence[str], folder: str) -> str:
  """Writes all episodes of some sets, split by split, set after set.

  Args:
    found: Folders or TFDS names; at least one.
    folder: Of the new set, see `writer.write_episodes`.

  Returns:
    Path of the new version folder.

  Raises:
    FileNotFoundError, FileExistsError, OSError: In one line.
    ValueError: If the sets have not the same fields.
  """
  builders = [sources.open_set(source) for source in found]
  for source, builder in zip(found, builders, strict=True):
    difference = _difference(builders[0], builder)
    if difference:
      raise ValueError(
        f'{source} has other fields than {found[0]}: {difference}; convert '
        'one of them.'
      )

  def examples() -> Iterator[tuple[str, bytes]]:
    for source, builder in zip(found, builders, strict=True):
      for split in builder.info.splits:
        for example in _serialized(builder, source, split):
          yield split, example

  return _write(examples(), folder, builders[0])


def split_set(
  source: str,
  folder: str,
  parts: dict[str, float],
  *,
  split: str = 'train',
  seed: int | None = 0,
) -> str:
  """Writes a set whose episodes are shared out to other splits.

  Args:
    source: Folder or TFDS name.
    folder: Of the new set, see `writer.write_episodes`.
    parts: Name and weight of each new split.
    split: Which episodes to share out.
    seed: Of the shares; None keeps the stored order.

  Returns:
    Path of the new version folder.

  Raises:
    FileNotFoundError, FileExistsError, OSError: In one line.
    ValueError: If a part would have no episode.
  """
  builder = sources.open_set(source)
  count = sources.check_split(builder, source, split)
  ends = np.cumsum(list(parts.values())) / sum(parts.values()) * count
  sizes = np.diff(np.round(ends).astype(int), prepend=0)
  if not sizes.all():
    raise ValueError(
      f'{count} episodes do not go into parts of {parts}: one would be empty; '
      'choose other weights.'
    )
  names = np.repeat(list(parts), sizes)
  if seed is not None:
    names = np.random.default_rng(seed).permutation(names)
  examples = _serialized(builder, source, split)
  return _write(
    ((str(name), one) for name, one in zip(names, examples, strict=True)),
    folder,
    builder,
  )


def _write(examples, folder: str, builder: tfds.core.DatasetBuilder) -> str:
  return writer.write_serialized(
    examples,
    folder,
    features=builder.info.features,
    description=builder.info.description,
  )


def _serialized(
  builder: tfds.core.DatasetBuilder, source: str, split: str
) -> Iterator[bytes]:
  """Yields the stored bytes of each episode: pictures are not packed anew."""
  sources.check_split(builder, source, split)
  if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
    raise ValueError(
      f'{source} is stored as {builder.info.file_format.value}, and only '
      'tfrecord files are edited; write it anew by '
      'tfds.core.DatasetBuilder.'
    )
  for part in builder.info.splits[split].file_instructions:
    records = tf.data.TFRecordDataset(part.filename).skip(part.skip)
    if part.take >= 0:
      records = records.take(part.take)
    for record in records:
      yield record.numpy()


def _difference(
  one: tfds.core.DatasetBuilder, other: tfds.core.DatasetBuilder
) -> str:
  """Returns the first line in which the features of two sets differ."""
  first, second = (
    repr(builder.info.features).splitlines() for builder in (one, other)
  )
  changed = (
    line[2:].strip()
    for line in difflib.ndiff(first, second)
    if line.startswith(('- ', '+ '))
  )
  return next(changed, '')
