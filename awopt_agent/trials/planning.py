"""Which trials of a suite are done, and which are left."""

import dataclasses
import enum
import functools
import os
from collections.abc import Sequence

from awopt_agent.trials import identity as identity_lib
from awopt_agent.trials import records, sources, suite, trial_folder

__all__ = ['Planned', 'State', 'describe', 'plan']


class State(enum.StrEnum):
  """How far a trial is.

  `LEFT_OUT` needs a program that was not named. `STALE` was begun or recorded
  by other code or other settings than it would have now.
  """

  DONE = 'done'
  MISSING = 'missing'
  BEGUN = 'begun'
  STALE = 'stale'
  LEFT_OUT = 'left out'


@dataclasses.dataclass(frozen=True)
class Planned:
  """A trial, and how far it is.

  Attributes:
    trial: Of a suite.
    identity: Which it would have now.
    state: Of its record and folder.
  """

  trial: suite.Trial
  identity: identity_lib.Identity
  state: State


def plan(
  trials: Sequence[suite.Trial],
  *,
  root_dir: str,
  records_dir: str,
  has_peers: bool = False,
) -> list[Planned]:
  """Finds out how far trials are.

  Args:
    trials: Of suites.
    root_dir: Of the trials' folders.
    records_dir: Of the records.
    has_peers: Whether d3rlpy's can be run.

  Raises:
    ValueError: If a gin file of theirs does not exist, or a record is none.
  """
  code = functools.cache(sources.code)
  planned = []
  for trial in trials:
    identity = identity_lib.of(trial, code)
    state = _state(trial, identity, root_dir, records_dir)
    if trial.peer and not has_peers and state is not State.DONE:
      state = State.LEFT_OUT
    planned.append(Planned(trial, identity, state))
  return planned


def describe(planned: Sequence[Planned]) -> str:
  """Returns a line for each method in each setting, and one of totals."""
  seeds: dict[tuple[str, str], dict[State, list[str]]] = {}
  totals: dict[State, int] = {}
  for one in planned:
    key = one.trial.grid, one.trial.variant
    group = seeds.setdefault(key, {})
    group.setdefault(one.state, []).append(str(one.trial.seed))
    totals[one.state] = totals.get(one.state, 0) + 1
  lines = []
  for (grid, variant), group in seeds.items():
    parts = [f'{state} {" ".join(found)}' for state, found in group.items()]
    lines.append(f'{grid}/{variant}: seeds {", ".join(parts)}')
  counts = ', '.join(f'{count} {state}' for state, count in totals.items())
  return '\n'.join([*lines, f'{len(planned)} trials: {counts}'])


def _state(trial, identity, root_dir: str, records_dir: str) -> State:
  path = records.path_of(records_dir, trial.grid, trial.variant, trial.seed)
  if os.path.exists(path):
    record = records.read(path)
    found = identity_lib.Identity(record.sources, record.settings)
    return State.DONE if found == identity else State.STALE
  folder = trial_folder.TrialFolder(root_dir, trial.name)
  if not folder.is_of(identity):
    return State.STALE
  return State.MISSING if folder.read() is None else State.BEGUN
