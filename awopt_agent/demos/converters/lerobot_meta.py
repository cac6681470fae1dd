"""Reads what a LeRobot data set says of itself, in meta/."""

import glob
import json
import os
import re
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from awopt_agent import files

__all__ = ['INFO', 'Meta', 'numbers_in', 'read']

INFO = 'meta/info.json'

_VERSIONS = ('v2.', 'v3.')
# Pandas' name for the index of a table, which holds the text in version 3.
_PANDAS_INDEX = '__index_level_0__'


class Meta(NamedTuple):
  """What a set says of itself.

  Attributes:
    path: Its folder.
    info: What stands in meta/info.json.
    tasks: Number to text.
    episodes: Number to what is said of an episode; may be empty.
  """

  path: str
  info: dict[str, Any]
  tasks: dict[int, str]
  episodes: dict[int, dict[str, Any]]

  @property
  def total_episodes(self) -> int:
    """How many episodes the set has."""
    return self.info['total_episodes']

  @property
  def videos(self) -> list[str]:
    """Names of the features that are stored as videos."""
    return [
      name
      for name, feature in self.info['features'].items()
      if feature.get('dtype') == 'video'
    ]

  def is_depth(self, name: str) -> bool:
    """Tells whether a video holds depths, which look like no picture."""
    feature = self.info['features'][name]
    return any(
      about.get(key)
      for about in (feature.get('info') or {}, feature.get('video_info') or {})
      for key in ('is_depth_map', 'video.is_depth_map')
    )

  def length_of(self, index: int) -> int | None:
    """Returns how many rows an episode should have, if that is known."""
    length = self.episodes.get(index, {}).get('length')
    return None if length is None else int(length)

  def video_of(self, name: str, index: int) -> tuple[str, int]:
    """Returns the path of an episode's video, and its first frame in it."""
    template = self.info['video_path']
    about = self.episodes.get(index, {})
    start_s = about.get(f'videos/{name}/from_timestamp')
    if start_s is None:
      chunk = index // int(self.info.get('chunks_size', 1000))
      relative = template.format(
        episode_chunk=chunk, video_key=name, episode_index=index
      )
      return os.path.join(self.path, relative), 0
    relative = template.format(
      video_key=name,
      chunk_index=about[f'videos/{name}/chunk_index'],
      file_index=about[f'videos/{name}/file_index'],
    )
    first = round(start_s * self.info['fps'])
    return os.path.join(self.path, relative), first


def read(path: str) -> Meta:
  """Reads meta/ of a set.

  Raises:
    ValueError: If it is of another version, or a file in it is broken.
  """
  info_path = os.path.join(path, INFO)
  try:
    with open(info_path, encoding='utf-8') as file:
      info = json.load(file)
    version = str(info['codebase_version'])
    missing = {'features', 'total_episodes'}.difference(info)
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise ValueError(
      f'{info_path} is none of a LeRobot data set ({files.first_line(error)}); '
      'download it again.'
    ) from error
  if not version.startswith(_VERSIONS):
    raise ValueError(
      f'{path} is of LeRobot {version}, but v2.0 to v3.0 can be read; convert '
      "it with lerobot's own scripts first."
    )
  if missing:
    raise ValueError(
      f'{info_path} does not say its {min(missing)}; download it again.'
    )
  try:
    return Meta(path, info, _read_tasks(path), _read_episodes(path))
  except (OSError, ValueError, KeyError, pa.ArrowException) as error:
    raise ValueError(
      f'{path}: meta/ cannot be read: {files.first_line(error)}; download it '
      'again.'
    ) from error


def numbers_in(name: str) -> list[int]:
  """Returns the numbers in a path, by which the files of a set are sorted."""
  return [int(number) for number in re.findall(r'\d+', name)]


def _read_tasks(path: str) -> dict[int, str]:
  table = os.path.join(path, 'meta', 'tasks.parquet')
  if os.path.isfile(table):
    records = pq.read_table(table).to_pylist()
  else:
    records = _read_lines(os.path.join(path, 'meta', 'tasks.jsonl'))
  return {
    int(record['task_index']): str(
      record['task'] if 'task' in record else record[_PANDAS_INDEX]
    )
    for record in records
  }


def _read_episodes(path: str) -> dict[int, dict[str, Any]]:
  pattern = os.path.join(path, 'meta', 'episodes', '**', '*.parquet')
  records = _read_lines(os.path.join(path, 'meta', 'episodes.jsonl'))
  for name in glob.glob(pattern, recursive=True):
    # Statistics are many, and large.
    kept = [
      column
      for column in pq.read_schema(name).names
      if not column.startswith('stats/')
    ]
    records += pq.read_table(name, columns=kept).to_pylist()
  return {int(record['episode_index']): record for record in records}


def _read_lines(path: str) -> list[dict[str, Any]]:
  if not os.path.isfile(path):
    return []
  with open(path, encoding='utf-8') as file:
    return [json.loads(line) for line in file if line.strip()]
