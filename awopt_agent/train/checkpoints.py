"""Checkpoints of everything a run needs to go on, as one folder each.

A checkpoint is written beside its place and renamed when it is complete and on
the disk, so weights, optimisers, counters and replay always belong together. A
process may be killed at any moment: what it leaves is the old set or the new.
"""

import contextlib
import dataclasses
import os
import re
import shutil
import time
from typing import Any, Protocol

import gin
import tensorflow as tf

from awopt_agent import files
from awopt_agent.train import digests, manifest

__all__ = [
  'CheckpointConfig',
  'CheckpointStore',
  'latest',
  'read_state',
  'replay_folder',
]

_PREFIX = 'agent'
_REPLAY = 'replay'
_PART = '.part'  # Not yet complete.
_OLD = '.old'  # Complete, until a new one of the same step is in its place.
_DELETED = '.deleted'  # No longer complete.
_DAMAGED = '.damaged'  # Kept for the user, out of a new one's way.
_OURS = re.compile(r'(\d+)(?:(\.part|\.old|\.deleted)\d*)?$')
_MOST_LOOKS = 5

# What this process found sound, with its fingerprint: reading a large replay
# again takes seconds.
_sound: dict[tuple[str, bool], tuple] = {}
_told: set[str] = set()


class Saves(Protocol):
  """A replay, or what stands for one in another process."""

  def save(self, folder: str) -> None:
    """Writes all items to a new folder; raises OSError if it cannot."""


@gin.configurable
@dataclasses.dataclass(frozen=True)
class CheckpointConfig:
  """How many checkpoints stay.

  Attributes:
    keep: Newest complete ones that stay.
    max_disk_mb: Megabytes that these may take together, else fewer stay; the
      newest always does. A new one is complete before an old one goes, so
      while it is written they take more.
  """

  keep: int = 2
  max_disk_mb: float | None = None

  def __post_init__(self):
    if self.keep < 1:
      raise ValueError(f'CheckpointConfig.keep must be >= 1, got {self.keep}.')
    if self.max_disk_mb is not None and not self.max_disk_mb > 0:
      raise ValueError(
        'CheckpointConfig.max_disk_mb must be > 0 or None, got '
        f'{self.max_disk_mb}.'
      )


class CheckpointStore:
  """The newest checkpoints of a run, in folders named by learner step."""

  def __init__(
    self,
    folder: str,
    agent: tf.Module,
    *,
    config: CheckpointConfig | None = None,
  ):
    """Names what is saved.

    Args:
      folder: Where the checkpoints are.
      agent: Module whose variables are saved, optimisers and all.
      config: How many stay; None takes gin's.
    """
    self._folder = folder
    self._agent = agent
    self._config = config or CheckpointConfig()
    self._told: int | None = None

  def latest(self) -> str | None:
    """Returns the newest sound checkpoint's folder, as `latest` does."""
    return latest(self._folder)

  def save(self, step: int, replay: Saves, state: dict[str, Any]) -> str:
    """Writes a checkpoint, then deletes those that need not stay.

    Args:
      step: Learner step; names the folder.
      replay: Its items are saved.
      state: Counters and states that JSON can hold.

    Returns:
      The checkpoint's folder.

    Raises:
      OSError: If the disk is full or read-only, or the replay cannot be
        saved; earlier checkpoints stay.
    """
    target = os.path.join(self._folder, f'{step:010d}')
    part = f'{target}{_PART}'
    try:
      _remove(part)
      os.makedirs(part)
      self._write(part, step, replay, state)
      self._put(part, target)
    # Reverb says by an IndexError that the disk is full.
    except (OSError, tf.errors.OpError, RuntimeError, IndexError) as error:
      _remove(part)
      raise OSError(
        f'cannot write the checkpoint {target} ({files.first_line(error)}); '
        'free disk space or choose a writable --root_dir, then start again.'
      ) from error
    except BaseException:
      _remove(part)
      raise
    _note_sound(target)
    self._delete_old()
    return target

  def _write(self, folder: str, step: int, replay: Saves, state) -> None:
    replay.save(replay_folder(folder))
    prefix = os.path.join(folder, _PREFIX)
    tf.train.Checkpoint(agent=self._agent).write(prefix)
    _check_readable(prefix)
    manifest.write(
      folder, step=step, state=state, variables=digests.digest(self._agent)
    )

  def _put(self, part: str, target: str) -> None:
    """Renames, with an old target aside until the new one is there."""
    aside = None
    if os.path.exists(target):
      aside = _free(f'{target}{_OLD if _is_sound(target) else _DAMAGED}')
      os.rename(target, aside)
    try:
      os.rename(part, target)
    except BaseException:
      if aside:
        os.rename(aside, target)
      raise
    files.sync(self._folder)
    if aside and aside.endswith(_OLD):
      _remove(aside)

  def restore_agent(self, folder: str) -> dict[str, Any]:
    """Restores every variable bit for bit, and returns the saved state.

    Args:
      folder: From `latest`.

    Raises:
      ValueError: If a variable is missing on either side, or differs.
    """
    record = _read_manifest(folder)
    checkpoint = tf.train.Checkpoint(agent=self._agent)
    try:
      status = checkpoint.read(os.path.join(folder, _PREFIX))
      status.assert_consumed()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
      raise ValueError(
        f'the checkpoint {folder} does not fit this agent '
        f'({files.first_line(error)}); use the configuration that wrote it.'
      ) from error
    if digests.digest(self._agent) != record['variables']:
      raise ValueError(
        f'the weights restored from {folder} are not those that were saved; '
        'use the version and the configuration that wrote it, or move the '
        'checkpoint away to go on from the one before it.'
      )
    return record['state']

  def _delete_old(self) -> None:
    """Deletes the oldest beyond `keep` and the quota; the newest stays."""
    config = self._config
    sound = [path for path in _folders(self._folder) if _is_sound(path)]
    kept = sound[-config.keep :]
    quota = config.max_disk_mb
    sizes = {path: _megabytes(path) for path in kept}
    while quota and len(kept) > 1 and sum(sizes[p] for p in kept) > quota:
      kept.pop(0)
    self._tell_quota(len(kept), len(sizes), sizes[kept[-1]])
    for path in sound[: len(sound) - len(kept)]:
      with contextlib.suppress(OSError):  # The new one is written all the same.
        gone = _free(f'{path}{_DELETED}')
        os.rename(path, gone)
        _remove(gone)

  def _tell_quota(self, kept: int, wanted: int, newest_mb: float) -> None:
    """Says, when it changes, what the quota has no room for."""
    quota = self._config.max_disk_mb
    if not quota or (kept == wanted and newest_mb <= quota):
      return
    if kept != self._told:
      self._told = kept
      print(
        f'CheckpointConfig.max_disk_mb = {quota:g} has room for {kept} of '
        f'{self._config.keep} checkpoints, the newest of {newest_mb:.1f} MB; '
        'bind more to keep more.',
        flush=True,
      )

  def recover(self) -> None:
    """Clears what a killed process left; for the one who writes alone."""
    if not os.path.isdir(self._folder):
      return
    for name in os.listdir(self._folder):
      match = _OURS.match(name)
      if not match or not match[2]:
        continue
      path = os.path.join(self._folder, name)
      target = os.path.join(self._folder, match[1])
      if match[2] == _OLD and not os.path.exists(target):
        os.rename(path, target)
      else:
        _remove(path)


def latest(folder: str, *, replay: bool = True) -> str | None:
  """Returns the newest sound checkpoint's folder, or None if there is none.

  A damaged one is passed over, with a line that says so; it is never deleted.

  Args:
    folder: Of a run's checkpoints.
    replay: Whether its replay must be sound too; whoever wants the weights
      alone need not wait until a large one is read.

  Raises:
    ValueError: If there are checkpoints, and all are damaged.
  """
  path, damaged = _look(folder, replay)
  for _ in range(_MOST_LOOKS):
    before = damaged
    if before:  # A writer may have replaced it while we looked.
      path, damaged = _look(folder, replay)
    if damaged == before:
      break
  if path:
    _tell_damaged(damaged, path)
  elif damaged:
    worst, damage = damaged[0]
    raise ValueError(
      f'no checkpoint in {folder} is sound: {worst} is damaged ({damage}); put '
      'a copy in its place, or choose another --root_dir to begin anew.'
    )
  return path


def _look(
  folder: str, replay: bool
) -> tuple[str | None, list[tuple[str, str]]]:
  """Returns the newest sound checkpoint, and what is wrong with newer ones."""
  damaged: list[tuple[str, str]] = []
  for path in reversed(_folders(folder)):
    damage = _find_damage(path, replay=replay)
    if damage is None:
      return path, damaged
    damaged.append((path, damage))
  return None, damaged


def read_state(checkpoint: str) -> dict[str, Any]:
  """Returns the counters and states that were saved in a checkpoint.

  Raises:
    ValueError: If its manifest cannot be read.
  """
  return _read_manifest(checkpoint)['state']


def replay_folder(checkpoint: str) -> str:
  """Returns where a checkpoint holds the replay."""
  return os.path.join(checkpoint, _REPLAY)


def _read_manifest(checkpoint: str) -> dict[str, Any]:
  for look in range(_MOST_LOOKS):
    try:
      return manifest.read(checkpoint)
    except ValueError as error:
      damage = error
    if os.path.isdir(checkpoint) and look:
      break
    time.sleep(0.01)  # A writer replaces it by a newer one of the same step.
  raise ValueError(
    f'the checkpoint {checkpoint} is damaged ({damage}); move it away to go on '
    'from the one before it.'
  ) from damage


def _check_readable(prefix: str) -> None:
  """Reads all variables back, by TensorFlow's own checksums."""
  reader = tf.train.load_checkpoint(prefix)
  for name in reader.get_variable_to_shape_map():
    reader.get_tensor(name)


def _folders(folder: str) -> list[str]:
  """Returns the folders of complete checkpoints, the newest last.

  One that was set aside counts until the new one is in its place.
  """
  if not os.path.isdir(folder):
    return []
  found: dict[int, str] = {}
  for name in sorted(os.listdir(folder), reverse=True):
    match = _OURS.match(name)
    # Sorted so that '5' comes after '5.old', and takes its place.
    if match and match[2] in (None, _OLD):
      found[int(match[1])] = os.path.join(folder, name)
  return [found[step] for step in sorted(found)]


def _find_damage(path: str, *, replay: bool = True) -> str | None:
  fingerprint = manifest.fingerprint(path)
  if _sound.get((path, replay)) == fingerprint:
    return None
  damage = manifest.find_damage(path, leave_out=None if replay else _REPLAY)
  if not damage:
    _sound[path, replay] = fingerprint
  return damage


def _is_sound(path: str) -> bool:
  return _find_damage(path) is None


def _note_sound(path: str) -> None:
  """Notes what this process wrote itself."""
  for replay in (True, False):
    _sound[path, replay] = manifest.fingerprint(path)


def _tell_damaged(damaged: list[tuple[str, str]], instead: str) -> None:
  """Says once of each what was passed over."""
  for path, damage in damaged:
    if path not in _told:
      _told.add(path)
      print(
        f'passed over the damaged checkpoint {path} ({damage}), for {instead}',
        flush=True,
      )


def _megabytes(folder: str) -> float:
  sizes = [size for _, _, size, _ in manifest.fingerprint(folder)]
  return sum(sizes) / 2**20


def _free(path: str) -> str:
  """Returns the path, with a number if it is taken."""
  number, free = 1, path
  while os.path.lexists(free):
    number += 1
    free = f'{path}{number}'
  return free


def _remove(folder: str) -> None:
  shutil.rmtree(folder, ignore_errors=True)
