"""The records at hand, by setting and method."""

from collections.abc import Iterable, Sequence

from awopt_agent import statistics
from awopt_agent.trials import records, suite
from awopt_agent.trials.evidence import estimates, measures, mixing

__all__ = ['Lookup']


class Lookup:
  """Finds what was measured."""

  def __init__(
    self,
    found: Iterable[records.Record],
    wanted: Iterable[suite.Trial] = (),
  ):
    """Sorts records.

    Args:
      found: Of any trials, each once.
      wanted: What was to be run.
    """
    self._wanted = list(wanted)
    self._records: dict[tuple[str, str], list[records.Record]] = {}
    for record in found:
      key = record.grid, record.variant
      self._records.setdefault(key, []).append(record)

  @property
  def all(self) -> list[records.Record]:
    """All of them."""
    return [one for found in self._records.values() for one in found]

  def seeds(self, grid: str, variant: str) -> list[records.Record]:
    """Returns the records of a method in a setting, by seed."""
    found = self._records.get((grid, variant), [])
    return sorted(found, key=lambda record: record.seed)

  def lacking(self, grid: str, variant: str) -> list[str]:
    """Returns the names of a method's trials that have no record yet."""
    ran = {record.seed for record in self.seeds(grid, variant)}
    return [
      trial.name
      for trial in self._wanted
      if (trial.grid, trial.variant) == (grid, variant)
      and trial.seed not in ran
    ]

  def typical(self, grid: str) -> records.Record | None:
    """Returns a record of a setting, of AW-Opt if it was run there."""
    variants = sorted(name for place, name in self._records if place == grid)
    if not variants:
      return None
    variant = 'awopt' if 'awopt' in variants else variants[0]
    return self.seeds(grid, variant)[0]

  def measured(
    self, grid: str, variant: str, measure: str
  ) -> tuple[measures.Measure, ...]:
    """Returns what each seed measured; none if one of them did not.

    Args:
      grid: Name of the setting.
      variant: Name of the method.
      measure: One of `measures.MEASURES`.
    """
    read = measures.MEASURES[measure]
    values = [read(record) for record in self.seeds(grid, variant)]
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) else ()

  def rate(
    self, grids: Sequence[str], variant: str, measure: str
  ) -> estimates.Estimate | None:
    """Returns a method's mean over seeds, averaged over settings.

    Returns:
      With its interval in [0, 1], or in [-1, 1] for a gain; None if something
      was not measured, or if its seeds must not be compared.
    """
    if any(self.mixture(grid, [variant]) for grid in grids):
      return None
    terms = [
      estimates.Term(1 / len(grids), self.measured(grid, variant, measure))
      for grid in grids
    ]
    if not all(term.seeds for term in terms):
      return None
    found = estimates.estimate(terms)
    least = -1.0 if measure == 'gain' else 0.0
    low, high = (min(max(x, least), 1.0) for x in found.interval)
    return found._replace(interval=statistics.Interval(low, high))

  def mixture(self, grid: str, variants: Sequence[str]) -> str | None:
    """Says why methods must not be compared in a setting; None if they may."""
    return mixing.mixture(
      [record for name in variants for record in self.seeds(grid, name)]
    )
