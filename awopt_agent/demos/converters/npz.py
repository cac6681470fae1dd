"""Reads the arrays of an .npz archive row by row, in order."""

import zipfile
from typing import Any

import numpy as np

__all__ = ['Archive', 'Rows', 'is_npz']


def is_npz(path: str) -> bool:
  """Tells whether a path is a ZIP archive of arrays alone."""
  try:
    with zipfile.ZipFile(path) as archive:
      names = archive.namelist()
  except (OSError, zipfile.BadZipFile):
    return False
  return bool(names) and all(name.endswith('.npy') for name in names)


class Rows:
  """An array in an archive, of which the next rows can be read.

  `numpy.load` would read the whole array, which may be larger than memory.

  Attributes:
    shape: Of the whole array.
    dtype: Of its values.
  """

  def __init__(self, archive: zipfile.ZipFile, member: str):
    """Opens; nothing is read beyond the header.

    Args:
      archive: The open archive.
      member: Name in it.

    Raises:
      ValueError: If it holds Python objects, which would need a pickle.
    """
    self._stream = archive.open(member)
    version = np.lib.format.read_magic(self._stream)
    read_header: Any = {
      (1, 0): np.lib.format.read_array_header_1_0,
      (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
      raise ValueError(f'is of version {version}, with names that are no ASCII')
    self.shape, self._by_columns, self.dtype = read_header(self._stream)
    if self.dtype.hasobject:
      raise ValueError('holds Python objects, which only a pickle can read')
    self._whole: np.ndarray | None = None
    self._next = 0

  def read(self, count: int) -> np.ndarray:
    """Returns the next rows, fewer at the end.

    Raises:
      EOFError: If the archive is cut off; its library has errors of its own.
    """
    start, self._next = self._next, min(self._next + count, self.shape[0])
    if self._by_columns and len(self.shape) > 1:
      # Its rows are scattered all over it.
      if self._whole is None:
        self._whole = self._take(self.shape[::-1]).T
      return self._whole[start : self._next]
    return self._take((self._next - start, *self.shape[1:]))

  def read_all(self) -> np.ndarray:
    """Returns the whole array, or its one value, if none was read before."""
    if not self.shape:
      return self._take(())
    return self.read(self.shape[0])

  def _take(self, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64)) * self.dtype.itemsize
    data = self._stream.read(size)
    if len(data) != size:
      raise EOFError('an array ends too early')
    return np.frombuffer(data, self.dtype).reshape(shape)


class Archive:
  """The arrays of an .npz archive by their names.

  Attributes:
    arrays: Name to `Rows`.
  """

  def __init__(self, path: str):
    """Opens.

    Args:
      path: The archive.

    Raises:
      ValueError: If an array cannot be read without a pickle.
      OSError: If it is no archive, or is cut off.
    """
    self._path = path
    self.arrays: dict[str, Rows] = {}

  def __enter__(self) -> 'Archive':
    try:
      self._archive = zipfile.ZipFile(self._path)
    except zipfile.BadZipFile as error:
      raise OSError(
        f'{self._path} is no .npz archive, or is cut off; download or copy it '
        'again.'
      ) from error
    for member in self._archive.namelist():
      name = member.removesuffix('.npy')
      try:
        self.arrays[name] = Rows(self._archive, member)
      except ValueError as error:
        self._archive.close()
        raise ValueError(
          f'{self._path}: {name} {error}; save it again as plain arrays.'
        ) from error
    return self

  def __exit__(self, *_: Any) -> None:
    self._archive.close()
