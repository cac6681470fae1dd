"""Saves checkpoints in processes that are killed in the middle.

`python -m tests.train.killed_saves FOLDER...` takes folders that hold a
checkpoint of turn 1 at learner step 5; each is named by the learner step of
turn 2. It copies each to FOLDER.0, FOLDER.1 and so on. In each copy a process
saves turn 2, and is killed (-9) before the n-th change that it makes to files;
the last one comes to its end.
"""

import itertools
import os
import shutil
import signal
import sys

import tensorflow as tf

from awopt_agent.train import checkpoints

_KEEP_ONE = checkpoints.CheckpointConfig(keep=1)


def make_agent(turn):
  """Returns a module whose variables tell the turn."""
  agent = tf.Module()
  agent.a = tf.Variable(tf.fill([100], float(turn)))
  agent.b = tf.Variable(turn)
  return agent


class Replay:
  """A replay whose items tell the turn."""

  def __init__(self, turn):
    self._turn = turn

  def save(self, folder):
    os.mkdir(folder)
    for name in ('items', 'chunks'):
      with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
        file.write(str(self._turn))


def save(folder, step, turn):
  """Saves weights, replay and state of a turn; it alone stays."""
  store = checkpoints.CheckpointStore(
    folder, make_agent(turn), config=_KEEP_ONE
  )
  store.save(step, Replay(turn), {'turn': turn})


def turns_in(checkpoint):
  """Returns the turns that weights, replay and state of a checkpoint tell."""
  agent = make_agent(0)
  store = checkpoints.CheckpointStore(os.path.dirname(checkpoint), agent)
  turns = {store.restore_agent(checkpoint)['turn'], int(agent.b.numpy())}
  replay = checkpoints.replay_folder(checkpoint)
  for name in os.listdir(replay):
    with open(os.path.join(replay, name), encoding='utf-8') as file:
      turns.add(int(file.read()))
  return turns | {*agent.a.numpy()}


def _is_change(event, args, folder):
  if event == 'os.rmdir':
    return True  # shutil.rmtree gives names within the folder alone.
  if not args or not str(args[0]).startswith(folder):
    return False
  if event == 'open':
    return isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
  return event in ('os.mkdir', 'os.rename')


def _die_before(change, folder):
  """Kills this process before its n-th change to the files of a folder."""
  left = itertools.count(change, -1)

  def hook(event, args):
    if _is_change(event, args, folder) and not next(left):
      os.kill(os.getpid(), signal.SIGKILL)

  sys.addaudithook(hook)


def _save_in_copies(folder):
  # TensorFlow starts its threads at the first operation: processes may be
  # forked from this one before, without the seconds of the imports.
  for change in itertools.count():
    copy = f'{folder}.{change}'
    shutil.copytree(folder, copy)
    child = os.fork()
    if not child:
      _die_before(change, copy)
      save(copy, int(os.path.basename(folder)), 2)
      os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status == 0:
      return
    assert os.WTERMSIG(status) == signal.SIGKILL, status


if __name__ == '__main__':
  for name in sys.argv[1:]:
    _save_in_copies(name)
