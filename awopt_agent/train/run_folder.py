"""The folder of a run: what is where in it, and whose it is."""

import errno
import fcntl
import json
import os
import secrets
import shutil
import tempfile

from awopt_agent.train import config as config_lib

__all__ = ['MAY_CHANGE', 'RunFolder']

# What a later start in the same folder may change: how long the run goes on,
# how often it looks up, how long it waits, and what it keeps. All else would
# make it another run.
MAY_CHANGE = (
  'TrainConfig.practice_episodes',
  'TrainConfig.eval_every',
  'TrainConfig.eval_episodes',
  'TrainConfig.final_eval_episodes',
  'TrainConfig.eval_headline_only',
  'TrainConfig.checkpoint_every',
  'TrainConfig.summary_every',
  'CheckpointConfig.keep',
  'CheckpointConfig.max_disk_mb',
  'RolesConfig.wait_limit_s',
  'RolesConfig.max_spool_mb',
  'RolesConfig.restart_limit',
  'RolesConfig.publish_every_s',
  'RolesConfig.pull_every_s',
)
_LEAST_FREE_BYTES = 200 * 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT)


class RunFolder:
  """Paths below `root_dir`, and the configuration that made it."""

  def __init__(self, path: str):
    """Names the folder, which need not exist."""
    self.path = os.path.abspath(os.path.expanduser(path))
    self.checkpoints = os.path.join(self.path, 'checkpoints')
    self.replay = os.path.join(self.path, 'replay')
    self.policies = os.path.join(self.path, 'policies')
    self.videos = os.path.join(self.path, 'videos')
    self.metrics = os.path.join(self.path, 'metrics.jsonl')
    self._config = os.path.join(self.path, 'config.gin')
    self._run = os.path.join(self.path, 'run.json')
    self._identity = os.path.join(self.path, 'run_id')

  def check_disk(self, *, refuse_full: bool = True) -> None:
    """Makes the folder, and checks that it can be written.

    Args:
      refuse_full: Whether a disk that is nearly full is an error; else it is a
        line.

    Raises:
      OSError: If it cannot be written, or the disk is nearly full.
    """
    try:
      os.makedirs(self.path, exist_ok=True)
      # Without a name: other roles may probe at the same time.
      with tempfile.TemporaryFile(dir=self.path, buffering=0) as file:
        file.write(b'0' * 4096)
    except OSError as error:
      if refuse_full or error.errno not in _FULL:
        raise OSError(
          f'cannot write to {self.path} ({error.strerror}); choose another '
          '--root_dir or make it writable.'
        ) from error
    free = shutil.disk_usage(self.path).free
    if free < _LEAST_FREE_BYTES:
      line = (
        f'{self.path} has {free // 2**20} MB left, a run needs '
        f'{_LEAST_FREE_BYTES // 2**20} MB; free disk space'
      )
      if refuse_full:
        raise OSError(f'{line} or choose another --root_dir.')
      print(f'{line}.', flush=True)

  @property
  def has_run(self) -> bool:
    """Whether a run was started here."""
    return os.path.exists(self._config)

  def config(self) -> str:
    """Returns the stored configuration.

    Raises:
      FileNotFoundError: If no run was started here.
    """
    if not self.has_run:
      raise FileNotFoundError(
        f'{self.path} holds no run (no config.gin); name the --root_dir of '
        'awopt-train.'
      )
    with open(self._config, encoding='utf-8') as file:
      return file.read()

  def seed(self) -> int:
    """Returns the run's seed."""
    with open(self._run, encoding='utf-8') as file:
      return json.load(file)['seed']

  def lock(self) -> None:
    """Keeps other runs out of the folder until this process ends.

    Raises:
      OSError: If another process is at work in it.
    """
    self._locked = os.open(self.path, os.O_RDONLY)
    try:
      fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise OSError(
        f'another awopt-train or learner is at work in {self.path}; wait for '
        'its end, or choose another --root_dir.'
      ) from error

  def unlock(self) -> None:
    """Lets other runs into the folder."""
    os.close(self._locked)

  def is_locked(self) -> bool:
    """Tells whether a run, such as a learner's, is at work in the folder."""
    looked = os.open(self.path, os.O_RDONLY)
    try:
      fcntl.flock(looked, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
      return True
    finally:
      os.close(looked)
    return False

  def identity(self, *, make: bool = False) -> str:
    """Returns what tells this run from all others; '' if there is none yet.

    Args:
      make: Whether to make one then; the replay role does.
    """
    if make and not os.path.exists(self._identity):
      self._write(self._identity, secrets.token_hex(8))
    if not os.path.exists(self._identity):
      return ''
    with open(self._identity, encoding='utf-8') as file:
      return file.read()

  def claim(self, operative: str, seed: int) -> None:
    """Stores the configuration of the run that begins or goes on here.

    Args:
      operative: Text of `config.operative`, with everything built.
      seed: Of the run.
    """
    self._write(self._config, operative)
    self._write(self._run, json.dumps({'seed': seed}))

  def check_same(self, operative: str, seed: int) -> None:
    """Checks that the stored configuration is the same.

    Args:
      operative: Text of `config.operative`, with everything built.
      seed: Of the run.

    Raises:
      ValueError: If the folder belongs to another configuration or seed.
    """
    changed = config_lib.changed_bindings(
      self.config(), operative, may_change=MAY_CHANGE
    )
    if self.seed() != seed:
      changed.append(f'--seed: {self.seed()} -> {seed}')
    if changed:
      raise ValueError(
        f'{self.path} was made with another configuration '
        f'({"; ".join(changed)}); choose another --root_dir, or take the '
        'change back.'
      )

  @staticmethod
  def _write(path: str, text: str) -> None:
    part = f'{path}.part'
    with open(part, 'w', encoding='utf-8') as file:
      file.write(text)
    os.replace(part, path)
