"""The report: what is said in which order, in blocks."""

from collections.abc import Iterable, Iterator, Sequence

from awopt_agent.trials.evidence import (
  blocks,
  budgets,
  formats,
  judging,
  results,
  sweeps,
  tables,
  wording,
)

__all__ = ['compose', 'verdicts']

_PLURALS = {
  judging.Verdict.HOLDS: 'hold',
  judging.Verdict.FAILS: 'do not hold',
  judging.Verdict.UNKNOWN: 'cannot be told',
  judging.Verdict.NOT_RUN: 'were not run',
}
_ONE_SEED = ' (of one seed, the interval is of its episodes alone)'
_SINGULARS = {
  judging.Verdict.UNKNOWN: 'cannot be told',
  judging.Verdict.NOT_RUN: 'was not run',
}


def compose(found: results.Results) -> list[blocks.Block]:
  """Returns the report.

  Args:
    found: All that the records say.
  """
  title: list[blocks.Block] = [
    blocks.Heading(1, 'Results'),
    blocks.Text(_summary(found)),
  ]
  if not found.records:
    return [*title, blocks.Text(wording.NO_RECORDS)]
  return [
    *title,
    blocks.Text(wording.RERUN),
    *_claims(found),
    blocks.Films(),
    *_figures(found),
    *_worlds(found.worlds),
    *_sweeps(found.sweeps),
    *_methods(found),
    *_costs(found),
  ]


def verdicts(found: Iterable[judging.ClaimResult]) -> str:
  """Returns how many claims have which verdict: 6 hold, 1 does not hold."""
  given = [one.verdict for one in found]
  parts = []
  for verdict in judging.Verdict:
    count = given.count(verdict)
    one = _SINGULARS.get(verdict, verdict.value)
    if count:
      parts.append(f'{count} {one if count == 1 else _PLURALS[verdict]}')
  return ', '.join(parts)


def _summary(found: results.Results) -> str:
  return (
    'Which claims of AW-Opt (Lu et al., CoRL 2021) hold in this '
    f"implementation. Of the paper's {len(found.claims)} claims: "
    f'{verdicts(found.claims)}. Of {len(found.must_show)} goals beside them: '
    f'{verdicts(found.must_show)}. From {len(found.records)} trials, '
    f'{_core_time(found)} of one core.'
  )


def _core_time(found: results.Results) -> str:
  seconds = sum(record.core_s for record in found.records)
  return formats.minutes(seconds / 60)


def _claims(found: results.Results) -> Iterator[blocks.Block]:
  said = _said(found)
  yield blocks.Heading(2, "The paper's claims")
  yield blocks.Claims(found.claims, said)
  yield blocks.Heading(2, 'Goals of this implementation')
  yield blocks.Claims(found.must_show, said)


def _said(found: results.Results) -> dict[str, str]:
  """Returns what is said of claims: by people, and where they were swept."""
  said = dict(found.notes.claims)
  for one in (*found.claims, *found.must_show):
    name = one.claim.name
    swept = [
      _spaced(sweep.name)
      for sweep in found.sweeps
      if name in {part.claim for part in sweep.parts}
    ]
    if swept:
      text = f'Swept below: {", ".join(swept)}.'
      said[name] = ' '.join(filter(None, (said.get(name), text)))
  return said


def _spaced(name: str) -> str:
  return name.replace('_', ' ')


def _figures(found: results.Results) -> Iterator[blocks.Block]:
  yield blocks.Heading(2, 'Learning curves')
  yield blocks.Text(wording.CURVES)
  for one in found.panels:
    yield from _figure(one, found.budgets)
  if found.not_run:
    yield blocks.Text(f'Not run: {"; ".join(found.not_run)}.')


def _figure(
  one: results.Panels, known: Sequence[budgets.Budget]
) -> Iterator[blocks.Block]:
  table = one.table
  title = table.figure.title
  yield blocks.Heading(3, title)
  if table.mixture:
    yield blocks.Text(f'Not shown: {table.mixture}; run the suite again.')
    return
  caption = _caption(table, known)
  yield blocks.Picture(table.figure.name, one.svgs, title)
  yield blocks.Text(caption)
  yield blocks.Table(
    (
      'method',
      'offline',
      'first 1,000',
      'practice',
      'end',
      'learner steps',
      'a trial',
    ),
    tuple(
      (
        row.label,
        *(formats.estimate(rate) for rate in row.rates.values()),
        f'{row.learner_steps:,.0f}',
        formats.minutes(row.minutes),
      )
      for row in table.rows
    ),
  )


def _caption(table: tables.FigureTable, known: Sequence[budgets.Budget]) -> str:
  counts = sorted({row.seeds for row in table.rows})
  text = f'{_many(counts, "seed")} of each'
  for budget in known:
    if budget.grid == table.figure.grid:
      text += (
        f', evaluated in {budget.on_the_way} episodes on the way and '
        f'{budget.at_the_ends} at the ends'
      )
  if counts[0] == 1:
    text += _ONE_SEED
  if table.missing:
    text += f'; not run: {", ".join(table.missing)}'
  paper = table.figure.paper
  return f'{text}. The paper: {paper}.' if paper else f'{text}.'


def _many(counts: Sequence[int], what: str) -> str:
  """Returns `3 seeds`, or `1 to 3 seeds`, of sorted counts."""
  ends = dict.fromkeys((counts[0], counts[-1]))
  text = ' to '.join(f'{count:,}' for count in ends)
  return f'{text} {what}' if ends.keys() == {1} else f'{text} {what}s'


def _worlds(found: Sequence[tables.WorldTable]) -> Iterator[blocks.Block]:
  if not found:
    return
  yield blocks.Heading(2, 'Table 1: in a world that training never saw')
  yield blocks.Text(wording.WORLDS)
  yield blocks.Table(
    (
      'learnt from',
      'method',
      'seeds',
      'own world',
      'unseen',
      'paper, real',
      'its other policies, own world',
    ),
    tuple(
      (
        table.title,
        row.label,
        str(row.seeds),
        formats.estimate(row.own),
        formats.estimate(row.unseen),
        row.paper,
        _others(row.others),
      )
      for table in found
      for row in table.rows
    ),
  )


def _others(found: dict[str, float]) -> str:
  return ', '.join(f'`{kind}` {formats.rate(x)}' for kind, x in found.items())


def _sweeps(found: Sequence[sweeps.Sweep]) -> Iterator[blocks.Block]:
  if not found:
    return
  yield blocks.Heading(2, 'Sweeps: where else a claim would hold')
  for one in found:
    yield blocks.Heading(3, f'{_spaced(one.name)}, {one.task}')
    labels = list(dict.fromkeys(cell.label for cell in one.cells))
    seeds = sorted({cell.seeds for cell in one.cells})
    yield blocks.Text(
      f'{_many(seeds, "seed")} of each: success over practice, then before it '
      f'and at its end{_ONE_SEED if seeds[0] == 1 else ""}.'
    )
    yield blocks.Table(('binding', *labels), tuple(_sweep_rows(one, labels)))
    if one.parts:
      yield blocks.Text(
        'What does not hold above, asked of each value; ✓ where the number '
        'lies where it must.'
      )
      yield blocks.Table(
        (
          'binding',
          *(f'{part.claim}: {part.part.text}' for part in one.parts),
        ),
        tuple(_swept_rows(one)),
      )


def _sweep_rows(
  one: sweeps.Sweep, labels: Sequence[str]
) -> Iterator[tuple[str, ...]]:
  for binding in dict.fromkeys(cell.binding for cell in one.cells):
    texts = {
      cell.label: _cell(cell) for cell in one.cells if cell.binding == binding
    }
    yield f'`{binding}`', *(texts.get(label, '') for label in labels)


def _swept_rows(one: sweeps.Sweep) -> Iterator[tuple[str, ...]]:
  for binding in dict.fromkeys(cell.binding for cell in one.cells):
    found = [part.results.get(binding) for part in one.parts]
    yield f'`{binding}`', *(_swept(result) for result in found)


def _swept(one: judging.PartResult | None) -> str:
  if one is None or one.estimate is None:
    return ''
  low, high = one.part.within
  mark = '✓' if low < one.estimate.value < high else '✗'
  return f'{mark} {formats.result(one)}'


def _cell(cell: sweeps.Cell) -> str:
  ends = [formats.rate(one.value) for one in (cell.offline, cell.end) if one]
  return f'{formats.estimate(cell.mean)}; {" to ".join(ends)}'


def _methods(found: results.Results) -> Iterator[blocks.Block]:
  yield blocks.Heading(2, 'How it was measured')
  for text in (wording.RULE, wording.INTERVALS, wording.JUDGED):
    yield blocks.Text(text)
  yield blocks.Table(
    (
      'setting',
      'demonstrations',
      'of them',
      'learner steps before practice',
      'episodes of practice',
      'learner steps a step of practice',
    ),
    tuple((f'`{one.grid}`', *one[1:6]) for one in found.budgets),
  )
  yield from _listed("Deviations from the paper's protocol", _deviations(found))
  yield from _listed('What failed, and what was tried', found.notes.failures)


def _deviations(found: results.Results) -> tuple[str, ...]:
  practice = sorted(
    int(one.practice_episodes)
    for one in found.budgets
    if one.practice_episodes not in ('', '0')
  )
  lines = []
  if practice:
    lines.append(
      f'{_many(practice, "episode")} of practice in a trial, where the paper '
      'has 20,000 to 200,000.'
    )
  return (*lines, *found.notes.deviations)


def _listed(title: str, lines: Sequence[str]) -> Iterator[blocks.Block]:
  if lines:
    yield blocks.Heading(3, title)
    yield blocks.Items(tuple(lines))


def _costs(found: results.Results) -> Iterator[blocks.Block]:
  yield blocks.Heading(2, 'What it cost')
  yield blocks.Text(
    f'{wording.SHARED_TRIALS}: {len(found.records)} trials, '
    f'{_core_time(found)} of one core.'
  )
  yield blocks.Table(
    ('suite', 'trials', 'time of one core'),
    tuple(
      (
        f'`{one.suite}`',
        f'{one.done} of {one.trials}',
        formats.minutes(one.core_minutes),
      )
      for one in found.costs
    ),
  )
  commits = sorted({_short(one.commit) for one in found.records})
  versions = sorted(
    {' '.join(pair) for one in found.records for pair in one.versions.items()}
  )
  yield blocks.Text(
    f'Commits: {", ".join(commits)}. Versions: {", ".join(versions)}.'
  )


def _short(commit: str) -> str:
  head, dash, dirty = commit.partition('-')
  return f'{head[:12]}{dash}{dirty}' if head else 'unknown'
