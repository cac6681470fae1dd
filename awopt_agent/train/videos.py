"""Videos of a policy at work."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from tf_agents.environments import py_environment

__all__ = ['record']

_FRAMES_PER_S = 5
_HELD_FRAMES = 4


def record(
  env: py_environment.PyEnvironment,
  act: Callable[[Any], Any],
  path: str,
  *,
  episodes: int,
) -> str:
  """Films episodes, one after the other, in one file.

  Args:
    env: One environment, not a batch; it begins new episodes.
    act: Maps an observation to an action, both without batch dimension.
    path: Of the file; its ending, .mp4 or .gif, names the format.
    episodes: How many.

  Returns:
    `path`.

  Raises:
    ValueError: If no library that writes videos is installed.
  """
  try:
    import imageio.v2 as imageio
  except ImportError as error:
    raise ValueError(
      'videos need imageio; install it with: pip install "awopt-agent[video]",'
      ' or pass --videos 0.'
    ) from error
  os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
  frames = []
  for _ in range(episodes):
    frames.extend(_film_episode(env, act))
  imageio.mimwrite(path, frames, fps=_FRAMES_PER_S)
  return path


def _film_episode(env, act) -> list[np.ndarray]:
  step = env.reset()
  frames = [env.render()]
  while not step.is_last():
    step = env.step(act(step.observation))
    frames.append(env.render())
  return frames + [frames[-1]] * _HELD_FRAMES
