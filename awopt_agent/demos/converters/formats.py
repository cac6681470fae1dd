"""The one door to the formats of others."""

import inspect
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from awopt_agent import files
from awopt_agent.demos import schema
from awopt_agent.demos.converters import (
  dapg,
  flat,
  lerobot,
  minari,
  robomimic,
)

__all__ = ['FORMATS', 'find_format', 'options_of', 'read']

_MODULES = {
  'dapg': dapg,
  'lerobot': lerobot,
  'minari': minari,
  'numpy': flat,
  'robomimic': robomimic,
}
# What libraries raise where a file is broken within.
_UNREADABLE = (OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)
# The reader of each format: a path, and options of its own.
FORMATS: dict[str, Callable[..., Iterator[schema.StoredEpisode]]] = {
  name: module.read for name, module in _MODULES.items()
}


def read(
  source: str,
  format: str | None = None,
  *,
  on_refused: Callable[[str], None] | None = None,
  **options: Any,
) -> Iterator[schema.StoredEpisode]:
  """Reads the episodes of a file or folder, one at a time.

  Args:
    source: File or folder.
    format: One of `FORMATS`; None looks at the file.
    on_refused: Is told why an episode was refused, and reading goes on with
      the next; without it, the first refusal is raised.
    **options: Of the format, see its reader.

  Returns:
    An iterator of episodes with RLDS step fields: arrays `[T, ...]`, or
    `[T + 1, ...]` where the observation behind the last action is known.

  Raises:
    FileNotFoundError: If there is no such file or folder.
    ValueError: If no format fits, an option is unknown, or (while reading) if
      the file is broken; `BadEpisodeError` if one episode is.
    OSError: While reading, if the file cannot be read.
  """
  path = os.path.expanduser(source)
  if not os.path.exists(path):
    raise FileNotFoundError(
      f'no file or folder {os.path.abspath(path)}; name one to convert.'
    )
  name = format or find_format(path)
  _check(name, options)
  # A plain generator would raise nothing before its first episode.
  return _iterate(FORMATS[name](path, **options), path, name, on_refused)


def find_format(source: str) -> str:
  """Returns the name of the format that a file or folder looks like.

  Raises:
    ValueError: If none fits.
    OSError: If it cannot be read.
  """
  failures = []
  for name, module in _MODULES.items():
    try:
      if module.fits(source):
        return name
    except (OSError, ValueError) as error:
      failures.append(error)
  if failures:
    raise failures[0]
  raise ValueError(
    f'{source} looks like none of the formats: '
    + '; '.join(f'{name} ({m.LOOKS_LIKE})' for name, m in _MODULES.items())
    + '; name its format, or download it again if it should be one of these.'
  )


def options_of(name: str) -> tuple[str, ...]:
  """Returns the names of a format's options."""
  return tuple(inspect.signature(FORMATS[name]).parameters)[1:]


def _check(name: str, options: dict[str, Any]) -> None:
  if name not in FORMATS:
    raise ValueError(f'no format {name!r}; choose one of {", ".join(FORMATS)}.')
  parameters = inspect.signature(FORMATS[name]).parameters
  for option, value in options.items():
    if option not in options_of(name):
      known = ', '.join(options_of(name)) or 'none'
      raise ValueError(
        f'the format {name} has no option {option!r}; it has: {known}.'
      )
    kind = parameters[option].annotation
    if not isinstance(value, kind):
      wanted = getattr(kind, '__name__', kind)
      raise ValueError(
        f'the option {option} of the format {name} must be {wanted}, got '
        f'{value!r}.'
      )


def _iterate(
  episodes, path, name, on_refused
) -> Iterator[schema.StoredEpisode]:
  """Passes episodes on; says of each failure where it was."""
  while True:
    try:
      yield next(episodes)
    except StopIteration:
      return
    except schema.BadEpisodeError as error:
      if on_refused is None:
        raise
      on_refused(str(error))
    except _UNREADABLE as error:
      # Libraries name neither the file nor, often, more than a C function.
      if path in str(error):
        raise
      raise OSError(
        f'{path} cannot be read as {name}: {files.first_line(error)}; '
        'download or copy it again.'
      ) from error
