"""The files of a Reverb checkpoint, read and written one record at a time.

Reverb 0.14 writes `tables.tfrecord`, `items.tfrecord` and `chunks.tfrecord`,
each compressed by zlib, and an empty file `DONE` last.
"""

import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf
from reverb.cc import schema_pb2
from reverb.cc.checkpointing import checkpoint_pb2

__all__ = [
  'CHUNKS',
  'ITEMS',
  'TABLES',
  'Checkpoint',
  'Chunk',
  'Item',
  'TableInfo',
  'Trajectory',
  'check_complete',
  'find_damage',
  'finish',
  'link',
  'read',
  'read_tables',
  'write',
]

Checkpoint = checkpoint_pb2.PriorityTableCheckpoint
Chunk = schema_pb2.ChunkData
Item = schema_pb2.PrioritizedItem
Trajectory = schema_pb2.FlatTrajectory
TableInfo = schema_pb2.TableInfo

TABLES = 'tables.tfrecord'
ITEMS = 'items.tfrecord'
CHUNKS = 'chunks.tfrecord'

_DONE = 'DONE'
_COMPRESSION = 'ZLIB'
_READ_BYTES = 2**20
# Records that leave TensorFlow together; one at a time is ten times slower.
_SMALL_BATCH = 4096
# Chunks hold images.
_CHUNK_BATCH = 16


def find_damage(folder: str) -> str | None:
  """Says what a checkpoint lacks, or None.

  Reverb marks a checkpoint as done even where a full disk took the end of a
  file, and restores one without items or chunks as if it were empty. Reading
  takes a seventh of the time that writing took.
  """
  for name in (_DONE, TABLES, ITEMS, CHUNKS):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
      return f'no {name}'
    if name != _DONE and not _is_whole(path):
      return f'{name} is cut or changed'
  return None


def check_complete(folder: str) -> None:
  """Checks that a checkpoint has all its files, to their ends.

  Raises:
    ValueError: If a file is missing, cut or damaged.
  """
  if damage := find_damage(folder):
    raise ValueError(
      f'{folder} holds no complete replay checkpoint ({damage}); move the '
      'checkpoint away to go on from the one before it.'
    )


def _is_whole(path: str) -> bool:
  """Tells whether a compressed file ends with the right checksum."""
  stream = zlib.decompressobj()
  try:
    with open(path, 'rb') as file:
      while block := file.read(_READ_BYTES):
        stream.decompress(block)
  except zlib.error:
    return False
  return stream.eof


def read(folder: str, name: str) -> Iterator[bytes]:
  """Yields the records of a file.

  Args:
    folder: Of a checkpoint.
    name: `TABLES`, `ITEMS` or `CHUNKS`.

  Raises:
    ValueError: If the file is damaged.
  """
  path = os.path.join(folder, name)
  records = tf.data.TFRecordDataset(path, _COMPRESSION).batch(
    _CHUNK_BATCH if name == CHUNKS else _SMALL_BATCH
  )
  try:
    for batch in records.as_numpy_iterator():
      yield from batch
  except tf.errors.OpError as error:
    raise ValueError(
      f'{path} is damaged ({type(error).__name__}); move the checkpoint away '
      'to go on from the one before it.'
    ) from error


def read_tables(folder: str) -> dict[str, Any]:
  """Returns a `Checkpoint` for each table, by name."""
  found = map(Checkpoint.FromString, read(folder, TABLES))
  return {table.table_name: table for table in found}


def write(folder: str, name: str, records: Iterable[bytes]) -> None:
  """Writes a file of records."""
  path = os.path.join(folder, name)
  with tf.io.TFRecordWriter(path, _COMPRESSION) as writer:
    for record in records:
      writer.write(record)


def link(source: str, folder: str, name: str) -> None:
  """Puts a file of `source` into `folder`, without a copy where it can."""
  paths = os.path.join(source, name), os.path.join(folder, name)
  try:
    os.link(*paths)
  except OSError:  # Another disk, or one that knows no links.
    shutil.copyfile(*paths)


def finish(folder: str) -> None:
  """Marks a checkpoint as complete."""
  with open(os.path.join(folder, _DONE), 'wb'):
    pass
