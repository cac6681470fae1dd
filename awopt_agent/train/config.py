"""Gin: where its files are found, and what a run was made with."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gin

from awopt_agent import resources

__all__ = ['bound', 'changed_bindings', 'load', 'operative', 'parameters']


# Gin draws rules of this length under its headings; `operative` drops them.
_ONE_LINE = 10_000


def load(gin_files: Sequence[str], gin_bindings: Sequence[str]) -> None:
  """Replaces the configuration in force.

  Args:
    gin_files: Paths, from the working directory or from the project's `gin/`.
    gin_bindings: Lines such as `TrainConfig.batch_size = 64`.

  Raises:
    ValueError: If a file does not exist, or a line names nothing that does.
  """
  gin.clear_config()
  gin.add_config_file_search_path(resources.gin_root())
  with _quiet_search(), _search_past_folders():
    try:
      gin.parse_config_files_and_bindings(
        list(gin_files), list(gin_bindings), finalize_config=True
      )
    except OSError as error:
      reason = str(error).strip().splitlines()[0].rstrip('.')
      raise ValueError(
        f'gin: {reason}; name a file by its path, or one below '
        f'{resources.gin_root()}.'
      ) from error
    except (ValueError, SyntaxError) as error:
      reason = str(error).strip().splitlines()[0]
      raise ValueError(
        f'gin: {reason} Check the line in your gin file or --gin_bindings.'
      ) from error


def bound(name: str, default: Any) -> Any:
  """Returns what is bound to a parameter, or `default`.

  Args:
    name: Such as 'TrainConfig.success_threshold'.
    default: If nothing is.
  """
  try:
    return gin.query_parameter(name)
  except ValueError:
    return default


def operative() -> str:
  """Returns every binding that was used, as gin text.

  Complete only once all configurables were called: build first.
  """
  text = gin.operative_config_str(max_line_length=_ONE_LINE)
  rules = ('# ===', '# ---')
  kept = [line for line in text.splitlines() if not line.startswith(rules)]
  return '\n'.join(kept).strip() + '\n'


def changed_bindings(
  old: str, new: str, *, may_change: Sequence[str] = ()
) -> list[str]:
  """Compares two operative configurations.

  Args:
    old: Text of `operative`.
    new: Text of `operative`.
    may_change: Parameters, such as 'TrainConfig.episodes', to pass over.

  Returns:
    A line for each difference: `name: old -> new`.
  """
  before, after = parameters(old), parameters(new)
  return [
    f'{name}: {before.get(name, "unset")} -> {after.get(name, "unset")}'
    for name in sorted({*before, *after} - set(may_change))
    if before.get(name) != after.get(name)
  ]


def parameters(text: str) -> dict[str, str]:
  """Returns the values, as text, of an operative configuration."""
  lines = (line for line in text.splitlines() if not line.startswith('#'))
  pairs = (line.split(' = ', 1) for line in lines if ' = ' in line)
  return {name.strip(): value.strip() for name, value in pairs}


@contextlib.contextmanager
def _quiet_search() -> Iterator[None]:
  """Silences the root logger's errors on each search path that has no file."""

  def drop(record: logging.LogRecord) -> bool:
    return 'Path not found' not in record.getMessage()

  root = logging.getLogger()
  root.addFilter(drop)
  try:
    yield
  finally:
    root.removeFilter(drop)


@contextlib.contextmanager
def _search_past_folders() -> Iterator[None]:
  """Lets gin find `run/quickstart.gin` where the user has a folder `run`.

  It takes a folder without `__init__.py` for a package, and falls over such a
  package having no file.
  """
  readers = gin.config._FILE_READERS
  saved = list(readers)
  readers[:] = [(read, _without_type_error(exists)) for read, exists in saved]
  try:
    yield
  finally:
    readers[:] = saved


def _without_type_error(exists: Callable[[str], bool]) -> Callable[[str], bool]:
  def found(path: str) -> bool:
    try:
      return exists(path)
    except TypeError:
      return False

  return found
