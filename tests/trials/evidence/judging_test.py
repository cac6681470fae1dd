import pytest

from awopt_agent.trials.evidence import claims, judging, lookup
from tests.trials import fakes
from tests.trials.evidence import made_up

Verdict = judging.Verdict
ABOVE = (0.0, float('inf'))


def side(variant, measure='end', grids=('bowl',)):
  return claims.Side(variant, measure, grids)


def part(left, right=None, within=ABOVE, **changes):
  return claims.Part('it is so', left, right, within, **changes)


def judge(one, *methods):
  return judging.judge_part(one, made_up.found(*methods))


def level(variant, share, **changes):
  """A method with three seeds that hardly differ."""
  shares = [(share, share - 0.01), (share, share), (share, share + 0.01)]
  return made_up.method('bowl', variant, shares, **changes)


def test_a_difference_that_is_sure_holds_or_does_not():
  good, poor = level('awopt', 0.8), level('awac', 0.5)
  found = judge(part(side('awopt'), side('awac')), good, poor)
  assert found.verdict is Verdict.HOLDS
  assert found.estimate.value == pytest.approx(0.3, abs=1e-3)
  other = judge(part(side('awac'), side('awopt')), good, poor)
  assert other.verdict is Verdict.FAILS


def test_an_interval_across_the_limit_cannot_tell():
  # Seeds of .5, .6, .7: mean .6, half width 2.92 * .1 / sqrt(3) = .169.
  shares = [(0, 0.5), (0, 0.6), (0, 0.7)]
  wide = made_up.method('bowl', 'awopt', shares)
  for low, verdict in (
    (0.42, Verdict.HOLDS),
    (0.44, Verdict.UNKNOWN),
    (0.76, Verdict.UNKNOWN),
    (0.78, Verdict.FAILS),
  ):
    found = judge(part(side('awopt'), within=(low, 2.0)), wide)
    assert found.verdict is verdict, low


def test_the_bootstraps_verdict_stands_beside():
  shares = [(0, 0.5), (0, 0.6), (0, 0.7)]
  wide = made_up.method('bowl', 'awopt', shares)
  # It ends between the least and the greatest seed, .5 at the least.
  found = judge(part(side('awopt'), within=(0.47, 2.0)), wide)
  assert (found.verdict, found.bootstrap) == (Verdict.UNKNOWN, Verdict.HOLDS)


def test_one_seed_cannot_tell():
  one = made_up.method('bowl', 'awopt', [(0.9, 0.9)])
  found = judge(part(side('awopt')), one)
  # Nor can a bootstrap, which draws that seed again and again.
  assert (found.verdict, found.bootstrap) == (Verdict.UNKNOWN, None)


def test_a_seed_that_was_not_run_leaves_the_claim_open():
  wanted = [fakes.make_trial(seed=seed) for seed in range(4)]
  records = level('awopt', 0.8)
  found = judging.judge_part(
    part(side('awopt')), lookup.Lookup(records, wanted)
  )
  assert found.verdict is Verdict.NOT_RUN
  assert found.missing == ('bowl/awopt/3',)
  # What is known is told.
  assert found.estimate.value == pytest.approx(0.8, abs=1e-3)
  whole = judging.judge_part(
    part(side('awopt')), lookup.Lookup(records, wanted[:3])
  )
  assert whole.verdict is Verdict.HOLDS


def test_what_was_not_run_is_named():
  found = judge(part(side('awopt'), side('awac')), level('awopt', 0.8))
  assert found.verdict is Verdict.NOT_RUN
  assert found.missing == ('bowl/awac',)
  assert found.estimate is None


def test_what_was_not_measured_is_named():
  found = judge(part(side('awopt', 'unseen')), level('awopt', 0.8))
  assert found.missing == ('unseen of bowl/awopt',)


def test_records_of_other_code_are_not_compared():
  found = judge(
    part(side('awopt'), side('awac')),
    level('awopt', 0.8),
    level('awac', 0.1, sources='other'),
  )
  assert found.verdict is Verdict.NOT_RUN
  assert 'different code' in found.missing[0]


def test_settings_are_averaged():
  found = judge(
    part(side('awopt', grids=('bowl', 'bin'))),
    level('awopt', 0.8),
    made_up.method('bin', 'awopt', [(0, 0.4), (0, 0.4)]),
  )
  assert found.estimate.value == pytest.approx(0.6, abs=1e-3)


def test_a_gain_is_of_the_same_seeds():
  # Gains of .1 at .1, .3 and .5: sure, though the ends differ much.
  shares = [(0.1, 0.2), (0.3, 0.4), (0.5, 0.6)]
  found = judge(
    part(side('awac', 'gain')), made_up.method('bowl', 'awac', shares)
  )
  assert found.verdict is Verdict.HOLDS
  assert found.estimate.value == pytest.approx(0.1, abs=1e-3)


def test_what_is_compared_is_given_by_method():
  found = judge(
    part(side('awopt'), side('awac')), level('awopt', 0.8), level('awac', 0.5)
  )
  (one, left), (other, right) = found.sides
  assert (one, other) == ('AW-Opt', 'AWAC')
  assert (left.value, right.value) == pytest.approx((0.8, 0.5), abs=1e-3)


def test_the_deviation_between_seeds_is_judged():
  shares = [(0.1, 0), (0.5, 0), (0.9, 0)]
  differing = made_up.method('bowl', 'awopt', shares)
  wanted = part(side('awopt', 'offline'), within=(0.05, 2), between_seeds=True)
  found = judge(wanted, differing)
  # Deviation .4; its lower end .4 * sqrt(2 / 5.991) = .231.
  assert found.verdict is Verdict.HOLDS
  assert found.estimate.interval.low == pytest.approx(0.231, abs=2e-3)
  lonely = judge(wanted, differing[:1])
  assert lonely.verdict is Verdict.NOT_RUN
  assert lonely.missing == ('a second seed of bowl/awopt',)


@pytest.mark.parametrize(
  'shares, verdict',
  [
    ((0.9, 0.8), Verdict.HOLDS),
    ((0.9, 0.2), Verdict.FAILS),
    ((0.2, None), Verdict.NOT_RUN),
  ],
)
def test_a_claim_holds_if_all_its_parts_do(shares, verdict):
  claim = claims.Claim(
    '1',
    'both succeed',
    '',
    tuple(part(side(name), within=(0.5, 2)) for name in ('awopt', 'awac')),
  )
  methods = [
    level(name, share)
    for name, share in zip(('awopt', 'awac'), shares, strict=True)
    if share is not None
  ]
  result = judging.judge(claim, made_up.found(*methods))
  assert result.verdict is verdict
  assert len(result.parts) == 2
