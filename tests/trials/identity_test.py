import pytest

from awopt_agent.trials import identity, suite
from tests.trials import fakes

_REAL = ("make.world = 'real'",)
_RECORD = 'record --task green_bowl --episodes 4 --out demos/x'
_FILTER = 'filter demos/x --successes --out demos/y'


def of(code='1', **changes):
  return identity.of(fakes.make_trial(**changes), lambda roots: code)


def test_a_seed_does_not_make_another_identity():
  assert of(seed=1) == of(seed=0)


def test_code_makes_other_sources_and_no_other_settings():
  assert of('2').sources != of('1').sources
  assert of('2').settings == of('1').settings


@pytest.mark.parametrize(
  'changes',
  [
    {'bindings': ('TrainConfig.pretrain_steps = 11',)},
    {'gin_files': ('task/green_bowl.gin', 'variant/awac.gin')},
    {'evaluation': suite.Evaluation(_REAL, 10)},
  ],
)
def test_what_is_bound_makes_other_settings_and_no_other_sources(changes):
  assert of(**changes).settings != of().settings
  assert of(**changes).sources == of().sources


def test_how_it_is_bound_makes_no_difference():
  split = fakes.make_trial().gin_files
  assert of(gin_files=split[:1], bindings=_bindings()) == of()


def _bindings():
  """Those of the second file, and of the trial, as lines."""
  return (
    'TrainConfig.pretrain_steps = 10',
    'TrainConfig.success_fraction = .5',
    'ActorConfig.success_filter = True',
    "ExplorationConfig.explorer = 'episode_switch'",
    'ExplorationConfig.actor_probability = 0.2',
    "CriticConfig.target = 'max_q_actor_candidate'",
    "AwOptAgent.headline = 'cem_with_candidate'",
  )


def test_an_evaluation_counts_with_its_episodes_and_its_code():
  one = {'evaluation': suite.Evaluation(_REAL, 10)}
  other = {'evaluation': suite.Evaluation(_REAL, 11)}
  assert of(**one).settings != of(**other).settings
  assert of('1', **one).settings != of('2', **one).settings


def test_a_peer_is_told_from_its_like_by_its_name_and_its_code():
  assert of(variant='d3rlpy_awac').settings != of(variant='d3rlpy_iql').settings
  peer = {'variant': 'd3rlpy_awac'}
  assert of('1', **peer).settings != of('2', **peer).settings
  # It is compared with methods of ours.
  assert of(**peer).sources == of().sources


def test_demonstrations_make_other_sources():
  other = ("TrainConfig.demonstrations = 'data/middle_bin_demos'",)
  assert of(bindings=other).sources != of().sources


def test_demonstrations_that_are_made_count_by_their_commands():
  line = ("TrainConfig.demonstrations = 'demos/y'",)
  one = of(demos=(_RECORD, _FILTER), bindings=line)
  more = _RECORD.replace('4', '5')
  assert one != of(demos=(more, _FILTER), bindings=line)
  # A command after the one that makes the set has no part in it.
  later = 'filter demos/y --unique --out demos/z'
  assert one == of(demos=(_RECORD, _FILTER, later), bindings=line)


def test_a_set_depends_on_the_commands_up_to_its_own():
  code = lambda roots: ''  # noqa: E731
  sums = identity.made((_RECORD, _FILTER), code)
  assert list(sums) == ['demos/x', 'demos/y']
  assert identity.made((_RECORD,), code)['demos/x'] == sums['demos/x']
  assert identity.made((_FILTER,), code)['demos/y'] != sums['demos/y']


def test_a_command_without_a_folder_for_the_set_is_refused():
  with pytest.raises(ValueError, match="'record --task x' without --out"):
    identity.out_of('record --task x')
