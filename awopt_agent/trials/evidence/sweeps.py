"""Where else a claim would hold: the success of methods over a swept number."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from awopt_agent.trials import suite
from awopt_agent.trials.evidence import (
  claims,
  estimates,
  figures,
  judging,
  lookup,
)

__all__ = ['Cell', 'Sweep', 'SweptPart', 'sweeps']

_PREFIX = 'sweep_'
# A sweep may have a cell that changes nothing, to compare with.
_UNCHANGED = 'unchanged'
_ASKED = (judging.Verdict.FAILS, judging.Verdict.UNKNOWN)


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


class SweptPart(NamedTuple):
  """A part of a claim that does not hold, or cannot be told, over a sweep.

  Attributes:
    claim: The claim's name.
    part: Of the claim, in its own settings.
    results: By the value's binding, what came of it there.
  """

  claim: str
  part: claims.Part
  results: dict[str, judging.PartResult]


class Sweep(NamedTuple):
  """Cells of one suite, methods in turn at each value, and claims over them."""

  name: str
  task: str
  cells: tuple[Cell, ...]
  parts: tuple[SweptPart, ...]


def sweeps(
  names: Iterable[str],
  found: lookup.Lookup,
  judged: Sequence[judging.ClaimResult] = (),
) -> list[Sweep]:
  """Returns what suites of sweeps found.

  Args:
    names: Of suites; others than sweeps are passed over.
    found: The records.
    judged: Claims; their parts that do not hold are asked of each value.

  Raises:
    ValueError: If there is no such suite.
  """
  asked = [
    (claim.claim.name, one.part)
    for claim in judged
    for one in claim.parts
    if one.verdict in _ASKED
  ]
  made = []
  for suite_name in names:
    if not suite_name.startswith(_PREFIX):
      continue
    name, trials = suite_name.removeprefix(_PREFIX), suite.load([suite_name])
    if cells := tuple(_cells(trials, found)):
      parts = (_swept(name, *one, trials, found) for one in asked)
      swept = tuple(one for one in parts if one.results)
      made.append(Sweep(name, trials[0].task, cells, swept))
  return made


def _cells(
  trials: Iterable[suite.Trial], found: lookup.Lookup
) -> Iterator[Cell]:
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


def _swept(
  name: str,
  claim: str,
  part: claims.Part,
  trials: Iterable[suite.Trial],
  found: lookup.Lookup,
) -> SweptPart:
  results = {}
  for grid, binding in dict.fromkeys((t.grid, _binding(t)) for t in trials):
    if grid.partition(f'_{name}_')[0] in part.left.grids:
      one = judging.judge_part(_moved(part, grid), found)
      if one.estimate is not None:
        results[binding] = one
  return SweptPart(claim, part, results)


def _moved(part: claims.Part, grid: str) -> claims.Part:
  """Returns a part of a claim, asked in another setting."""
  left = dataclasses.replace(part.left, grids=(grid,))
  right = part.right and dataclasses.replace(part.right, grids=(grid,))
  return dataclasses.replace(part, left=left, right=right)


def _binding(trial: suite.Trial) -> str:
  return trial.bindings[-1] if trial.bindings else _UNCHANGED
