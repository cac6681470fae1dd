"""Turns columns of Parquet files into arrays."""

import os
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from awopt_agent.demos import schema
from awopt_agent.demos.converters import images

__all__ = ['read']


def read(column: Any, folder: str, where: str) -> np.ndarray:
  """Reads a column; its type is kept.

  Args:
    column: `[T]` numbers, texts, lists of any depth, or pictures: structs of
      `bytes` and `path`.
    folder: From where the paths of pictures start.
    where: File, episode and field, for messages.

  Returns:
    `[T, ...]`; pictures are `[T, height, width, channels]`.

  Raises:
    BadEpisodeError: If a value is missing, or rows have several shapes.
  """
  array = column.combine_chunks()
  if isinstance(array, pa.ChunkedArray):
    array = array.chunk(0)
  if (
    pa.types.is_struct(array.type) and array.type.get_field_index('bytes') >= 0
  ):
    return _read_pictures(array, folder, where)
  return _read_values(array, where)


def _read_values(array: pa.Array, where: str) -> np.ndarray:
  """Flattens lists in lists, and gives the values their shape back."""
  shape = [len(array)]
  while _is_list(array.type):
    _check(array, where)
    lengths = pc.unique(pc.list_value_length(array)).to_pylist()
    if len(lengths) != 1:
      raise schema.BadEpisodeError(
        f'{where} has rows of several shapes; leave the episode out.'
      )
    shape.append(lengths[0])
    array = array.flatten()
  _check(array, where)
  if pa.types.is_nested(array.type):
    raise schema.BadEpisodeError(
      f'{where} holds records, not numbers, text or pictures; remove it from '
      'the set.'
    )
  return array.to_numpy(zero_copy_only=False).reshape(shape)


def _is_list(kind: pa.DataType) -> bool:
  return (
    pa.types.is_list(kind)
    or pa.types.is_large_list(kind)
    or pa.types.is_fixed_size_list(kind)
  )


def _check(array: pa.Array, where: str) -> None:
  if array.null_count:
    raise schema.BadEpisodeError(
      f'{where} lacks {array.null_count} values; leave the episode out.'
    )


def _read_pictures(array: pa.Array, folder: str, where: str) -> np.ndarray:
  try:
    return np.stack(
      [images.decode(_bytes_of(row, folder)) for row in array.to_pylist()]
    )
  except (ValueError, OSError, TypeError) as error:
    raise schema.BadEpisodeError(
      f'{where} has a picture that is missing, broken or of another size; '
      'leave the episode out.'
    ) from error


def _bytes_of(row: dict[str, Any], folder: str) -> bytes:
  if row['bytes'] is not None:
    return row['bytes']
  with open(os.path.join(folder, row['path']), 'rb') as file:
    return file.read()
