import argparse
import contextlib

import gin
import numpy as np
import pytest

from awopt_agent import envs
from awopt_agent.envs import experts
from awopt_agent.serving import predictor
from awopt_agent.train import acting
from tests.train import fakes


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


def _flags(**changes):
  flags = {
    'policy': None,
    'policy_kind': None,
    'random': False,
    'observation': None,
    'seed': 0,
    'noise': None,
    'bias_m': None,
  }
  return argparse.Namespace(**{**flags, **changes})


def test_a_flag_that_is_not_given_leaves_the_default():
  assert acting.expert_config(_flags()) == experts.ExpertConfig()
  config = acting.expert_config(_flags(noise=0.0, bias_m=0.02))
  assert config == experts.ExpertConfig(noise=0.0, bias_m=0.02)


def test_noise_must_not_be_negative():
  with pytest.raises(ValueError, match='bias_m is a standard deviation'):
    acting.expert_config(_flags(bias_m=-1.0))


@pytest.mark.parametrize('who', [{'random': True}, {'policy': 'x'}])
def test_a_flag_of_the_expert_has_no_effect_on_others(who):
  with pytest.raises(ValueError, match='--noise has no effect on --'):
    acting.check_flags(_flags(noise=0.1, **who))


def test_a_gymnasium_environment_has_no_expert():
  pytest.importorskip('gymnasium')
  make_actor, _ = acting.choose_actor(_flags())
  with contextlib.closing(envs.make('Pendulum-v1')) as env:
    with pytest.raises(ValueError, match='no expert .*--random'):
      make_actor(env, 0)


@pytest.fixture(name='policies', scope='module')
def _policies(tmp_path_factory):
  root = tmp_path_factory.mktemp('runs') / 'run'
  fakes.make_run(root)
  return str(root / 'policies')


@pytest.mark.parametrize('kind', ['actor', 'cem'])
def test_a_policy_values_its_last_action(policies, kind):
  loaded = predictor.Predictor(policies, policy=kind)
  actor = acting.PolicyActor(loaded)
  with contextlib.closing(envs.make('green_bowl', observation='both')) as env:
    observation = env.reset().observation
  assert actor.q is None
  action = actor.action(observation)
  seen = {part.name: observation[part.name] for part in loaded.observation_spec}
  assert actor.q == loaded.q_value(seen, action)
  actor.reset()
  assert actor.q is None


def test_chance_never_terminates_and_has_a_seed():
  env = envs.make('green_bowl')
  actions = [
    [actor.action(None) for _ in range(20)]
    for actor in (acting.RandomActor(env.action_spec(), 1) for _ in range(2))
  ]
  env.close()
  assert {int(action['terminate']) for action in actions[0]} == {0}
  assert {int(action['gripper']) for action in actions[0]} == {0, 1}
  np.testing.assert_equal(actions[0], actions[1])


def test_chance_acts_where_actions_are_bare_arrays():
  pytest.importorskip('gymnasium')
  with contextlib.closing(envs.make('Pendulum-v1')) as env:
    action = acting.RandomActor(env.action_spec(), 1).action(None)
    assert env.action_spec().check_array(action)


def test_what_is_appended_has_another_stream_of_chance():
  actors = [acting.choose_actor(_flags(random=True))[0] for _ in range(2)]
  with contextlib.closing(envs.make('green_bowl')) as env:
    first, second = (
      make(env, before).action(None)['world_vector']
      for make, before in zip(actors, (0, 5), strict=True)
    )
  assert not np.allclose(first, second)
