"""The run's record: one JSON object a line."""

import json
import os
from typing import Any

__all__ = ['MetricsLog']


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
    with open(self._path, 'a', encoding='utf-8') as file:
      file.write(line)

  def success_at(self, learner_step: int) -> dict[str, dict[str, float]]:
    """Returns the success rates last measured at a learner step, if any."""
    if not os.path.exists(self._path):
      return {}
    found: dict[str, dict[str, float]] = {}
    with open(self._path, encoding='utf-8') as file:
      for record in map(json.loads, file):
        if record.get('learner_step') == learner_step:
          found.update(record.get('success', {}))
    return found
