"""Where else a claim would hold: the success of methods over a swept number."""

from collections.abc import Iterable
from typing import NamedTuple

from awopt_agent.trials import suite
from awopt_agent.trials.evidence import estimates, figures, lookup

__all__ = ['Cell', 'Sweep', 'sweeps']

_PREFIX = 'sweep_'
# A sweep may have a cell that changes nothing, to compare with.
_UNCHANGED = 'unchanged'


class Cell(NamedTuple):
  """A method at one value.

  Attributes:
    binding: Gin's line for the value.
    label: What the method is called.
    seeds: How many were run.
    offline: Success after pre-training.
    mean: Over practice.
    end: At the end.
  """

  binding: str
  label: str
  seeds: int
  offline: estimates.Estimate | None
  mean: estimates.Estimate | None
  end: estimates.Estimate | None


class Sweep(NamedTuple):
  """Cells of one suite, methods in turn at each value."""

  name: str
  task: str
  cells: tuple[Cell, ...]


def sweeps(names: Iterable[str], found: lookup.Lookup) -> list[Sweep]:
  """Returns what suites of sweeps found.

  Args:
    names: Of suites; others than sweeps are passed over.
    found: The records.

  Raises:
    ValueError: If there is no such suite.
  """
  made = []
  for name in names:
    if name.startswith(_PREFIX):
      trials = suite.load([name])
      cells = tuple(_cells(trials, found))
      if cells:
        task = trials[0].task
        made.append(Sweep(name.removeprefix(_PREFIX), task, cells))
  return made


def _cells(trials: Iterable[suite.Trial], found: lookup.Lookup):
  for grid, variant, binding in dict.fromkeys(
    (trial.grid, trial.variant, _binding(trial)) for trial in trials
  ):
    seeds = found.seeds(grid, variant)
    if seeds:
      yield Cell(
        binding,
        figures.label(variant),
        len(seeds),
        *(
          found.rate((grid,), variant, measure)
          for measure in ('offline', 'mean', 'end')
        ),
      )


def _binding(trial: suite.Trial) -> str:
  return trial.bindings[-1] if trial.bindings else _UNCHANGED
