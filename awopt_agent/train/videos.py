"""Videos of a policy at work, and the files that pictures go to."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from tf_agents.environments import py_environment

__all__ = ['ENDINGS', 'HELD_FRAMES', 'ending', 'record', 'write']

ENDINGS = ('.mp4', '.gif', '.png')
# How often the last frame of an episode is repeated.
HELD_FRAMES = 4
_FRAMES_PER_S = 5
_INSTALL = 'install it with: pip install "awopt-agent[video]"'


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
  films = (_film_episode(env, act) for _ in range(episodes))
  return write(
    path,
    (frame for film in films for frame in film),
    otherwise=', or pass --videos 0',
  )


def write(
  path: str, frames: Iterable[np.ndarray], *, otherwise: str = ''
) -> str:
  """Writes a video, or a picture; it appears whole, or not at all.

  Args:
    path: Of the file, which is replaced if it exists; its ending is one of
      `ENDINGS`.
    frames: uint8 `[h, w, 3]` of one size, taken one at a time; a .png takes
      only one.
    otherwise: What else the user can do where no library is installed.

  Returns:
    `path`.

  Raises:
    ValueError: If the ending is another, or no library that writes such
      files is installed.
    OSError: If the file cannot be written.
  """
  options = {} if ending(path) == '.png' else {'fps': _FRAMES_PER_S}
  imageio = _import_imageio(path, otherwise)
  with (
    _file_that_becomes(path) as partial,
    imageio.get_writer(partial, **options) as writer,
  ):
    for frame in frames:
      writer.append_data(frame)
  return path


def ending(path: str) -> str:
  """Returns a path's ending, in small letters.

  Raises:
    ValueError: If it is none of `ENDINGS`.
  """
  found = os.path.splitext(path)[1].lower()
  if found not in ENDINGS:
    raise ValueError(
      f'{path!r} must end in one of {", ".join(ENDINGS)}, which name the '
      'format.'
    )
  return found


def _import_imageio(path: str, otherwise: str):
  try:
    import imageio.v2 as imageio

    if ending(path) == '.mp4':
      import imageio_ffmpeg  # noqa: F401  Imageio's way to MP4.
  except ImportError as error:
    what = error.name or 'imageio'
    raise ValueError(
      f'videos need {what.partition(".")[0]}; {_INSTALL}{otherwise}.'
    ) from error
  return imageio


@contextlib.contextmanager
def _file_that_becomes(path: str) -> Iterator[str]:
  """Yields a path of the same ending, and renames it when all is well."""
  folder = os.path.dirname(os.path.abspath(path))
  try:
    os.makedirs(folder, exist_ok=True)
    hidden = tempfile.TemporaryDirectory(prefix='.partial-', dir=folder)
  except OSError as error:
    raise OSError(
      f'cannot write {path}: {error.strerror}; choose a folder that can be '
      'written.'
    ) from error
  with hidden:
    partial = os.path.join(hidden.name, os.path.basename(path))
    yield partial
    os.replace(partial, path)


def _film_episode(env, act) -> list[np.ndarray]:
  step = env.reset()
  frames = [env.render()]
  while not step.is_last():
    step = env.step(act(step.observation))
    frames.append(env.render())
  return frames + [frames[-1]] * HELD_FRAMES
