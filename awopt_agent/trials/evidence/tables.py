"""The numbers of a figure or of table 1, with their intervals."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from awopt_agent.trials import records
from awopt_agent.trials.evidence import estimates, figures, lookup

__all__ = [
  'FigureTable',
  'WorldRow',
  'WorldTable',
  'Row',
  'figure_table',
  'world_tables',
]


class Row(NamedTuple):
  """A method in a setting.

  Attributes:
    label: What it is called.
    variant: Its name.
    seeds: How many were run.
    rates: Of `offline`, `early`, `mean` and `end`, its mean over seeds, or
      None.
    minutes: Of a trial, on one core, on average.
    learner_steps: Of a trial, on average.
  """

  label: str
  variant: str
  seeds: int
  rates: dict[str, estimates.Estimate | None]
  minutes: float
  learner_steps: float


class FigureTable(NamedTuple):
  """The methods of a figure that were run.

  Attributes:
    figure: What was to be run.
    rows: One for each method that was.
    missing: Labels of those that were not.
    mixture: Why its methods must not be compared, if they must not.
  """

  figure: figures.Figure
  rows: tuple[Row, ...]
  missing: tuple[str, ...]
  mixture: str | None


class WorldRow(NamedTuple):
  """A method in two worlds.

  Attributes:
    label: What it is called.
    seeds: How many were run.
    paper: The paper's number, in its real world.
    own: Success in the world of the training.
    unseen: In a world that training never saw.
    others: Success of its other policies in the training's world, by kind, on
      average over seeds.
  """

  label: str
  seeds: int
  paper: str
  own: estimates.Estimate | None
  unseen: estimates.Estimate | None
  others: dict[str, float]


class WorldTable(NamedTuple):
  """Table 1, for one setting."""

  title: str
  rows: tuple[WorldRow, ...]


_MEASURES = ('offline', 'early', 'mean', 'end')


def figure_table(figure: figures.Figure, found: lookup.Lookup) -> FigureTable:
  """Returns the numbers of a figure.

  Args:
    figure: What was to be run.
    found: The records.
  """
  rows, missing = [], []
  for variant in figure.variants:
    if found.seeds(figure.grid, variant):
      rows.append(_row(figure, variant, found))
    else:
      missing.append(figure.label(variant))
  return FigureTable(
    figure,
    tuple(rows),
    tuple(missing),
    found.mixture(figure.grid, figure.variants),
  )


def world_tables(
  found: lookup.Lookup,
  wanted: Iterable[figures.WorldTable] = figures.WORLDS,
) -> list[WorldTable]:
  """Returns the parts of table 1 that were run.

  Args:
    found: The records.
    wanted: What was to be run.
  """
  made = [
    WorldTable(table.title, tuple(_world_rows(table, found)))
    for table in wanted
  ]
  return [table for table in made if table.rows]


def _row(figure: figures.Figure, variant: str, found: lookup.Lookup) -> Row:
  seeds = found.seeds(figure.grid, variant)
  return Row(
    label=figure.label(variant),
    variant=variant,
    seeds=len(seeds),
    rates={
      measure: found.rate((figure.grid,), variant, measure)
      for measure in _MEASURES
    },
    minutes=_mean([record.seconds for record in seeds]) / 60,
    learner_steps=_mean([record.points[-1].learner_step for record in seeds]),
  )


def _world_rows(table: figures.WorldTable, found: lookup.Lookup):
  if found.mixture(table.grid, table.variants):
    return
  for variant, paper in zip(table.variants, table.paper, strict=True):
    seeds = found.seeds(table.grid, variant)
    if seeds:
      own, unseen = (
        found.rate((table.grid,), variant, measure)
        for measure in (table.measure, 'unseen')
      )
      yield WorldRow(
        figures.label(variant),
        len(seeds),
        paper,
        own,
        unseen,
        _others(seeds),
      )


def _others(seeds: Sequence[records.Record]) -> dict[str, float]:
  """Returns the success of policies that are not judged, at the end."""
  found: dict[str, list[float]] = {}
  for record in seeds:
    last = next(one for one in record.points if one.phase == 'end')
    for kind, rate in last.success.items():
      if kind != record.judged_kind(last):
        found.setdefault(kind, []).append(rate.rate)
  return {kind: _mean(rates) for kind, rates in found.items()}


def _mean(values: Sequence[float]) -> float:
  return sum(values) / len(values)
