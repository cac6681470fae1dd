"""Keeps other libraries' notices off the terminal; imported for its effect.

A binary imports this module before TensorFlow. The package itself never does:
what a user's own program prints is the user's business. Whatever the user has
set in the environment wins.
"""

import os
import warnings

__all__ = []

# TensorFlow's C++ logs of level INFO, WARNING and ERROR: it reports each
# missing GPU library and each cuDNN that registers twice as an error, on
# machines where all is well. Failures still arrive as Python exceptions.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
# Else TensorFlow announces that results may differ in the last bits.
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '0')
# gRPC, below Reverb, logs each closed connection.
os.environ.setdefault('GRPC_VERBOSITY', 'ERROR')
# A greeting, on the way in through TF-Agents and Gym.
os.environ.setdefault('PYGAME_HIDE_SUPPORT_PROMPT', '1')


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
