"""All that the records say, before anything is written about it."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from awopt_agent.trials import records, suite
from awopt_agent.trials.evidence import (
  bands,
  budgets,
  claims,
  costs,
  figures,
  judging,
  lookup,
  notes,
  plots,
  sweeps,
  tables,
)

__all__ = ['Panels', 'Results', 'gather']


class Panels(NamedTuple):
  """A figure that was run.

  Attributes:
    table: Its numbers.
    svgs: By axis, the picture.
  """

  table: tables.FigureTable
  svgs: dict[str, str]


class Results(NamedTuple):
  """What the pages show.

  Attributes:
    records: All of them.
    claims: What came of the paper's claims.
    must_show: What came of those of this implementation.
    panels: Figures of which something was run.
    not_run: Titles of the others.
    worlds: Table 1.
    sweeps: Where else a claim would hold.
    budgets: How long the trials of each setting train.
    costs: Of each suite of which something was run.
    notes: What people say.
  """

  records: tuple[records.Record, ...]
  claims: tuple[judging.ClaimResult, ...]
  must_show: tuple[judging.ClaimResult, ...]
  panels: tuple[Panels, ...]
  not_run: tuple[str, ...]
  worlds: tuple[tables.WorldTable, ...]
  sweeps: tuple[sweeps.Sweep, ...]
  budgets: tuple[budgets.Budget, ...]
  costs: tuple[costs.Cost, ...]
  notes: notes.Notes


def gather(records_folder: str) -> Results:
  """Reads records, and the notes beside their folder; computes all.

  Args:
    records_folder: Of all records.

  Raises:
    ValueError: If a record or the notes are none.
  """
  suites = costs.suite_names()
  found = lookup.Lookup(records.read_all(records_folder), suite.load(suites))
  names = frozenset(one.name for one in (*claims.CLAIMS, *claims.MUST_SHOW))
  beside = os.path.dirname(os.path.abspath(records_folder))
  panels = _panels(found)
  ours = tuple(judging.judge(one, found) for one in claims.MUST_SHOW)
  papers = tuple(judging.judge(one, found) for one in claims.CLAIMS)
  shown = {one.table.figure.title for one in panels}
  return Results(
    records=tuple(found.all),
    claims=papers,
    must_show=ours,
    panels=panels,
    not_run=tuple(
      one.title for one in figures.FIGURES if one.title not in shown
    ),
    worlds=tuple(tables.world_tables(found)),
    sweeps=tuple(sweeps.sweeps(suites, found, (*papers, *ours))),
    budgets=tuple(budgets.budgets(found, _settings())),
    costs=tuple(one for one in costs.costs(found.all, suites) if one.done),
    notes=notes.read(os.path.join(beside, notes.FILE), names),
  )


def _panels(found: lookup.Lookup) -> tuple[Panels, ...]:
  made = []
  for figure in figures.FIGURES:
    table = tables.figure_table(figure, found)
    # Methods that must not be compared share no panel.
    if table.rows and not table.mixture:
      made.append(Panels(table, _svgs(figure, found)))
    elif table.rows:
      made.append(Panels(table, {}))
  return tuple(made)


def _svgs(figure: figures.Figure, found: lookup.Lookup) -> dict[str, str]:
  return {
    axis: plots.panel(figure.name, plots.lines(figure, found, axis), axis)
    for axis in bands.AXES
  }


def _settings() -> Sequence[str]:
  names = [figure.grid for figure in figures.FIGURES]
  names += [table.grid for table in figures.WORLDS]
  return list(dict.fromkeys(names))
