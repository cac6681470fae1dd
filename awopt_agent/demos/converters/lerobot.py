"""Reads data sets of LeRobot, of version 2 and 3.

Source: https://github.com/huggingface/lerobot (LeRobotDataset v2.0 to v3.0).
"""

import functools
import glob
import itertools
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from awopt_agent import files
from awopt_agent.demos import schema
from awopt_agent.demos.converters import columns, frames, lerobot_meta, rows

__all__ = ['LOOKS_LIKE', 'TERMINAL', 'fits', 'read']

LOOKS_LIKE = 'a folder with meta/info.json'
# What makes the end of an episode a terminal state.
TERMINAL = ('success', 'done', 'never')

_EPISODE = 'episode_index'
_FRAME = 'frame_index'
_TASK_INDEX = 'task_index'
_TASK = 'task'
_REWARDS = ('next.reward', 'reward')
_DONE = 'next.done'
_SUCCESS = 'next.success'
# Bounds what is held of a file beyond its episode.
_ROWS_AT_ONCE = 256


def fits(path: str) -> bool:
  """Tells whether a path is such a folder."""
  return os.path.isfile(os.path.join(path, lerobot_meta.INFO))


def read(
  path: str, *, skip_videos: bool = False, terminal: str = 'success'
) -> Iterator[schema.StoredEpisode]:
  """Reads the episodes of a set, in order.

  `observation.a.b` becomes `observation/a.b`, as names with a dot may stand
  beside the same name without; `action` is one array, or likewise
  `action/a.b` if there are only such. `next.reward` becomes the reward; a set
  without one has no such field. The other columns are kept as step fields by
  their own names, and `task` holds the text of `task_index`.

  No observation is stored behind the last action.

  Args:
    path: Folder of the set.
    skip_videos: Whether to leave features out that are stored as video; else
      they are decoded, which needs the extra `video`.
    terminal: What makes an end terminal: 'success', that the last `next.done`
      is set, and `next.success` too, if the set has it; 'done', `next.done`
      alone, which LeRobot sets at every end; or 'never'.

  Raises:
    ValueError: If the set is of another version, incomplete, or has depth
      videos; or `terminal` is none of those.
  """
  if terminal not in TERMINAL:
    raise ValueError(
      f'terminal must be one of {", ".join(TERMINAL)}, got {terminal!r}.'
    )
  about = lerobot_meta.read(path)
  build = functools.partial(
    _episode,
    about,
    terminal=terminal,
    cameras={} if skip_videos else _cameras(about),
  )
  # Unlike a generator, map goes on behind an episode that was refused.
  return map(build, _tables(about))


class _Numbered(NamedTuple):
  """An episode's number, and its columns."""

  number: int
  table: pa.Table


def _cameras(about: lerobot_meta.Meta) -> dict[str, frames.FrameReader]:
  for name in about.videos:
    if about.is_depth(name):
      raise ValueError(
        f'{about.path}: {name} is a video of depths, which is not read; leave '
        'videos out with skip_videos.'
      )
  return {name: frames.FrameReader() for name in about.videos}


def _tables(about: lerobot_meta.Meta) -> Iterator[_Numbered]:
  """Yields the rows of each episode; files may hold several."""
  found, last = 0, -1
  for numbered in _join(_pieces(about)):
    if numbered.number <= last:
      raise ValueError(
        f'{about.path}: episode {numbered.number} stands behind episode '
        f'{last}; its files are mixed up, download the set again.'
      )
    found, last = found + 1, numbered.number
    yield numbered
  if found != about.total_episodes:
    raise ValueError(
      f'{about.path} holds {found} episodes, but its info.json says '
      f'{about.total_episodes}; download it again.'
    )


def _pieces(about: lerobot_meta.Meta) -> Iterator[tuple[int, pa.RecordBatch]]:
  """Yields rows in order, never of two episodes at once."""
  names = glob.glob(
    os.path.join(about.path, 'data', '**', '*.parquet'), recursive=True
  )
  for name in sorted(names, key=lerobot_meta.numbers_in):
    try:
      with pq.ParquetFile(name) as file:
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
          yield from _split(batch)
    except (pa.ArrowException, KeyError, OSError) as error:
      raise ValueError(
        f'{name} cannot be read: {files.first_line(error)}; download it again '
        '(with git: git lfs pull).'
      ) from error


def _split(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
  numbers = np.asarray(batch.column(_EPISODE)).reshape(-1)
  starts = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))
  for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
    yield int(numbers[start]), batch.slice(start, stop - start)


def _join(
  pieces: Iterator[tuple[int, pa.RecordBatch]],
) -> Iterator[_Numbered]:
  for number, group in itertools.groupby(pieces, key=lambda piece: piece[0]):
    batches = [batch for _, batch in group]
    yield _Numbered(number, pa.Table.from_batches(batches))


def _episode(
  about: lerobot_meta.Meta,
  numbered: _Numbered,
  *,
  terminal: str,
  cameras: dict[str, frames.FrameReader],
) -> schema.StoredEpisode:
  index, table = numbered
  where = f'{about.path}: episode {index}'
  values = {
    name: columns.read(table.column(name), about.path, f'{where}: {name}')
    for name in table.column_names
    if name != _EPISODE
  }
  count = table.num_rows
  _check_frames(values, count, about.length_of(index), where)
  for name, camera in cameras.items():
    values[name] = _read_video(about, camera, name, index, count, where)
  values = _add_task(values, about, where)
  observation = _take(values, 'observation')
  action = _take(values, 'action')
  reward = next((values.pop(n) for n in _REWARDS if n in values), None)
  if action is None:
    raise ValueError(
      f'{where}: has no action, only {", ".join(table.column_names)}; convert '
      'another set.'
    )
  return rows.build_episode(
    where,
    observation={} if observation is None else observation,
    action=action,
    reward=reward,
    is_terminal=_ends(values, terminal),
    extras=values,
    metadata={_EPISODE: np.int64(index)},
  )


def _check_frames(values, count: int, expected: int | None, where: str) -> None:
  """Holds that rows are whole and in order: converters of others may err."""
  if expected is not None and count != expected:
    raise schema.BadEpisodeError(
      f'{where}: has {count} rows, but meta/episodes says {expected}; leave it '
      'out, or download the set again.'
    )
  numbers = values.get(_FRAME)
  if numbers is not None and not np.array_equal(
    numbers.reshape(-1), np.arange(count)
  ):
    raise schema.BadEpisodeError(
      f'{where}: {_FRAME} does not count from 0 to {count - 1}; frames are '
      'missing or mixed up, leave it out.'
    )


def _read_video(
  about, camera, name: str, index: int, count: int, where: str
) -> np.ndarray:
  path, start = about.video_of(name, index)
  try:
    if not os.path.isfile(path):
      raise ValueError(f'{path} is missing')
    return camera.read(path, start, count)
  except ImportError as error:
    raise ValueError(
      f'{where}: {name} is a video, which needs {error.name}; install '
      "'awopt-agent[video]', or leave videos out with skip_videos."
    ) from error
  except (ValueError, OSError, RuntimeError) as error:
    raise schema.BadEpisodeError(
      f'{where}: the video of {name} cannot be read: '
      f'{files.first_line(error)}; download it again, or leave videos out with '
      'skip_videos.'
    ) from error


def _add_task(values: dict, about: lerobot_meta.Meta, where: str) -> dict:
  if _TASK_INDEX not in values or _TASK in values or not about.tasks:
    return values
  numbers = values[_TASK_INDEX].reshape(-1).tolist()
  unknown = set(numbers).difference(about.tasks)
  if unknown:
    raise schema.BadEpisodeError(
      f'{where}: task_index {min(unknown)} is not in meta/tasks; leave it out, '
      'or add the task.'
    )
  texts = np.array([about.tasks[number] for number in numbers], object)
  return {**values, _TASK: texts}


def _take(values: dict[str, Any], root: str) -> Any:
  """Takes the column of a name, or those below it as a dict."""
  below = [name for name in values if name.startswith(f'{root}.')]
  if root in values:
    return values.pop(root)
  return {n.removeprefix(f'{root}.'): values.pop(n) for n in below} or None


def _ends(values: dict[str, Any], terminal: str) -> bool:
  if terminal == 'never' or _DONE not in values:
    return False
  done = bool(values[_DONE].reshape(-1)[-1])
  if terminal == 'done' or _SUCCESS not in values:
    return done
  return done and bool(values[_SUCCESS].reshape(-1)[-1])
