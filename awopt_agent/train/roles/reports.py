"""What a role is doing, in a file that the launcher reads."""

import contextlib
import json
import os
import time
from typing import Any

__all__ = ['Report', 'read_all']

_FOLDER = 'roles'


class Report:
  """Writes `<root_dir>/roles/<role>.json` now and then."""

  def __init__(self, root_dir: str, role: str, *, every_s: float = 1.0):
    """Makes the folder.

    Args:
      root_dir: Of the run.
      role: Its name, with its index where there are many.
      every_s: Seconds between writes.
    """
    folder = os.path.join(root_dir, _FOLDER)
    os.makedirs(folder, exist_ok=True)
    self._path = os.path.join(folder, f'{role}.json')
    self._every_s = every_s
    self._written_at = -float('inf')
    self._counted: tuple[float, float] | None = None
    self._rate = 0.0

  def update(
    self,
    unit: str,
    count: float,
    note: str = '',
    *,
    last: bool = False,
    **more: Any,
  ) -> bool:
    """Says how far the role is; the rate is that since the last write.

    Args:
      unit: What it counts, plural.
      count: How many there are.
      note: What else is worth reading.
      last: Whether the role ends, so that it writes at once.
      **more: For programs that read the file.

    Returns:
      Whether it was time to write.
    """
    now = time.monotonic()
    if now - self._written_at < self._every_s and not last:
      return False
    # The last one tells how fast it was, not how long the end took.
    if self._counted is not None and not last:
      before, at = self._counted
      self._rate = max(count - before, 0) / max(now - at, 1e-6)
    self._counted = (count, now)
    self._written_at = now
    self._write(
      {
        'unit': unit,
        'count': count,
        'rate': round(self._rate, 2),
        'note': note,
        **more,
      }
    )
    return True

  def _write(self, record: dict[str, Any]) -> None:
    record = {'pid': os.getpid(), 'time': round(time.time(), 1), **record}
    part = f'{self._path}.part'
    # What only tells how things are must not end them: on a full disk the
    # launcher shows the age of the last report.
    with contextlib.suppress(OSError):
      with open(part, 'w', encoding='utf-8') as file:
        json.dump(record, file)
      os.replace(part, self._path)


def read_all(root_dir: str) -> dict[str, dict[str, Any]]:
  """Returns the newest report of each role, by its name.

  Without those that cannot be read now: the next look may find them.
  """
  folder = os.path.join(root_dir, _FOLDER)
  found = {}
  for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
    role, kind = os.path.splitext(name)
    if kind != '.json':
      continue
    # A shared file system may know a file that is gone, or half of one.
    with contextlib.suppress(OSError, ValueError):
      with open(os.path.join(folder, name), encoding='utf-8') as file:
        found[role] = json.load(file)
  return found
