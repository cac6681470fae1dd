"""A run of awopt-report from its flags to its last line."""

import os
from collections.abc import Sequence

from awopt_agent import resources
from awopt_agent.train import run_folder, stopping
from awopt_agent.trials import (
  planning,
  preparing,
  rehearsal,
  running,
  suite,
  trial_folder,
)
from awopt_agent.trials.evidence import report

__all__ = ['run']

_State = planning.State


def run(flags) -> str:
  """Runs suites, or makes the page.

  Args:
    flags: Of awopt-report.

  Returns:
    The line that says what was done.

  Raises:
    ValueError, OSError: With one line for the user.
    SystemExit: If it was stopped, or trials failed or are stale.
  """
  records_dir = flags.records or _default_records(flags.root_dir)
  if not flags.suite:
    return report.build(records_dir, _report_folder(flags))
  cores = running.cores(flags.jobs)
  planned = planning.plan(
    suite.load(flags.suite),
    root_dir=flags.root_dir,
    records_dir=records_dir,
    has_peers=bool(flags.d3rlpy),
  )
  if flags.list:
    return planning.describe(planned)
  if flags.dry_run:
    return rehearsal.rehearse(planned, cores=cores, d3rlpy=flags.d3rlpy)
  return _run(flags, planned, records_dir, cores)


def _default_records(root_dir: str) -> str:
  """Returns the checkout's folder of records; elsewhere one of the trials."""
  return os.path.join(_docs() or root_dir, 'results', 'records')


def _report_folder(flags) -> str:
  """Returns where the report goes; other records leave the checkout's alone."""
  if flags.records:
    return os.path.dirname(os.path.abspath(flags.records))
  return _docs() or flags.root_dir


def _docs() -> str:
  """Returns the checkout's folder of documents; '' elsewhere."""
  checkout = os.path.dirname(resources.gin_root())
  is_checkout = os.path.isfile(os.path.join(checkout, 'setup.py'))
  return os.path.join(checkout, 'docs') if is_checkout else ''


def _run(flags, planned, records_dir: str, cores: Sequence[int]) -> str:
  wanted = [_State.MISSING, _State.BEGUN]
  if flags.redo:
    wanted.append(_State.STALE)
  left = [one for one in planned if one.state in wanted]
  print(planning.describe(planned).splitlines()[-1], flush=True)
  root = run_folder.RunFolder(flags.root_dir)
  root.check_disk()
  root.lock()
  try:
    outcome = _finish(flags, left, root.path, records_dir, cores)
  finally:
    root.unlock()
  return _conclude(planned, left, outcome, records_dir)


def _finish(flags, left, root_dir: str, records_dir: str, cores):
  """Runs what is left; returns what became of it."""
  stop_requested = stopping.catch_stop_signals()
  for one in left:
    folder = trial_folder.TrialFolder(root_dir, one.trial.name)
    if not folder.is_of(one.identity):
      folder.clear()
  runner = running.Runner(
    root_dir=root_dir,
    records_dir=records_dir,
    cores=cores,
    d3rlpy=flags.d3rlpy,
    stop_requested=stop_requested,
  )
  try:
    preparing.prepare(
      [one.trial for one in left],
      root_dir,
      core=cores[0],
      stop_requested=stop_requested,
    )
    return runner.run(left)
  except stopping.Stopped:
    return running.Outcome()


def _conclude(planned, left, outcome: running.Outcome, records_dir) -> str:
  """Returns the last line, or exits with it where something is amiss."""
  ran = {one.trial.name for one in left}
  before = sum(one.state is _State.DONE for one in planned)
  line = f'{before + outcome.done} of {len(planned)} trials done'
  notes = []
  if outcome.failed:
    notes.append(f'{len(outcome.failed)} failed ({" ".join(outcome.failed)})')
  rest = [one for one in planned if one.trial.name not in ran]
  for state, remedy in (
    (_State.STALE, 'made by other code or settings; --redo runs them anew'),
    (_State.LEFT_OUT, 'name an environment by --d3rlpy'),
  ):
    names = [one.trial.name for one in rest if one.state is state]
    if names:
      notes.append(f'{len(names)} {state} ({" ".join(names)}: {remedy})')
  line = '; '.join([line, *notes])
  if outcome.done + len(outcome.failed) < len(left):
    raise SystemExit(
      f'awopt-report: stopped, {line}; the same command goes on.'
    )
  if outcome.failed or any(one.state is _State.STALE for one in rest):
    raise SystemExit(f'awopt-report: {line}.')
  return f'{line}; records in {records_dir}'
