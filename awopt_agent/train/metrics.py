"""The run's record: one JSON object a line."""

import json
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
