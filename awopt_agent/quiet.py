"""Keeps other libraries' notices off the terminal; imported for its effect.

A binary imports this module before TensorFlow. The package itself never does:
what a user's own program prints is the user's business. Whatever the user has
set in the environment wins.
"""

import io
import logging
import os
import subprocess
import sys
import warnings

from awopt_agent import notice_filter

__all__ = ['drop_native_notices']

# TensorFlow's C++ logs of level INFO, WARNING and ERROR: it reports each
# missing GPU library and each cuDNN that registers twice as an error, on
# machines where all is well. Failures still arrive as Python exceptions.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
# gRPC, below Reverb, logs each closed connection.
os.environ.setdefault('GRPC_VERBOSITY', 'ERROR')
# A greeting, on the way in through TF-Agents and Gym.
os.environ.setdefault('PYGAME_HIDE_SUPPORT_PROMPT', '1')
# Pygame, which renders for Gymnasium, starts the sound too, and ALSA prints a
# wall on machines without a sound card.
os.environ.setdefault('SDL_AUDIODRIVER', 'dummy')


def _clear_gym_notices() -> None:
  """Empties the list from which Gym prints that it is unmaintained.

  TF-Agents 0.19 imports Gym; a user of ours can do nothing about it.
  """
  try:
    from gym_notices import notices
  except ImportError:
    return
  notices.notices.clear()


_clear_gym_notices()

# TF-Agents replaces infinite bounds by finite ones, and assigns floats to
# integer arrays where a spec's bounds were given as integers.
warnings.filterwarnings(
  'ignore',
  message='invalid value encountered in cast',
  category=RuntimeWarning,
  module=r'tf_agents\.specs\.array_spec',
)

# Kept: Python complains of a process that it forgets while it runs.
_running: list[subprocess.Popen] = []

# TF-Agents' Learner warns that it writes no checkpoints: ours hold the replay
# too.
logging.getLogger('absl').setLevel(logging.ERROR)
logging.getLogger('tensorflow').setLevel(logging.ERROR)


def drop_native_notices() -> None:
  """Filters the notices that C++ code writes to descriptor 2.

  Reverb 0.14 has no log level, nor has libjpeg within TensorFlow, nor Ray
  before it is connected. Python's own stderr keeps the terminal; only native
  code writes to the filter, which passes on all that it does not know.
  """
  sys.stderr.flush()
  original = os.dup(2)
  sys.stderr = io.TextIOWrapper(
    os.fdopen(original, 'wb', buffering=0, closefd=False),
    # As Python's own: a message must never fail on a letter.
    encoding=sys.stderr.encoding,
    errors='backslashreplace',
    line_buffering=True,
    write_through=True,
  )
  # A process, not a thread: it outlives an abort, whose reason comes last. In
  # a session of its own it outlives a Ctrl-C too; it ends with the last writer.
  process = subprocess.Popen(
    [sys.executable, '-I', '-S', notice_filter.__file__],
    stdin=subprocess.PIPE,
    stdout=subprocess.DEVNULL,
    stderr=original,
    start_new_session=True,
  )
  assert process.stdin is not None
  os.dup2(process.stdin.fileno(), 2)
  process.stdin.close()
  _running.append(process)
