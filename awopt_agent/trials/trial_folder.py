"""The folder of a trial: a run's, and beside it whose it is and for how long.

A trial may be stopped and go on many times; `trial.json` holds when it ran, so
that its seconds are those in which it did.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

from awopt_agent.train import metrics
from awopt_agent.trials import identity as identity_lib

__all__ = ['TrialFolder']

# What nobody needs once the trial has ended; films need the policies.
_BIG = ('checkpoints', 'replay', 'tb')


class TrialFolder:
  """What a trial has so far."""

  def __init__(
    self, root_dir: str, name: str, *, clock: Callable[[], float] = time.time
  ):
    """Names the folder, which need not exist.

    Args:
      root_dir: Of all trials.
      name: Of the trial.
      clock: Seconds since 1970, as in `metrics.jsonl`.
    """
    self.path = os.path.join(os.path.abspath(root_dir), name)
    self.log = os.path.join(self.path, 'trial.log')
    self._ledger = os.path.join(self.path, 'trial.json')
    self._metrics = os.path.join(self.path, 'metrics.jsonl')
    self._clock = clock

  def read(self) -> dict[str, Any] | None:
    """Returns what `trial.json` holds, or None before it is begun."""
    if not os.path.exists(self._ledger):
      return None
    with open(self._ledger, encoding='utf-8') as file:
      return json.load(file)

  def is_of(self, identity: identity_lib.Identity) -> bool:
    """Whether what is here was begun by that code and those settings."""
    ledger = self.read()
    return ledger is None or ledger['identity'] == vars(identity)

  @property
  def has_ended(self) -> bool:
    """Whether the trial came to its end here."""
    return bool((self.read() or {}).get('ended'))

  def begin(self, identity: identity_lib.Identity, commit: str) -> None:
    """Makes the folder, and notes that the trial runs from now on.

    What an interrupted `clear` left is deleted: it may be of other code.

    Raises:
      OSError: If that cannot be.
    """
    ledger = self.read()
    if ledger is None:
      self.clear()
    os.makedirs(self.path, exist_ok=True)
    ledger = ledger or {
      'identity': vars(identity),
      'commit': commit,
      'spans': [],
    }
    self._close(ledger)
    now = self._clock()
    ledger['spans'].append([now, None])
    self._write(ledger)

  def pause(self, *, ended: bool = False) -> None:
    """Notes that the trial no longer runs.

    Args:
      ended: Whether it came to its end.
    """
    ledger = self.read()
    if ledger is None:
      return
    if ledger['spans'][-1][1] is None:
      ledger['spans'][-1][1] = self._clock()
    ledger['ended'] = ended
    self._write(ledger)

  def seconds(self, until: float = float('inf')) -> float:
    """Returns for how long the trial ran, stops left out.

    Args:
      until: Seconds since 1970.
    """
    spans = (self.read() or {'spans': []})['spans']
    now = self._clock()
    ran = (min(end or now, until) - begin for begin, end in spans)
    return round(sum(max(0.0, one) for one in ran), 1)

  def measurements(self) -> Iterator[dict[str, Any]]:
    """Yields what the run measured, and still counts.

    What it measured after the checkpoint from which it later went on is of lost
    weights; what it measured twice counts once.
    """
    kept: dict[tuple, dict[str, Any]] = {}
    if os.path.exists(self._metrics):
      with open(self._metrics, encoding='utf-8') as file:
        for record in metrics.records(file):
          step = record.get('learner_step', 0)
          if record.get('phase') == 'resume':
            kept = {key: r for key, r in kept.items() if key[0] <= step}
          elif record.get('success'):
            bindings = tuple(record.get('bindings', ()))
            kept[step, record['phase'], bindings] = record
    return iter(kept.values())

  def tidy(self) -> None:
    """Deletes what takes much room and is of no use after the end."""
    for name in _BIG:
      shutil.rmtree(os.path.join(self.path, name), ignore_errors=True)

  def clear(self) -> None:
    """Deletes everything.

    Raises:
      OSError: If something cannot be deleted.
    """
    if os.path.exists(self.path):
      shutil.rmtree(self.path)

  def _close(self, ledger: dict[str, Any]) -> None:
    """Ends a span that a kill left open, by the last sign of life."""
    spans = ledger['spans']
    if not spans or spans[-1][1] is not None:
      return
    signs = [path for path in (self.log, self._metrics) if os.path.exists(path)]
    last = max(map(os.path.getmtime, signs), default=0.0)
    spans[-1][1] = max(last, spans[-1][0])

  def _write(self, ledger: dict[str, Any]) -> None:
    part = f'{self._ledger}.part'
    with open(part, 'w', encoding='utf-8') as file:
      json.dump(ledger, file)
      file.flush()
      os.fsync(file.fileno())
    os.replace(part, self._ledger)
