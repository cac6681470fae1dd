"""The files of a TFDS data set, episode after episode."""

import os
import tempfile

import tensorflow as tf
import tensorflow_datasets as tfds

__all__ = ['SetWriter']

# Small states: 1,000 episodes are a few megabytes.
_EPISODES_PER_FILE = 1000
# The number of files is not part of a name: more may follow.
_TEMPLATE = '{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}'


class SetWriter:
  """Writes serialized episodes into the version folder of a data set.

  What was published is a whole data set, whatever happens later: new files are
  complete before the metadata, replaced in one step, tell of them. TFDS' own
  `SequentialWriter` tells of files that are still open, takes no serialized
  examples, and rewrites its metadata in place.

  Attributes:
    features: TFDS features of an episode.
  """

  def __init__(
    self,
    folder: str,
    *,
    name: str,
    version: str,
    features: tfds.features.FeaturesDict | None = None,
    description: str = '',
  ):
    """Prepares writing; a folder that holds a set is appended to.

    Args:
      folder: Existing folder of the version.
      name: Of the set.
      version: Three numbers with dots.
      features: Of an episode; not needed to append.
      description: One paragraph for the set's metadata.

    Raises:
      ValueError: If there are no features, or the set that is there was not
        written by this class.
    """
    self._folder = folder
    self._name = name
    self._version = version
    self._description = description
    # Of each split: episodes in each file, and bytes.
    self._lengths: dict[str, list[int]] = {}
    self._bytes: dict[str, int] = {}
    self._open: dict[str, tf.io.TFRecordWriter] = {}
    self._pending: dict[str, int] = {}
    if os.path.exists(os.path.join(folder, 'dataset_info.json')):
      features = self._take_up(tfds.builder_from_directory(folder).info)
    if features is None:
      raise ValueError(f'no features for a new data set in {folder}.')
    self.features = features

  def _take_up(self, info: tfds.core.DatasetInfo):
    self._description = info.description
    for split, found in info.splits.items():
      template = found.filename_template.template
      if template != _TEMPLATE:
        raise ValueError(
          f'{self._folder} names its files by {template}, which cannot be '
          f'appended to; merge it into a new set instead.'
        )
      self._lengths[split] = list(found.shard_lengths)
      self._bytes[split] = found.num_bytes
    return info.features

  @property
  def published(self) -> int:
    """Episodes that a reader finds, in all splits."""
    return sum(sum(lengths) for lengths in self._lengths.values())

  @property
  def pending(self) -> int:
    """Episodes that a reader does not find yet."""
    return sum(self._pending.values())

  def add(self, split: str, example: bytes) -> None:
    """Writes an episode, serialized by `features` or by equal ones."""
    if split not in self._open:
      lengths = self._lengths.setdefault(split, [])
      path = self._template(split).sharded_filepath(
        shard_index=len(lengths), num_shards=None
      )
      self._open[split] = tf.io.TFRecordWriter(os.fspath(path))
      self._pending[split] = 0
    self._open[split].write(example)
    self._pending[split] += 1
    self._bytes[split] = self._bytes.get(split, 0) + len(example)
    if self._pending[split] == _EPISODES_PER_FILE:
      self._close_file(split)

  def publish(self) -> None:
    """Makes everything that was written part of the set."""
    for split in list(self._open):
      self._close_file(split)
    info = self._info()
    with tempfile.TemporaryDirectory(
      prefix='.metadata-', dir=self._folder
    ) as partial:
      info.write_to_directory(partial)
      # The one that tells of the files comes last.
      for name in sorted(os.listdir(partial), key='dataset_info.json'.__eq__):
        os.replace(
          os.path.join(partial, name), os.path.join(self._folder, name)
        )

  def _close_file(self, split: str) -> None:
    self._open.pop(split).close()
    self._lengths[split].append(self._pending.pop(split))

  def _template(self, split: str) -> tfds.core.ShardedFileTemplate:
    return tfds.core.ShardedFileTemplate(
      template=_TEMPLATE,
      data_dir=self._folder,
      dataset_name=self._name,
      split=split,
      filetype_suffix='tfrecord',
    )

  def _info(self) -> tfds.core.DatasetInfo:
    identity = tfds.core.dataset_info.DatasetIdentity(
      name=self._name,
      version=tfds.core.Version(self._version),
      data_dir=self._folder,
      module_name='',
    )
    info = tfds.core.DatasetInfo(
      builder=identity,
      description=self._description,
      features=self.features,
    )
    info.set_file_format('tfrecord')
    info.set_splits(
      tfds.core.splits.SplitDict(
        [
          tfds.core.SplitInfo(
            name=split,
            shard_lengths=lengths,
            num_bytes=self._bytes[split],
            filename_template=self._template(split),
          )
          for split, lengths in self._lengths.items()
        ]
      )
    )
    return info
