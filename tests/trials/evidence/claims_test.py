from awopt_agent.trials import suite
from awopt_agent.trials.evidence import claims, measures

ALL = (*claims.CLAIMS, *claims.MUST_SHOW)


def sides():
  for claim in ALL:
    for part in claim.parts:
      yield from (side for side in (part.left, part.right) if side)


def test_there_are_the_eleven_claims():
  numbers = [claim.name for claim in claims.CLAIMS]
  assert numbers == [str(number) for number in range(1, 12)]
  assert all(claim.paper for claim in claims.CLAIMS)


def test_names_of_claims_differ():
  names = [claim.name for claim in ALL]
  assert len(set(names)) == len(names)


def test_suites_run_what_the_claims_need():
  needed = {(grid, side.variant) for side in sides() for grid in side.grids}
  planned = {(trial.grid, trial.variant) for trial in suite.load(['state'])}
  assert needed <= planned


def test_measures_exist():
  assert {side.measure for side in sides()} <= measures.MEASURES.keys()


def test_each_part_can_hold_and_can_fail():
  for claim in ALL:
    for part in claim.parts:
      low, high = part.within
      assert low < high
      assert low > -1 or high < 1, part.text


def test_both_sides_are_of_the_same_settings():
  for claim in ALL:
    for part in claim.parts:
      assert part.right is None or part.right.grids == part.left.grids


def test_the_goals_are_those_of_the_paper_and_four_more():
  assert [claim.name for claim in claims.MUST_SHOW] == [
    'target',
    'first episodes',
    'peers, Task 2',
    'peers, Task 5',
  ]
