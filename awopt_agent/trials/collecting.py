"""Makes the record of a trial from what its run left."""

import importlib.metadata
import json
import os
from typing import Any

from awopt_agent import statistics
from awopt_agent.train import config
from awopt_agent.trials import peers, records, suite, trial_folder

__all__ = ['collect', 'headline_of']

_LIBRARIES = (
  'awopt-agent',
  'tensorflow',
  'tf-agents',
  'dm-reverb',
  'numpy',
  'pybullet',
)
_OF_PEERS = ('d3rlpy', 'torch')


def collect(
  trial: suite.Trial, folder: trial_folder.TrialFolder
) -> records.Record:
  """Returns the record of a trial that has ended.

  Args:
    trial: Of a suite.
    folder: Of the trial.

  Raises:
    ValueError: If its run measured nothing at its end.
  """
  measured = list(folder.measurements())
  if 'end' not in [record['phase'] for record in measured]:
    raise ValueError(
      f'{folder.path} holds no measurement of the end; run the suite again.'
    )
  ledger = folder.read() or {}
  text = _config(folder)
  return records.Record(
    grid=trial.grid,
    task=trial.task,
    variant=trial.variant,
    seed=trial.seed,
    headline=headline_of(text),
    commit=ledger['commit'],
    sources=ledger['identity']['sources'],
    settings=ledger['identity']['settings'],
    config=text,
    versions={**_versions_of_peer(folder), **_versions()},
    seconds=folder.seconds(),
    cores=1,
    points=_points(measured, folder),
  )


def headline_of(text: str) -> str:
  """Returns the headline's kind of policy; an actor where none is told."""
  headline = config.parameters(text).get('AwOptAgent.headline', "'actor'")
  return headline.strip('\'"')


def _config(folder: trial_folder.TrialFolder) -> str:
  with open(os.path.join(folder.path, 'config.gin'), encoding='utf-8') as file:
    return file.read()


def _points(
  measured: list[dict[str, Any]], folder: trial_folder.TrialFolder
) -> tuple[records.Point, ...]:
  last = next(record for record in measured if record['phase'] == 'end')
  # Of awopt-evaluate, which knows the policy alone.
  defaults = {name: last[name] for name in ('episodes', 'steps')}
  return tuple(
    _point({**defaults, **record}, folder)
    for record in sorted(measured, key=lambda r: r['phase'] == 'evaluate')
  )


def _point(
  record: dict[str, Any], folder: trial_folder.TrialFolder
) -> records.Point:
  return records.Point(
    phase=record['phase'],
    learner_step=record['learner_step'],
    episodes=record['episodes'],
    steps=record['steps'],
    seconds=folder.seconds(record.get('time', float('inf'))),
    success={
      kind: statistics.SuccessRate.from_record(rate)
      for kind, rate in record['success'].items()
    },
    bindings=tuple(record.get('bindings', ())),
  )


def _versions() -> dict[str, str]:
  found = {}
  for name in _LIBRARIES:
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue  # From a bare source tree.
  return found


def _versions_of_peer(folder: trial_folder.TrialFolder) -> dict[str, str]:
  """Returns those of what a peer alone learns by; its NumPy is another."""
  path = os.path.join(folder.path, peers.LEARNT_BY)
  if not os.path.exists(path):
    return {}
  with open(path, encoding='utf-8') as file:
    found = json.load(file)['versions']
  return {name: found[name] for name in _OF_PEERS if name in found}
