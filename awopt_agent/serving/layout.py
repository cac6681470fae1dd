"""Which files an exported policy is made of, and how they appear and vanish.

A version is a folder named by its training step, as TensorFlow's model server
likes it: the SavedModel's own files, and ours, which model servers leave
alone, in `assets.extra`:

specs.json: parts of observation and action.
metadata.json: versions, training step, measured success.
config.gin: configuration in force.
golden.npz: pairs of inputs and outputs.
SHA256SUMS: of all other files of the version; `sha256sum -c` reads it.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator

__all__ = [
  'CONFIG',
  'GOLDEN',
  'METADATA',
  'SPECS',
  'check_files',
  'find_version',
  'folder_that_becomes',
  'write_checksums',
]

_EXTRA = 'assets.extra'
SPECS = os.path.join(_EXTRA, 'specs.json')
METADATA = os.path.join(_EXTRA, 'metadata.json')
CONFIG = os.path.join(_EXTRA, 'config.gin')
GOLDEN = os.path.join(_EXTRA, 'golden.npz')
_CHECKSUMS = os.path.join(_EXTRA, 'SHA256SUMS')
_NEEDED = {
  'saved_model.pb',
  os.path.join('variables', 'variables.index'),
  SPECS,
  METADATA,
  CONFIG,
  GOLDEN,
}
_REMEDY = 'copy the folder again, or export the policy again'


@contextlib.contextmanager
def folder_that_becomes(target: str, *, overwrite: bool) -> Iterator[str]:
  """Yields a hidden folder beside the target, and renames it when all is well.

  Else it is removed, and so are the folders made for it: an export that was
  interrupted never looks like a version.

  Args:
    target: Version folder to make.
    overwrite: Whether it may replace one that exists.

  Raises:
    ValueError: If the target exists and may not be replaced.
  """
  target = os.path.abspath(target)
  if os.path.lexists(target) and not overwrite:
    raise ValueError(
      f'{target} exists; export to another folder, or allow to overwrite it.'
    )
  parent = os.path.dirname(target)
  made = _missing_folders(parent)
  partial = ''
  try:
    os.makedirs(parent, exist_ok=True)
    partial = tempfile.mkdtemp(prefix='.partial-', dir=parent)
    os.makedirs(os.path.join(partial, _EXTRA))
    yield partial
    os.chmod(partial, 0o755)  # mkdtemp makes it private.
    _replace(partial, target)
  except BaseException:
    shutil.rmtree(partial, ignore_errors=True)
    for path in filter(os.path.isdir, made):
      os.rmdir(path)
    raise


def find_version(folder: str) -> str:
  """Returns the version folder that a path means.

  Args:
    folder: A version folder, or its parent, of which the newest version with
      all its files is taken.

  Raises:
    ValueError: If there is none.
  """
  if not os.path.isdir(folder):
    raise ValueError(
      f'{folder} is no folder; pass one that awopt-export wrote.'
    )
  versions = sorted(filter(str.isdecimal, os.listdir(folder)), key=int)
  looks_like_version = os.path.basename(os.path.abspath(folder)).isdecimal()
  is_version = {'saved_model.pb', _EXTRA} & set(os.listdir(folder))
  if is_version or (looks_like_version and not versions):
    return folder
  if not versions:
    raise ValueError(
      f'{folder} holds no exported policy, which would be a folder named by '
      'its training step; pass one that awopt-export wrote.'
    )
  paths = [os.path.join(folder, version) for version in reversed(versions)]
  # Where none is complete, the newest one's error tells what it lacks.
  return next(filter(_is_complete, paths), paths[0])


def write_checksums(folder: str) -> None:
  """Records the sum of every file; the last file to write."""
  lines = [f'{_sha256(folder, name)}  {name}\n' for name in _files(folder)]
  with open(os.path.join(folder, _CHECKSUMS), 'w', encoding='utf-8') as file:
    file.writelines(lines)


def check_files(folder: str) -> None:
  """Checks that every file is there, and as it was exported.

  Raises:
    ValueError: If one is missing or changed; the message names it.
  """
  missing = _missing(folder)
  if missing:
    raise ValueError(f'{folder} lacks {", ".join(missing)}; {_REMEDY}.')
  for name, expected in _read_checksums(folder).items():
    if _sha256(folder, name) != expected:
      raise ValueError(
        f'{folder}: {name} differs from what was exported; {_REMEDY}.'
      )


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


def _is_complete(folder: str) -> bool:
  try:
    return not _missing(folder)
  except ValueError:
    return False


def _missing(folder: str) -> list[str]:
  """Returns the files that a version should have, and has not."""
  if not os.path.isfile(os.path.join(folder, _CHECKSUMS)):
    return [_CHECKSUMS]
  return [
    name
    for name in _read_checksums(folder)
    if not os.path.isfile(os.path.join(folder, name))
  ]


def _read_checksums(folder: str) -> dict[str, str]:
  with open(
    os.path.join(folder, _CHECKSUMS), encoding='utf-8', errors='replace'
  ) as file:
    pairs = [line.partition('  ') for line in file.read().splitlines()]
  sums = {name: digest for digest, _, name in pairs}
  if not _NEEDED <= set(sums):
    raise ValueError(f'{folder}: {_CHECKSUMS} is damaged; {_REMEDY}.')
  return sums


def _files(folder: str) -> list[str]:
  return sorted(
    os.path.relpath(os.path.join(root, name), folder)
    for root, _, names in os.walk(folder)
    for name in names
  )


def _sha256(folder: str, name: str) -> str:
  with open(os.path.join(folder, name), 'rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()
