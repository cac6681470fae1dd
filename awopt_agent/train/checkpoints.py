"""Checkpoints of everything a run needs to go on, as one folder each.

A checkpoint is written beside its place and renamed when it is complete, so
weights, optimisers, counters and replay always belong together.
"""

import json
import os
import shutil
from typing import Any

import tensorflow as tf

from awopt_agent import files
from awopt_agent.experience import replay as replay_lib

__all__ = ['CheckpointStore', 'read_state', 'replay_folder']

_PREFIX = 'agent'
_STATE = 'state.json'
_REPLAY = 'replay'
_ASIDE = '.old'


class CheckpointStore:
  """The newest checkpoints of a run, in folders named by learner step."""

  def __init__(self, folder: str, agent: tf.Module, *, keep: int = 2):
    """Names what is saved.

    Args:
      folder: Where the checkpoints are.
      agent: Module whose variables are saved, optimisers and all.
      keep: Number of complete checkpoints to keep.
    """
    self._folder = folder
    self._agent = agent
    self._keep = keep

  def latest(self) -> str | None:
    """Returns the newest complete checkpoint's folder, or None."""
    complete = self._complete()
    return complete[-1] if complete else None

  def save(
    self, step: int, replay: replay_lib.Replay, state: dict[str, Any]
  ) -> str:
    """Writes a checkpoint, then deletes the oldest beyond `keep`.

    Args:
      step: Learner step; names the folder.
      replay: Its items are saved.
      state: Counters and states that JSON can hold.

    Returns:
      The checkpoint's folder.

    Raises:
      OSError: If the disk is full or read-only; earlier checkpoints stay.
    """
    target = os.path.join(self._folder, f'{step:010d}')
    part = f'{target}.part'
    shutil.rmtree(part, ignore_errors=True)
    try:
      os.makedirs(part)
      self._write(part, replay, state)
      self._put(part, target)
    # Reverb says by an IndexError that the disk is full.
    except (OSError, tf.errors.OpError, RuntimeError, IndexError) as error:
      shutil.rmtree(part, ignore_errors=True)
      raise OSError(
        f'cannot write the checkpoint {target} ({files.first_line(error)}); '
        'free disk space or choose a writable --root_dir, then start again.'
      ) from error
    for old in self._complete()[: -self._keep]:
      shutil.rmtree(old)
    return target

  @staticmethod
  def _put(part: str, target: str) -> None:
    """Renames, with an old target aside until the new one is there."""
    if os.path.exists(target):
      aside = f'{target}{_ASIDE}'
      os.rename(target, aside)
      os.rename(part, target)
      shutil.rmtree(aside, ignore_errors=True)
    else:
      os.rename(part, target)

  def _write(self, folder: str, replay, state) -> None:
    replay.save(os.path.join(folder, _REPLAY))
    tf.train.Checkpoint(agent=self._agent).write(os.path.join(folder, _PREFIX))
    with open(os.path.join(folder, _STATE), 'w', encoding='utf-8') as file:
      json.dump(state, file)
      file.flush()
      os.fsync(file.fileno())

  def restore_agent(self, folder: str) -> dict[str, Any]:
    """Restores every variable, and returns the saved state.

    Args:
      folder: From `latest`.

    Raises:
      ValueError: If a variable is missing on either side.
    """
    checkpoint = tf.train.Checkpoint(agent=self._agent)
    try:
      status = checkpoint.read(os.path.join(folder, _PREFIX))
      status.assert_consumed()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
      raise ValueError(
        f'the checkpoint {folder} does not fit this agent '
        f'({files.first_line(error)}); use the configuration that wrote it.'
      ) from error
    return read_state(folder)

  def _complete(self) -> list[str]:
    if not os.path.isdir(self._folder):
      return []
    names = sorted(n for n in os.listdir(self._folder) if n.isdigit())
    return [os.path.join(self._folder, name) for name in names]

  def recover(self) -> None:
    """Undoes a replacement that was cut; for the one who writes alone."""
    if not os.path.isdir(self._folder):
      return
    for name in os.listdir(self._folder):
      path = os.path.join(self._folder, name)
      if not name.endswith(_ASIDE):
        continue
      if os.path.exists(path.removesuffix(_ASIDE)):
        shutil.rmtree(path, ignore_errors=True)
      else:
        os.rename(path, path.removesuffix(_ASIDE))


def read_state(checkpoint: str) -> dict[str, Any]:
  """Returns the counters and states that were saved in a checkpoint."""
  with open(os.path.join(checkpoint, _STATE), encoding='utf-8') as file:
    return json.load(file)


def replay_folder(checkpoint: str) -> str:
  """Returns where a checkpoint holds the replay."""
  return os.path.join(checkpoint, _REPLAY)
