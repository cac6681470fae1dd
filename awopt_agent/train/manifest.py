"""What belongs to a checkpoint, written last: names, sizes and checksums."""

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

from awopt_agent import files

__all__ = ['NAME', 'find_damage', 'fingerprint', 'read', 'write']

NAME = 'manifest.json'
_FORMAT = 1
_KEYS = ('format', 'step', 'state', 'variables', 'files')
# Of checkpoints before there were manifests.
_FORMER_STATE = 'state.json'


def write(
  folder: str, *, step: int, state: dict[str, Any], variables: str
) -> None:
  """Lists all files of a folder, and brings everything to the disk.

  Args:
    folder: With all other files of the checkpoint.
    step: Learner step.
    state: Counters and states that JSON can hold.
    variables: Digest of the variables that were saved.

  Raises:
    OSError: If the disk is full or read-only.
  """
  listed = {}
  for name in _files_in(folder):
    path = os.path.join(folder, name)
    listed[name] = {'bytes': os.path.getsize(path), 'sha256': _sum_of(path)}
    files.sync(path)
  record = {
    'format': _FORMAT,
    'step': step,
    'state': state,
    'variables': variables,
    'files': listed,
  }
  with open(os.path.join(folder, NAME), 'w', encoding='utf-8') as file:
    json.dump(record, file, indent=1)
    file.flush()
    os.fsync(file.fileno())
  for parent in {os.path.dirname(name) for name in listed} | {''}:
    files.sync(os.path.join(folder, parent))


def read(folder: str) -> dict[str, Any]:
  """Returns the manifest of a checkpoint.

  Raises:
    ValueError: If there is none, or it cannot be read; without the folder's
      name.
  """
  path = os.path.join(folder, NAME)
  try:
    with open(path, encoding='utf-8') as file:
      record = json.load(file)
  except FileNotFoundError as error:
    if os.path.exists(os.path.join(folder, _FORMER_STATE)):
      raise ValueError(f'of an earlier version, without {NAME}') from error
    raise ValueError(f'{NAME} is missing') from error
  except (OSError, ValueError) as error:
    raise ValueError(f'{NAME} cannot be read') from error
  if not isinstance(record, dict) or any(key not in record for key in _KEYS):
    raise ValueError(f'{NAME} is incomplete')
  if record['format'] != _FORMAT:
    raise ValueError(f'{NAME} has the unknown format {record["format"]!r}')
  return record


def find_damage(folder: str, *, leave_out: str | None = None) -> str | None:
  """Says what is wrong with a checkpoint, or None.

  Args:
    folder: Of the checkpoint.
    leave_out: Folder within it that need not be sound.
  """
  try:
    listed = read(folder)['files']
    for name, expected in listed.items():
      if leave_out and name.startswith(f'{leave_out}{os.sep}'):
        continue
      path = os.path.join(folder, name)
      size = os.path.getsize(path)
      if size != expected['bytes']:
        return f'{name} has {size} bytes instead of {expected["bytes"]}'
      if _sum_of(path) != expected['sha256']:
        return f'{name} has other content than was written'
  except FileNotFoundError as error:
    return f'{os.path.relpath(error.filename, folder)} is missing'
  except OSError as error:
    return f'{error.filename} cannot be read: {error.strerror}'
  except (AttributeError, KeyError, TypeError):
    return f'{NAME} is incomplete'
  except ValueError as error:
    return str(error)
  return None


def fingerprint(folder: str) -> tuple:
  """Returns what changes when any file of a folder does, without reading it."""
  found = []
  for name in _files_in(folder):
    try:
      stat = os.stat(os.path.join(folder, name))
    except FileNotFoundError:
      continue  # It is being deleted.
    found.append((name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
  return tuple(found)


def _files_in(folder: str) -> Iterator[str]:
  """Yields the relative paths of all files, sorted by folder and name."""
  for parent, folders, names in os.walk(folder):
    folders.sort()
    for name in sorted(names):
      yield os.path.relpath(os.path.join(parent, name), folder)


def _sum_of(path: str) -> str:
  with open(path, 'rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()
