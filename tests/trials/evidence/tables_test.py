import dataclasses

import pytest

from awopt_agent.trials.evidence import figures, tables
from tests.trials import fakes
from tests.trials.evidence import made_up

FIGURE = figures.Figure(
  'one', 'One', 'bowl', ('awopt', 'awac', 'bc'), '', (('awac', 'theirs'),)
)


def test_a_row_has_what_a_method_measured():
  found = made_up.found(
    made_up.method('bowl', 'awopt', [(0.2, 0.6), (0.4, 0.8)], seconds=90.0)
  )
  table = tables.figure_table(FIGURE, found)
  (row,) = table.rows
  assert (row.label, row.variant, row.seeds) == ('AW-Opt', 'awopt', 2)
  # Seed 0: .2, .4 after 1,000 episodes, .6; seed 1: .4, .6, .8.
  means = {name: rate.value for name, rate in row.rates.items()}
  assert means == pytest.approx(
    {'offline': 0.3, 'early': 0.4, 'mean': 0.5, 'end': 0.7}
  )
  assert row.minutes == 1.5


def test_methods_that_were_not_run_are_named_as_in_the_figure():
  found = made_up.found(made_up.method('bowl', 'awopt', [(0, 0)]))
  table = tables.figure_table(FIGURE, found)
  assert table.missing == ('theirs', 'behaviour cloning')
  assert table.mixture is None


def test_a_mixture_is_told():
  found = made_up.found(
    made_up.method('bowl', 'awopt', [(0, 0)]),
    made_up.method('bowl', 'awac', [(0, 0)], sources='other'),
  )
  assert 'different code' in tables.figure_table(FIGURE, found).mixture


def test_table_1_has_both_worlds_and_the_papers_number():
  unseen = fakes.make_point(
    'evaluate', success=made_up.rate(0.3), bindings=("make.world = 'real'",)
  )
  (record,) = made_up.method('positives', 'awac', [(0.5, 0.5)], episodes=0)
  record = dataclasses.replace(record, points=(*record.points, unseen))
  (table,) = tables.world_tables(made_up.found([record]))
  assert table.title == 'successes alone, offline'
  (row,) = table.rows
  assert (row.label, row.seeds, row.paper) == ('AWAC', 1, '.44')
  assert (row.own.value, row.unseen.value) == pytest.approx((0.5, 0.3))


def test_table_1_tells_of_the_policies_that_are_not_judged():
  both = made_up.rate(0.5) | {'actor': made_up.rate(0.2)['cem']}
  points = (
    fakes.make_point('pretrain', success=made_up.rate(0.5)),
    fakes.make_point('end', success=both),
  )
  found = made_up.method('positives', 'awopt', [(0.5, 0.5)], episodes=0)
  (record,) = found
  record = dataclasses.replace(record, points=points)
  (table,) = tables.world_tables(made_up.found([record]))
  # Where an actor learns it is judged before practice.
  assert table.rows[0].others == {'cem': 0.5}


def test_table_1_has_the_end_of_what_practises():
  found = made_up.found(made_up.method('compostables', 'awopt', [(0.1, 0.8)]))
  (table,) = tables.world_tables(found)
  (row,) = table.rows
  assert row.own.value == pytest.approx(0.8)
  assert row.unseen is None


def test_table_1_compares_no_methods_of_other_code():
  found = made_up.found(
    made_up.method('compostables', 'awopt', [(0.1, 0.8)]),
    made_up.method('compostables', 'awac', [(0.1, 0.8)], sources='other'),
  )
  assert tables.world_tables(found) == []


def test_without_records_there_is_no_table_1():
  assert tables.world_tables(made_up.found()) == []
