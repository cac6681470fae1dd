"""The run's record: one JSON object a line."""

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

__all__ = ['MetricsLog', 'records']

# Not those of awopt-evaluate, which may measure anything.
_OF_THE_RUN = ('pretrain', 'practice', 'end')


class MetricsLog:
  """Appends records to `metrics.jsonl`; what is written stays."""

  def __init__(self, path: str):
    """Names the file, which need not exist."""
    self._path = path

  def append(self, record: dict[str, Any]) -> None:
    """Writes a record at once.

    Raises:
      OSError: If the disk is full or read-only.
    """
    line = json.dumps(record) + '\n'
    with open(self._path, 'a+b') as file:
      # A full disk or a kill may have cut the last line.
      if file.tell() and not _ends_in_newline(file):
        line = '\n' + line
      file.write(line.encode())

  def success_at(self, learner_step: int) -> dict[str, dict[str, float]]:
    """Returns what the run itself last measured at a learner step, if it did.

    What was measured before a resume that went back is of lost weights.
    """
    if not os.path.exists(self._path):
      return {}
    found: dict[str, dict[str, float]] = {}
    with open(self._path, encoding='utf-8') as file:
      for record in records(file):
        phase, step = record.get('phase'), record.get('learner_step', -1)
        if phase == 'resume' and step < learner_step:
          found.clear()
        elif phase in _OF_THE_RUN and step == learner_step:
          found.update(record.get('success', {}))
    return found


def _ends_in_newline(file: BinaryIO) -> bool:
  file.seek(-1, os.SEEK_END)
  return file.read(1) == b'\n'


def records(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
  """Yields the records, without lines that were cut."""
  for line in lines:
    try:
      yield json.loads(line)
    except json.JSONDecodeError:
      continue
