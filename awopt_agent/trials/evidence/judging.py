"""Whether a claim holds, by the records at hand."""

import enum
from collections.abc import Sequence
from typing import NamedTuple

from awopt_agent import statistics
from awopt_agent.trials.evidence import claims, estimates, figures, lookup

__all__ = ['ClaimResult', 'PartResult', 'Verdict', 'judge', 'judge_part']


class Verdict(enum.StrEnum):
  """What the records say of a claim."""

  HOLDS = 'holds'
  FAILS = 'does not hold'
  UNKNOWN = 'cannot tell'
  NOT_RUN = 'not run'


class PartResult(NamedTuple):
  """What came of a part.

  Attributes:
    part: Of a claim.
    verdict: Of the estimate.
    estimate: Of the number or difference; None if it was not run.
    bootstrap: The verdict that a bootstrap over seeds would give; None where
      there is none.
    sides: What is compared, by method: its estimate.
    missing: What was not run, or must not be compared. Where only some seeds
      were not run there is an estimate nevertheless.
  """

  part: claims.Part
  verdict: Verdict
  estimate: estimates.Estimate | None = None
  bootstrap: Verdict | None = None
  sides: tuple[tuple[str, estimates.Estimate], ...] = ()
  missing: tuple[str, ...] = ()


class ClaimResult(NamedTuple):
  """What came of a claim.

  Attributes:
    claim: The claim.
    verdict: Holds if all parts do; does not hold if one of them does not.
    parts: One result each.
  """

  claim: claims.Claim
  verdict: Verdict
  parts: tuple[PartResult, ...]


def judge(claim: claims.Claim, found: lookup.Lookup) -> ClaimResult:
  """Returns what the records say of a claim.

  Args:
    claim: With parts.
    found: The records.
  """
  parts = tuple(judge_part(part, found) for part in claim.parts)
  verdicts = {one.verdict for one in parts}
  # What is missing comes first: a verdict is of all parts.
  order = (Verdict.NOT_RUN, Verdict.FAILS, Verdict.UNKNOWN, Verdict.HOLDS)
  return ClaimResult(
    claim, next(one for one in order if one in verdicts), parts
  )


def judge_part(part: claims.Part, found: lookup.Lookup) -> PartResult:
  """Returns what the records say of a part of a claim."""
  missing = _missing(part, found)
  if missing:
    return PartResult(part, Verdict.NOT_RUN, missing=missing)
  if part.between_seeds:
    return _judge_deviation(part, found)
  terms = _terms(part, found)
  estimate = estimates.estimate(terms)
  verdict = _verdict(estimate.interval, part.within)
  bootstrap = _verdict(estimates.bootstrap(terms), part.within)
  sides = tuple(_rates(part, found))
  if lacking := _lacking(part, found):
    return PartResult(
      part, Verdict.NOT_RUN, estimate, sides=sides, missing=lacking
    )
  if estimate.seeds == 1:
    # Nothing is known about other seeds.
    return PartResult(part, Verdict.UNKNOWN, estimate, sides=sides)
  return PartResult(part, verdict, estimate, bootstrap, sides)


def _judge_deviation(part: claims.Part, found: lookup.Lookup) -> PartResult:
  side = part.left
  groups = [
    found.measured(grid, side.variant, side.measure) for grid in side.grids
  ]
  if all(len(group) == 1 for group in groups):
    names = tuple(
      f'a second seed of {grid}/{side.variant}' for grid in side.grids
    )
    return PartResult(part, Verdict.NOT_RUN, missing=names)
  estimate = estimates.deviation_between_seeds(groups)
  lacking = _lacking(part, found)
  verdict = _verdict(estimate.interval, part.within)
  return PartResult(
    part,
    Verdict.NOT_RUN if lacking else verdict,
    estimate,
    sides=tuple(_rates(part, found)),
    missing=lacking,
  )


def _sides(part: claims.Part) -> list[claims.Side]:
  return [side for side in (part.left, part.right) if side is not None]


def _missing(part: claims.Part, found: lookup.Lookup) -> tuple[str, ...]:
  """Names what a part needs and does not have."""
  names: list[str] = []
  for side in _sides(part):
    for grid in side.grids:
      if not found.seeds(grid, side.variant):
        names.append(f'{grid}/{side.variant}')
      elif not found.measured(grid, side.variant, side.measure):
        names.append(f'{side.measure} of {grid}/{side.variant}')
  for grid in part.left.grids:
    variants = [side.variant for side in _sides(part) if grid in side.grids]
    if reason := found.mixture(grid, variants):
      names.append(reason)
  return tuple(names)


def _lacking(part: claims.Part, found: lookup.Lookup) -> tuple[str, ...]:
  """Names the trials of a part that have no record, where others have one."""
  return tuple(
    name
    for side in _sides(part)
    for grid in side.grids
    for name in found.lacking(grid, side.variant)
  )


def _terms(part: claims.Part, found: lookup.Lookup) -> Sequence[estimates.Term]:
  return [
    estimates.Term(
      sign / len(side.grids), found.measured(grid, side.variant, side.measure)
    )
    for sign, side in zip((1, -1), _sides(part), strict=False)
    for grid in side.grids
  ]


def _rates(part: claims.Part, found: lookup.Lookup):
  for side in _sides(part):
    rate = found.rate(side.grids, side.variant, side.measure)
    if rate is not None:
      yield figures.label(side.variant), rate


def _verdict(
  interval: statistics.Interval, within: tuple[float, float]
) -> Verdict:
  low, high = within
  if low < interval.low and interval.high < high:
    return Verdict.HOLDS
  if interval.high <= low or high <= interval.low:
    return Verdict.FAILS
  return Verdict.UNKNOWN
