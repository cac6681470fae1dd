"""Reads HDF5 files, as several formats use them."""

import contextlib
import json
import re
from collections.abc import Container, Iterator
from typing import Any

import h5py
import numpy as np

from awopt_agent import files

__all__ = [
  'attributes_text',
  'by_number',
  'is_hdf5',
  'open_file',
  'read_nest',
  'text',
]


def is_hdf5(path: str) -> bool:
  """Tells whether a path is an HDF5 file."""
  try:
    return bool(h5py.is_hdf5(path))
  except OSError:
    return False


@contextlib.contextmanager
def open_file(path: str) -> Iterator[h5py.File]:
  """Opens a file to read it.

  Raises:
    OSError: If it is none, or is cut off; in one line.
  """
  try:
    file = h5py.File(path, 'r')
  except OSError as error:
    raise OSError(
      f'{path} cannot be read as HDF5: {files.first_line(error)}; download or '
      'copy it again.'
    ) from error
  with file:
    yield file


def read_nest(node: Any, rows: slice | None = None) -> Any:
  """Reads a group as a dict of arrays, or a data set as an array.

  Args:
    node: Group or data set.
    rows: Which rows of each data set; None reads all, and scalars too.
  """
  if isinstance(node, h5py.Group):
    return {name: read_nest(part, rows) for name, part in node.items()}
  return np.asarray(node[()] if rows is None else node[rows])


def by_number(names: Any) -> list[str]:
  """Sorts names such as demo_2 and demo_10 by their numbers."""
  return sorted(
    names,
    key=lambda name: [
      (int(part), '') if part.isdigit() else (-1, part)
      for part in re.findall(r'\d+|\D+', name)
    ],
  )


def attributes_text(node: Any, *, leave_out: Container[str] = ()) -> str:
  """Returns a group's attributes as JSON, whatever they are."""
  found = {
    name: value for name, value in node.attrs.items() if name not in leave_out
  }
  return json.dumps(found, default=_plain, sort_keys=True)


def text(value: Any) -> str:
  """Returns text that was stored as bytes or as text."""
  return value.decode('utf-8') if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
  if isinstance(value, bytes):
    return text(value)
  return value.tolist() if hasattr(value, 'tolist') else str(value)
