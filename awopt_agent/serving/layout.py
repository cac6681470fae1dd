"""Which files an exported policy is made of, and how they appear and vanish.

A version is a folder named by its training step, as TensorFlow's model server
likes it: the SavedModel's own files, and ours, which model servers leave
alone, in `assets.extra`:

specs.json: parts of observation and action, and of every signature.
metadata.json: versions, training step, measured success.
config.gin: configuration in force.
golden.npz: pairs of inputs and outputs.
tf_serving_warmup_requests: what a model server asks before it serves.
<policy>.tflite: the policy alone, where it was asked for.
SHA256SUMS: of all other files of the version; `sha256sum -c` reads it.
"""

import hashlib
import os

__all__ = [
  'CONFIG',
  'EXTRA',
  'GOLDEN',
  'METADATA',
  'SPECS',
  'WARMUP',
  'check_files',
  'find_version',
  'list_versions',
  'write_checksums',
]

EXTRA = 'assets.extra'
SPECS = os.path.join(EXTRA, 'specs.json')
METADATA = os.path.join(EXTRA, 'metadata.json')
CONFIG = os.path.join(EXTRA, 'config.gin')
GOLDEN = os.path.join(EXTRA, 'golden.npz')
# The model server's own name for it.
WARMUP = os.path.join(EXTRA, 'tf_serving_warmup_requests')
_CHECKSUMS = os.path.join(EXTRA, 'SHA256SUMS')
_NEEDED = {
  'saved_model.pb',
  os.path.join('variables', 'variables.index'),
  SPECS,
  METADATA,
  CONFIG,
  GOLDEN,
}
_REMEDY = 'copy the folder again, or export the policy again'


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
  versions = list_versions(folder)
  looks_like_version = os.path.basename(os.path.abspath(folder)).isdecimal()
  is_version = {'saved_model.pb', EXTRA} & set(os.listdir(folder))
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


def list_versions(folder: str) -> list[str]:
  """Returns the names of the versions in a folder, the newest last.

  Raises:
    OSError: If it cannot be read.
  """
  return sorted(filter(str.isdecimal, os.listdir(folder)), key=int)


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
