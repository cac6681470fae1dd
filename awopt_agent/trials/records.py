"""What a trial measured, as a small file that the repository keeps.

JSON lines, compressed: the record's header, then a line for each measurement,
in order of time. The same record gives the same bytes.
"""

import dataclasses
import glob
import gzip
import json
import os
import zlib
from collections.abc import Mapping
from typing import Any

from awopt_agent import statistics

__all__ = [
  'Point',
  'Record',
  'find_same',
  'path_of',
  'read',
  'read_all',
  'write',
]

_ENDING = '.jsonl.gz'


@dataclasses.dataclass(frozen=True)
class Point:
  """A measurement.

  Attributes:
    phase: `pretrain` (at its end), `practice` (on the way), `end`, or
      `evaluate`: after the training, by awopt-evaluate.
    learner_step: Of the policies.
    episodes: Practised until then.
    steps: Of the environment, practised until then.
    seconds: For which the trial had run until then.
    success: Of each policy that was measured.
    bindings: Of `evaluate`, by which the environment was another.
  """

  phase: str
  learner_step: int
  episodes: int
  steps: int
  seconds: float
  success: Mapping[str, statistics.SuccessRate]
  bindings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Record:
  """A trial that has ended.

  Attributes:
    grid: Name of its setting.
    task: Name of its task.
    variant: Name of the method.
    seed: Of the run.
    headline: Policy by which the variant is judged once it practises.
    commit: Of the checkout, `-dirty` where it had changes; '' if unknown.
    sources: Fingerprint of the code and the demonstrations.
    config: Operative gin text.
    versions: Of the libraries that decide about the result.
    seconds: For which the trial ran, stops left out.
    cores: On which it ran.
    points: Measurements, in order of time.
    settings: Fingerprint of what the trial's suite bound.
    same_as: Variant whose run this is too: the two names bind the same. Empty
      for a run of its own.
  """

  grid: str
  task: str
  variant: str
  seed: int
  headline: str
  commit: str
  sources: str
  config: str
  versions: Mapping[str, str]
  seconds: float
  cores: int
  points: tuple[Point, ...]
  settings: str = ''
  same_as: str = ''

  @property
  def trial(self) -> str:
    """Name of the trial."""
    return f'{self.grid}/{self.variant}/{self.seed}'

  @property
  def core_s(self) -> float:
    """Core seconds that were spent for this record; once for each run."""
    return 0.0 if self.same_as else self.seconds * self.cores

  def judged(self, point: Point) -> statistics.SuccessRate | None:
    """Returns the success by which the trial is judged at a point.

    Before any practice that is the actor's, where one learns; later that of
    the headline. None if that policy was not measured.
    """
    return point.success.get(self.judged_kind(point))

  def judged_kind(self, point: Point) -> str:
    """Returns the kind of the policy of `judged`."""
    offline = not point.episodes and 'actor' in point.success
    return 'actor' if offline else self.headline


def path_of(folder: str, grid: str, variant: str, seed: int) -> str:
  """Returns where a trial's record is below a folder of records."""
  return os.path.join(folder, grid, f'{variant}-{seed}{_ENDING}')


def write(record: Record, folder: str) -> str:
  """Writes a record, in place of one of the same trial.

  Args:
    record: Of a trial that has ended.
    folder: Of all records.

  Returns:
    Path of the file.

  Raises:
    OSError: If the disk is full or read-only.
  """
  path = path_of(folder, record.grid, record.variant, record.seed)
  os.makedirs(os.path.dirname(path), exist_ok=True)
  lines = [_header(record), *map(_line, record.points)]
  text = ''.join(json.dumps(line) + '\n' for line in lines)
  part = f'{path}.part'
  with open(part, 'wb') as file:
    # Without a time and a name inside, the same record has the same bytes.
    file.write(gzip.compress(text.encode(), mtime=0))
  os.replace(part, path)
  return path


def read(path: str) -> Record:
  """Reads a record.

  Raises:
    ValueError: If the file holds none.
    OSError: If it cannot be read.
  """
  try:
    with gzip.open(path, 'rt', encoding='utf-8') as file:
      header, *lines = map(json.loads, file)
    del header['trial']
    return Record(**header, points=tuple(map(_point, lines)))
  except (
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    gzip.BadGzipFile,
    zlib.error,
  ) as error:
    raise ValueError(
      f'{path} holds no record of a trial ({error}); delete it, and run '
      'awopt-report again.'
    ) from error


def read_all(folder: str) -> list[Record]:
  """Reads all records below a folder.

  Returns:
    Sorted by grid, variant and seed; none if there is no folder.

  Raises:
    ValueError: If a file holds none.
  """
  paths = glob.glob(os.path.join(glob.escape(folder), '*', f'*{_ENDING}'))
  found = [read(path) for path in paths]
  return sorted(found, key=lambda r: (r.grid, r.variant, r.seed))


def find_same(
  folder: str, *, grid: str, seed: int, sources: str, settings: str
) -> Record | None:
  """Returns the record of a run that differs from another by its name alone.

  Args:
    folder: Of all records.
    grid: Of the trial.
    seed: Of the trial.
    sources: Fingerprint that the record must have.
    settings: Likewise.
  """
  for path in sorted(glob.glob(path_of(glob.escape(folder), grid, '*', seed))):
    record = read(path)
    found = record.seed, record.sources, record.settings
    if found == (seed, sources, settings) and not record.same_as:
      return record
  return None


def _header(record: Record) -> dict[str, Any]:
  fields = {
    field.name: getattr(record, field.name)
    for field in dataclasses.fields(record)
    if field.name != 'points'
  }
  return {'trial': record.trial, **fields}


def _line(point: Point) -> dict[str, Any]:
  line = {
    **vars(point),
    'success': {kind: r.as_record() for kind, r in point.success.items()},
  }
  if not point.bindings:
    del line['bindings']
  return line


def _point(line: dict[str, Any]) -> Point:
  success = {
    kind: statistics.SuccessRate.from_record(rate)
    for kind, rate in line['success'].items()
  }
  bindings = tuple(line.get('bindings', ()))
  return Point(**{**line, 'success': success, 'bindings': bindings})
