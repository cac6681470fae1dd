"""A collector's finished episodes on disk, until the replay's disk has them."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import threading
import time
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from awopt_agent import files

__all__ = ['DamagedError', 'Spool']

_STATE = 'state.json'
_OWNER = 'owner.json'
_EPISODES = 'episodes'
_DAMAGED = '.damaged'
_DIGITS = 12
_LEAST_FREE_BYTES = 64 * 2**20
# Of faster rounds, a simulator's, the others are left to the system: to sync
# each episode took a tenth of two collectors' time.
_SYNC_EVERY_S = 1.0
# What waits to be read for the first time; more is read from the disk.
_MOST_FRESH_BYTES = 8 * 2**20


class DamagedError(ValueError):
  """An episode cannot be read; its file was set aside."""


class Spool:
  """Episodes as packed columns, numbered in the order in which they ended.

  A file appears whole or not at all, so a collector that is killed loses the
  episodes under way, and no other. A machine that loses its power may damage
  those of the round under way, and where rounds take less than a second, as in
  a simulator, those of its last half a minute.

  Attributes:
    following: Number of the next episode.
    identity: A number that no other spool has.
  """

  def __init__(self, folder: str, *, max_bytes: int):
    """Takes up what an earlier process left.

    Args:
      folder: Of this collector alone.
      max_bytes: Of all episodes together, at most.

    Raises:
      OSError: If another process has the folder, or it cannot be written.
    """
    self._folder = folder
    self._max_bytes = max_bytes
    self._episodes = os.path.join(folder, _EPISODES)
    os.makedirs(self._episodes, exist_ok=True)
    self._claim()
    owner = self._read(_OWNER)
    self.identity: int = owner.get('spool') or secrets.randbits(62)
    self._run: str = owner.get('run', '')
    # One thread adds, another deletes.
    self._guard = threading.RLock()
    self._sizes = self._take_up()
    # Most are delivered at once: then nobody waits for their files.
    self._fresh: dict[int, dict[str, np.ndarray]] = {}
    self._unsynced: list[int] = []
    self._synced_at = -float('inf')
    self.following = max(
      int(self.state().get('following', 0)), *(n + 1 for n in self._sizes), 0
    )

  def _claim(self) -> None:
    self._locked = os.open(self._folder, os.O_RDONLY)
    try:
      fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      os.close(self._locked)
      raise OSError(
        f'another collector is at work in {self._folder}; give this one '
        'another --index.'
      ) from error

  def belong_to(self, run: str) -> None:
    """Keeps what is here for the run whose replay it first met.

    Raises:
      ValueError: If this is another run.
    """
    if run == self._run:
      return
    if self._run:
      raise ValueError(
        f'the episodes in {self._folder} belong to another run than the replay '
        'server does; correct --replay_address, or choose another --spool_dir.'
      )
    self._write(_OWNER, {'spool': self.identity, 'run': run})
    self._run = run

  def _take_up(self) -> dict[int, int]:
    """Returns the size of each episode by number, in order."""
    sizes = {}
    for name in sorted(os.listdir(self._episodes)):
      path = os.path.join(self._episodes, name)
      if name.endswith('.npz'):
        sizes[int(name.removesuffix('.npz'))] = os.path.getsize(path)
      elif not name.endswith(_DAMAGED):
        os.remove(path)  # Its writer was killed.
    return sizes

  @property
  def is_full(self) -> bool:
    """Whether there is no room for another round of episodes."""
    if shutil.disk_usage(self._folder).free < _LEAST_FREE_BYTES:
      return True
    with self._guard:
      return sum(self._sizes.values()) >= self._max_bytes

  def __len__(self) -> int:
    return len(self._sizes)

  def add(self, columns: Mapping[str, np.ndarray]) -> int:
    """Stores an episode.

    Args:
      columns: Arrays by name.

    Returns:
      Its number.

    Raises:
      OSError: If the disk is full or read-only.
    """
    number = self.following
    path = self._path(number)
    part = f'{path}.part'
    with open(part, 'wb') as file:
      np.savez(file, **columns)
    size = os.path.getsize(part)
    os.replace(part, path)
    with self._guard:
      if sum(self._sizes.get(n, 0) for n in self._fresh) < _MOST_FRESH_BYTES:
        self._fresh[number] = dict(columns)
      self._sizes[number] = size
      self.following = number + 1
    self._unsynced.append(number)
    return number

  def end_round(self, state: Mapping[str, Any], *, last: bool = False) -> None:
    """Brings a round to the disk, once a second.

    Who is killed goes on from an earlier state, with all episodes that ended.

    Args:
      state: What `state` returns to the next process.
      last: Whether no other round follows.

    Raises:
      OSError: If the disk is full or read-only.
    """
    now = time.monotonic()
    if last or now - self._synced_at >= _SYNC_EVERY_S:
      for number in self._unsynced:
        # Delivered and deleted, perhaps, by the other thread.
        with contextlib.suppress(FileNotFoundError):
          files.sync(self._path(number))
      files.sync(self._episodes)
      self._write(_STATE, {**state, 'following': self.following})
      self._synced_at = now
    self._unsynced.clear()

  def read(self, number: int) -> dict[str, np.ndarray]:
    """Returns the columns of an episode.

    Raises:
      DamagedError: If its file is cut or changed; it is not here any more.
    """
    with self._guard:
      if fresh := self._fresh.pop(number, None):
        return fresh
    path = self._path(number)
    try:
      with np.load(path, allow_pickle=False) as columns:
        return dict(columns)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
      aside = f'{path}{_DAMAGED}'
      with self._guard:
        os.replace(path, aside)
        del self._sizes[number]
      raise DamagedError(
        f'episode {number} cannot be read ({files.first_line(error)}); set '
        f'aside as {aside}'
      ) from error

  def has(self, number: int) -> bool:
    return number in self._sizes

  def first_from(self, number: int) -> int | None:
    """Returns the lowest number that is here and not below another."""
    if self.has(number):
      return number
    with self._guard:
      return min((n for n in self._sizes if n > number), default=None)

  def count_from(self, number: int) -> int:
    """Returns how many are here whose numbers are not below another."""
    with self._guard:
      return sum(n >= number for n in self._sizes)

  def missing_below(self, number: int) -> int:
    """Returns how many numbers right below another are not here."""
    if self.has(number - 1):
      return 0
    with self._guard:
      below = max((n for n in self._sizes if n < number), default=-1)
    return number - 1 - below

  def drop_below(self, number: int) -> None:
    """Deletes the episodes of lower numbers."""
    with self._guard:
      for old in [n for n in self._sizes if n < number]:
        os.remove(self._path(old))
        del self._sizes[old]
        self._fresh.pop(old, None)

  def go_on_from(self, number: int) -> None:
    """Numbers the next episode so at least: others came before this disk."""
    with self._guard:
      self.following = max(self.following, number)

  def state(self) -> dict[str, Any]:
    """Returns the newest state that was noted, or nothing."""
    return self._read(_STATE)

  def _read(self, name: str) -> dict[str, Any]:
    path = os.path.join(self._folder, name)
    if not os.path.exists(path):
      return {}
    with open(path, encoding='utf-8') as file:
      return json.load(file)

  def _write(self, name: str, record: Mapping[str, Any]) -> None:
    path = os.path.join(self._folder, name)
    part = f'{path}.part'
    with open(part, 'w', encoding='utf-8') as file:
      json.dump(record, file)
      file.flush()
      os.fsync(file.fileno())
    os.replace(part, path)

  def close(self) -> None:
    """Lets another process take the folder."""
    os.close(self._locked)

  def _path(self, number: int) -> str:
    return os.path.join(self._episodes, f'{number:0{_DIGITS}d}.npz')
