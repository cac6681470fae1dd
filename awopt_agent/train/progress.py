"""What a run prints: a bar on a terminal, plain lines elsewhere."""

import sys
import time

import tqdm

__all__ = ['Progress']


class Progress:
  """Progress of one phase, with its rate and the time left."""

  def __init__(
    self,
    name: str,
    unit: str,
    *,
    total: int,
    start: int = 0,
    line_every_s: float = 15.0,
  ):
    """Begins.

    Args:
      name: Of the phase.
      unit: What is counted, plural.
      total: Count at the end.
      start: Count now.
      line_every_s: Seconds between lines where there is no terminal.
    """
    self._name, self._unit, self._total = name, unit, total
    self._start, self._count = start, start
    self._line_every_s = line_every_s
    self._began_at = self._printed_at = time.monotonic()
    self._bar = None
    if sys.stderr.isatty():
      self._bar = tqdm.tqdm(
        desc=name,
        unit=f' {unit}',
        total=total,
        initial=start,
        dynamic_ncols=True,
      )

  def update(self, count: int, note: str = '') -> None:
    """Shows a new count, and a short note beside it."""
    step, self._count = count - self._count, count
    if self._bar is not None:
      self._bar.set_postfix_str(note, refresh=False)
      self._bar.update(step)
    elif time.monotonic() - self._printed_at > self._line_every_s:
      self._printed_at = time.monotonic()
      print(f'{self._describe()}  {note}'.rstrip(), flush=True)

  def _describe(self) -> str:
    seconds = max(time.monotonic() - self._began_at, 1e-6)
    rate = (self._count - self._start) / seconds
    done = f'{self._name}: {self._count}/{self._total} {self._unit}'
    if rate <= 0:
      return done
    left = max(self._total - self._count, 0) / rate
    minutes, rest = divmod(int(left), 60)
    speed = f'{rate:.1f}/s' if rate >= 0.05 else f'{3600 * rate:.1f}/h'
    return f'{done}, {speed}, {minutes}:{rest:02d} left'

  def say(self, line: str) -> None:
    """Prints a line that stays."""
    if self._bar is not None:
      self._bar.write(line, file=sys.stdout)
    else:
      print(line, flush=True)

  def close(self) -> None:
    if self._bar is not None:
      self._bar.close()
