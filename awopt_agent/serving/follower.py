"""Serves the newest good version of a folder, while others are written."""

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator

from awopt_agent.serving import layout
from awopt_agent.serving import limits as limits_lib
from awopt_agent.serving import predictor as predictor_lib

__all__ = ['Follower']

# In which a version that is overwritten may be seen by nobody.
_RENAME_S = 0.1
_warn = logging.getLogger(__name__).warning


class Follower:
  """Holds a `Predictor` of the newest good version, and looks for newer ones.

  A new version serves once it has proved itself; until then, and for ever if
  it does not, the one before goes on. A predictor that was taken from here
  stays valid. Where the version that serves is removed, the newest good one
  that is left takes over, so that a bad policy can be taken back; where none
  is left, it goes on.
  """

  def __init__(
    self,
    folder: str,
    *,
    policy: str | None = None,
    limits: limits_lib.ActionLimits | None = None,
    every_s: float | None = 10.0,
    report: Callable[[str], None] = _warn,
  ):
    """Loads the newest good version, and begins to look.

    Args:
      folder: Parent of versions.
      policy: As of `Predictor`.
      limits: As of `Predictor`.
      every_s: Seconds between two looks; None looks only when `refresh` is
        called.
      report: Receives a line for each new version, good or bad.

    Raises:
      ValueError: If there is no good version, or if policy or limits do not
        fit it.
    """
    if every_s is not None and not every_s > 0:
      raise ValueError(f'every_s must be > 0, got {every_s}; or pass None.')
    self._folder = folder
    self._policy, self._limits = policy, limits
    self._report = report
    self._lock = threading.Lock()
    self._stopped = threading.Event()
    # By version, the mark of the files that were no good.
    self._bad: dict[str, str] = {}
    self._told: set[str] = set()
    self._predictor, self._version, self._mark = self._load_first()
    self._thread = None
    if every_s is not None:
      self._thread = threading.Thread(
        target=self._follow, args=(every_s,), name='follower', daemon=True
      )
      self._thread.start()

  @property
  def predictor(self) -> predictor_lib.Predictor:
    """The predictor of now; take it once for what belongs together."""
    return self._predictor

  def refresh(self) -> bool:
    """Looks now.

    Returns:
      Whether another version serves from now on.
    """
    with self._lock:
      versions = self._look()
      if self._version not in versions:
        time.sleep(_RENAME_S)
        versions = self._look()
      return any(map(self._try, self._better(versions)))

  def close(self) -> None:
    """Looks no more; the last predictor stays valid."""
    self._stopped.set()
    if self._thread is not None:
      self._thread.join()

  def __enter__(self) -> 'Follower':
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def _follow(self, every_s: float) -> None:
    while not self._stopped.wait(every_s):
      self.refresh()

  def _load_first(self) -> tuple[predictor_lib.Predictor, str, str]:
    layout.find_version(self._folder)  # Or says why there is none.
    problem: Exception = ValueError('there is no version in it')
    for version in self._look():
      path = os.path.join(self._folder, version)
      mark = _mark(path)
      try:
        return self._load(path), version, mark
      except Exception as error:  # Whatever a damaged file raises.
        self._skip(version, mark, error, 'an older one may do')
        problem = error
    raise ValueError(
      f'{self._folder} holds no good version; {_one_line(problem)}'
    ) from problem

  def _look(self) -> list[str]:
    """Returns the versions, the newest first."""
    try:
      return layout.list_versions(self._folder)[::-1]
    except OSError:  # Away, such as a disk of another machine.
      return []

  def _better(self, versions: list[str]) -> Iterator[tuple[str, str]]:
    """Yields what could serve instead, with the marks of their files."""
    for version in versions:
      mark = _mark(os.path.join(self._folder, version))
      current = version == self._version
      if mark not in (self._bad.get(version), current and self._mark):
        yield version, mark
      if current:  # What is older serves only where this was taken away.
        return

  def _try(self, found: tuple[str, str]) -> bool:
    """Lets a version serve, if it is good; returns whether it does."""
    version, mark = found
    try:
      new = self._load(os.path.join(self._folder, version))
      _check_specs(new, self._predictor)
    except Exception as error:  # Whatever a damaged file raises.
      self._skip(version, mark, error, f'{self._version} goes on')
      return False
    line = f'{new.folder}: serves from now on'
    by = [one.metadata['tensorflow'] for one in (new, self._predictor)]
    if by[0] != by[1]:
      line += f'; exported with TensorFlow {by[0]}, the one before with {by[1]}'
    self._predictor, self._version, self._mark = new, version, mark
    self._say(line)
    return True

  def _load(self, path: str) -> predictor_lib.Predictor:
    return predictor_lib.Predictor(
      path, policy=self._policy, limits=self._limits
    )

  def _skip(self, version, mark, error: Exception, instead: str) -> None:
    """Notes a bad version, and reports it once.

    One that is still being copied changes: it is tried again. So is one that
    the disk, or a lack of memory, kept from being read.
    """
    if version not in self._told:
      self._told.add(version)
      self._say(f'{_one_line(error)} Skipped: {instead}.')
    if not isinstance(error, (OSError, MemoryError)):
      self._bad[version] = mark

  def _say(self, line: str) -> None:
    # Who listens may be gone; the looks must go on.
    with contextlib.suppress(OSError, ValueError):
      self._report(line)


def _mark(path: str) -> str:
  """Returns what changes when a version does: also when it is overwritten.

  While it is copied, its files appear one by one.
  """
  seen = [path]
  for root, _, names in os.walk(path):
    for name in sorted(names):
      try:
        status = os.stat(os.path.join(root, name))
      except OSError:  # Removed in this moment.
        continue
      seen.append(f'{root} {name} {status.st_size} {status.st_mtime_ns}')
  return hashlib.sha256('\n'.join(sorted(seen)).encode()).hexdigest()


def _check_specs(new, old) -> None:
  for side in ('observation', 'action'):
    parts = [
      [part.as_record() for part in getattr(one, f'{side}_spec')]
      for one in (new, old)
    ]
    if parts[0] != parts[1]:
      raise ValueError(
        f'{new.folder}: its {side} spec differs from that of version '
        f'{old.version}, which serves; start anew to serve it.'
      )


def _one_line(error: Exception) -> str:
  lines = str(error).strip().splitlines()
  return lines[0] if lines else type(error).__name__
