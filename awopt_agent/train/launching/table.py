"""What a launched run prints: a table on a terminal, lines elsewhere."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from awopt_agent.train.launching import supervisor as supervisor_lib

__all__ = ['Follower', 'LiveTable', 'render', 'summarize']

_REDRAW_S = 1.0
_LINE_EVERY_S = 15.0
_STALE_S = 10.0


def render(
  watched: Sequence[supervisor_lib.Watched],
  reports: Mapping[str, Mapping[str, Any]],
  *,
  now: float,
  monotonic: float,
  width: int,
) -> list[str]:
  """Returns the lines of the table.

  Args:
    watched: The roles.
    reports: By name, of `roles.reports`.
    now: Seconds since 1970.
    monotonic: Seconds of the monotonic clock.
    width: Columns of the terminal.
  """
  lines = [
    f'{"role":<18}{"state":<7}{"up":>8}{"restarts":>10}{"count":>18}'
    f'{"rate":>10}{"heard":>8}  note'
  ]
  for one in watched:
    report = reports.get(one.role.name, {})
    up = monotonic - one.started_at if one.handle is not None else 0.0
    count = f'{report["count"]} {report["unit"]}' if report else ''
    rate = f'{report["rate"]:.1f}/s' if report else ''
    age = f'{now - report["time"]:.0f} s' if report else ''
    lines.append(
      f'{one.role.name:<18}{one.state:<7}{_clock(up):>8}{one.restarts:>10}'
      f'{count:>18}{rate:>10}{age:>8}  {report.get("note", "")}'
    )
  return [line[:width].rstrip() for line in lines]


def summarize(
  watched: Sequence[supervisor_lib.Watched],
  reports: Mapping[str, Mapping[str, Any]],
  *,
  now: float,
) -> str:
  """Returns one line: counts and rates by kind of role."""
  parts = []
  for kind in dict.fromkeys(one.role.kind for one in watched):
    group = [one for one in watched if one.role.kind == kind]
    found = [reports[o.role.name] for o in group if o.role.name in reports]
    if not found:
      parts.append(f'{kind} starts')
      continue
    name = kind if len(group) == 1 else f'{len(group)} {kind}s'
    fresh = [r['rate'] for r in found if now - r['time'] < _STALE_S]
    parts.append(
      f'{name} {sum(r["count"] for r in found)} {found[0]["unit"]} '
      f'{sum(fresh):.1f}/s'
    )
  restarts = sum(one.restarts for one in watched)
  waiting = sum(one.state == 'waiting' for one in watched)
  if waiting:
    parts.append(f'{waiting} waiting for a place')
  return ', '.join(parts) + (f', {restarts} restarts' if restarts else '')


class LiveTable:
  """Shows how the roles fare, now and then."""

  def __init__(self, read_reports, stream=None):
    """Shows nothing yet.

    Args:
      read_reports: Returns the reports of all roles by name.
      stream: Where to; None for stdout.
    """
    self._read_reports = read_reports
    self._stream = sys.stdout if stream is None else stream
    self._live = self._stream.isatty()
    self._shown_at = -float('inf') if self._live else time.monotonic()
    self._lines = 0

  def say(self, line: str) -> None:
    """Prints a line that stays."""
    self._erase()
    print(line, file=self._stream, flush=True)

  def update(self, watched: Sequence[supervisor_lib.Watched]) -> None:
    """Shows the roles, if it is time."""
    every = _REDRAW_S if self._live else _LINE_EVERY_S
    if time.monotonic() - self._shown_at < every:
      return
    self._shown_at = time.monotonic()
    reports = self._read_reports()
    if not self._live:
      self.say(summarize(watched, reports, now=time.time()))
      return
    width = os.get_terminal_size(self._stream.fileno()).columns
    lines = render(
      watched,
      reports,
      now=time.time(),
      monotonic=time.monotonic(),
      width=width,
    )
    self._erase()
    print('\n'.join(lines), file=self._stream, flush=True)
    self._lines = len(lines)

  def _erase(self) -> None:
    if self._lines:
      self._stream.write(f'\x1b[{self._lines}F\x1b[J')
      self._lines = 0


class Follower:
  """Yields what is new in a role's log."""

  def __init__(self, path: str):
    """Passes over what an earlier run printed."""
    self._path = path
    self._at = os.path.getsize(path) if os.path.exists(path) else 0

  def new_lines(self) -> list[str]:
    """Returns the whole lines that came since the last call."""
    if not os.path.exists(self._path):
      return []
    with open(self._path, 'rb') as file:
      file.seek(self._at)
      text = file.read()
    whole, _, _ = text.rpartition(b'\n')
    if whole:
      self._at += len(whole) + 1
    return whole.decode(errors='replace').splitlines()


def _clock(seconds: float) -> str:
  minutes, rest = divmod(int(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  return f'{hours}:{minutes:02d}:{rest:02d}'
