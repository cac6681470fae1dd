"""Folders that appear whole or not at all."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator

__all__ = [
  'clear_disk_errors',
  'first_line',
  'folder_that_becomes',
  'move_folder',
  'sync',
]


@contextlib.contextmanager
def folder_that_becomes(
  target: str, *, overwrite: bool = False
) -> Iterator[str]:
  """Yields a hidden folder beside the target, and renames it when all is well.

  Else it is removed, and so are the folders made for it: what was interrupted
  never looks complete.

  Args:
    target: Folder to make.
    overwrite: Whether it may replace one that exists.

  Raises:
    FileExistsError: If the target exists and may not be replaced.
  """
  target = os.path.abspath(target)
  if os.path.lexists(target) and not overwrite:
    raise FileExistsError(
      f'{target} exists; choose another folder, or allow to overwrite it.'
    )
  parent = os.path.dirname(target)
  made = _missing_folders(parent)
  partial = ''
  try:
    os.makedirs(parent, exist_ok=True)
    partial = tempfile.mkdtemp(prefix='.partial-', dir=parent)
    yield partial
    os.chmod(partial, 0o755)  # mkdtemp makes it private.
    _replace(partial, target)
  except BaseException:
    shutil.rmtree(partial, ignore_errors=True)
    for path in filter(os.path.isdir, made):
      os.rmdir(path)
    raise


@contextlib.contextmanager
def clear_disk_errors(what: str, remedy: str) -> Iterator[None]:
  """Says of each failure of the disk where it was, and what to do.

  Args:
    what: What could not be done, such as 'write the set demos/mine'.
    remedy: A clause that ends the sentence.

  Raises:
    OSError: In place of any error of Python's or TensorFlow's files.
  """
  # Not at the top: this module is for those too who need no TensorFlow.
  import tensorflow as tf

  try:
    yield
  except FileExistsError:
    raise
  # TensorFlow's file errors are no OSErrors.
  except (OSError, tf.errors.OpError) as error:
    reason = getattr(error, 'strerror', None) or first_line(error)
    raise OSError(f'cannot {what}: {reason}; {remedy}.') from error


def first_line(error: BaseException) -> str:
  """Returns the first line of an error's message, or its type's name."""
  return next(iter(str(error).strip().splitlines()), type(error).__name__)


def move_folder(source: str, target: str) -> None:
  """Moves a folder, which appears whole at its new place.

  Unlike `shutil.move` it makes no folder on the way to the target: where
  somebody gave up waiting and removed it, nothing comes back.

  Args:
    source: Folder that exists.
    target: Its new path, which may be on another disk.

  Raises:
    OSError: If the target's parent does not exist, or the disk is full.
  """
  try:
    os.rename(source, target)
  except OSError as error:
    if error.errno != errno.EXDEV:
      raise
    partial = tempfile.mkdtemp(prefix='.partial-', dir=os.path.dirname(target))
    try:
      shutil.copytree(source, partial, dirs_exist_ok=True)
      os.rename(partial, target)
    except BaseException:
      shutil.rmtree(partial, ignore_errors=True)
      raise
    shutil.rmtree(source)


def sync(path: str) -> None:
  """Waits until a file, or the list of a folder's files, is on the disk."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def _replace(partial: str, target: str) -> None:
  """Renames, with an old target moved away until the new one is there."""
  if not os.path.lexists(target):
    os.rename(partial, target)
    return
  aside = tempfile.mkdtemp(prefix='.old-', dir=os.path.dirname(target))
  old = os.path.join(aside, 'version')
  try:
    os.rename(target, old)
    try:
      os.rename(partial, target)
    except BaseException:
      os.rename(old, target)
      raise
  finally:
    shutil.rmtree(aside, ignore_errors=True)


def _missing_folders(path: str) -> list[str]:
  """Returns which of a path's folders do not exist, the innermost first."""
  missing = []
  while not os.path.isdir(path):
    missing.append(path)
    path = os.path.dirname(path)
  return missing
