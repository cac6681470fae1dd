import sys
import warnings

import gin
import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tf_agents.environments import utils

from awopt_agent import envs
from awopt_agent.envs import vector_env
from tests.envs import gymnasium_fakes as fakes

_ZERO = np.zeros(1, np.float32)


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


def scripted(*steps, settings=None, **kwargs):
  """Makes an environment of given steps: (reward, terminated, ...)."""
  if steps:
    kwargs['steps'] = [(_ZERO, *step) for step in steps]
  return envs.GymnasiumEnv(fakes.ID, kwargs=kwargs, **(settings or {}))


def play(env):
  """Plays an episode of zeros, and returns its time steps after the first."""
  steps = [env.reset()]
  while not steps[-1].is_last():
    steps.append(env.step(_ZERO))
  return steps[1:]


def one_line(raised):
  # Gin adds where it was called.
  return str(raised.value).partition('\n  In call to')[0]


@pytest.mark.parametrize(
  'task',
  [
    'Acrobot-v1',
    'Blackjack-v1',
    'CartPole-v1',
    'FrozenLake-v1',
    'MountainCarContinuous-v0',
    'Pendulum-v1',
  ],
)
@pytest.mark.parametrize('observation', ['keep', 'flatten'])
def test_real_environments_keep_to_their_specs(task, observation):
  gin.bind_parameter('GymnasiumEnv.observation', observation)
  gin.bind_parameter('GymnasiumEnv.kwargs', {'max_episode_steps': 60})
  env = envs.make(task, seed=1)
  utils.validate_py_environment(env, episodes=2)
  env.close()


def test_an_episode_is_the_plain_one_of_the_same_seed_and_actions():
  env = envs.make('Pendulum-v1', seed=5)
  plain = gymnasium.make('Pendulum-v1')
  rng = np.random.default_rng(0)
  for episode in range(2):
    mixed = np.random.SeedSequence([5, episode]).generate_state(1)[0]
    expected, _ = plain.reset(seed=int(mixed) // 2)
    step = env.reset()
    assert step.is_first()
    np.testing.assert_array_equal(step.observation, expected)
    for number in range(1, 201):
      action = rng.uniform(-2, 2, 1).astype(np.float32)
      expected, reward, _, truncated, _ = plain.step(action)
      step = env.step(action)
      np.testing.assert_array_equal(step.observation, expected)
      assert step.reward == np.float32(reward)
      # 200 is the limit of Pendulum-v1, and no state in it is terminal.
      assert step.is_last() == truncated == (number == 200)
      assert step.discount == 1


def test_a_step_after_the_last_begins_the_next_episode():
  env = scripted((1.0, True, False, {}))
  play(env)
  step = env.step(_ZERO)
  assert step.is_first()
  assert env.get_state() == {'seed': 0, 'episodes_begun': 2}


def test_a_seed_and_the_number_of_episodes_decide_an_episode():
  env, same, other = (envs.make('CartPole-v1', seed=s) for s in (3, 3, 4))
  firsts = [env.reset().observation.tolist() for _ in range(3)]
  assert len({*map(tuple, firsts)}) == 3
  # Episodes that were played or left out, and a spell with another seed.
  same.reset()
  same.step(np.int32(1))
  assert same.get_state() == {'seed': 3, 'episodes_begun': 1}
  assert same.reset().observation.tolist() == firsts[1]
  same.set_state({'seed': 3, 'episodes_begun': 2})
  assert same.reset().observation.tolist() == firsts[2]
  assert other.reset().observation.tolist() not in firsts
  other.seed(3)
  assert other.reset().observation.tolist() == firsts[0]


def test_seeds_fit_a_c_int():
  env = scripted()
  for _ in range(40):
    env.reset()
  seeds = env.gymnasium_env.unwrapped.seeds
  assert len(set(seeds)) == 40
  # Of 40 numbers of 31 bits, some have the highest bit and none has more.
  assert 2**30 <= max(seeds) < 2**31


@pytest.mark.parametrize(
  'terminated, truncated, discount',
  [(True, False, 0), (False, True, 1), (True, True, 0)],
)
def test_only_termination_stops_the_bootstrap(terminated, truncated, discount):
  env = scripted((0.5, False, False, {}), (2, terminated, truncated, {}))
  middle, last = play(env)
  assert (middle.reward, middle.discount) == (0.5, 1)
  assert last.is_last()
  assert (last.reward, last.discount) == (2, discount)
  assert last.reward.dtype == last.discount.dtype == np.float32


def _success(*values, key='is_success', **settings):
  """Rewards of an episode whose infos hold these values (None: nothing)."""
  steps = [
    (-7.0, False, number == len(values), {} if v is None else {key: v})
    for number, v in enumerate(values, 1)
  ]
  settings = {'reward': 'success', 'success_key': key, **settings}
  played = play(scripted(*steps, settings=settings))
  return [(float(step.reward), float(step.discount)) for step in played]


def test_success_is_rewarded_once_and_ends_the_episode():
  assert _success(False, True, True) == [(0, 1), (1, 0)]
  assert _success(0.0, np.float32(1), 0) == [(0, 1), (1, 0)]
  assert _success(np.array([False]), np.bool_(False)) == [(0, 1), (0, 1)]


def test_each_episode_may_succeed():
  env = scripted(
    (0.0, False, False, {'is_success': True}),
    settings={'reward': 'success', 'success_key': 'is_success'},
  )
  assert [play(env)[0].reward for _ in range(2)] == [1, 1]


def test_success_may_let_the_episode_go_on():
  rewards = _success(False, True, False, True, end_on_success=False)
  assert rewards == [(0, 1), (1, 1), (0, 1), (0, 1)]


def test_success_may_be_told_only_at_the_end():
  assert _success(None, None, True) == [(0, 1), (0, 1), (1, 0)]
  # Once told, silence means no news.
  assert _success(False, None) == [(0, 1), (0, 1)]


def test_success_that_is_never_told_is_an_error():
  with pytest.raises(
    ValueError, match="had 'is_success' in its info"
  ) as raised:
    _success(None, None)
  assert 'keys are []; bind GymnasiumEnv.success_key' in one_line(raised)
  # Each episode must tell.
  env = scripted(
    (0.0, True, False, {'done': False}),
    settings={'reward': 'success', 'success_key': 'is_success'},
  )
  with pytest.raises(ValueError, match=r"keys are \['done'\]"):
    play(env)


@pytest.mark.parametrize(
  'info', [{'a/b': True}, {'a': {'b': True}}, {'a': {'b': True}, 'b': False}]
)
def test_the_key_of_success_may_lead_into_a_dictionary(info):
  env = scripted(
    (0.0, False, False, info),
    settings={'reward': 'success', 'success_key': 'a/b'},
  )
  assert play(env)[0].reward == 1
  assert env.get_info() == info


@pytest.mark.parametrize('value', ['yes', np.nan, [True, False]])
def test_success_must_be_one_truth_value(value):
  with pytest.raises(ValueError, match=r"info\['is_success'\] of .* one truth"):
    _success(value)


@pytest.mark.parametrize(
  'settings',
  [{'success_key': 'is_success'}, {'reward': 'success'}],
)
def test_a_key_of_success_and_its_reward_go_together(settings):
  with pytest.raises(ValueError, match='do not go together'):
    scripted(settings=settings)


@pytest.mark.parametrize(
  'settings, message',
  [
    ({'reward': 'dense'}, "reward must be one of .* got 'dense'"),
    ({'observation': 'state'}, "observation must be one of .* got 'state'"),
    ({'seed': -1}, 'seed must be >= 0, got -1'),
  ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
  with pytest.raises(ValueError, match=message):
    scripted(settings=settings)


@pytest.mark.parametrize('reward', [np.nan, np.inf, 1e39, [1.0, 2.0], 'much'])
@pytest.mark.filterwarnings('ignore:overflow')
def test_a_reward_must_be_one_finite_number(reward):
  env = scripted((reward, False, False, {}))
  with pytest.raises(ValueError, match='reward of .* one finite number'):
    play(env)


def test_a_reward_may_be_an_array_of_one_number():
  step = play(scripted((np.array([2.5]), True, False, {})))[0]
  assert (step.reward, step.reward.shape) == (2.5, ())


def test_an_environment_of_the_old_api_is_refused():
  env = scripted((0.0, True, {}))
  with pytest.raises(ValueError, match=r'step\(\) must return .* got 4 values'):
    play(env)


def test_an_observation_that_is_wrong_names_its_field():
  space = spaces.Dict({'arm': spaces.Dict({'joints': fakes.unit_box(2)})})
  nan = {'arm': {'joints': np.array([0, np.nan])}}
  env = scripted(observation_space=space, first=nan)
  with pytest.raises(ValueError) as raised:
    env.reset()
  message = one_line(raised)
  assert message.startswith("observation 'arm/joints' of awopt_test/Scripted")
  assert 'NaN' in message and '\n' not in message


def test_make_refuses_what_only_the_grasping_tasks_choose():
  for name, value in (
    ('observation', 'image'),
    ('world', 'real'),
    ('robot', 'panda'),
  ):
    with pytest.raises(ValueError) as raised:
      envs.make('Pendulum-v1', **{name: value})
    assert one_line(raised).startswith(
      f'make.{name} = {value!r} has no effect on the Gymnasium environment '
      "'Pendulum-v1'; leave it out"
    )


@pytest.mark.parametrize(
  'task, reason',
  [
    ('fly', "(Environment `fly` doesn't exist)"),
    ('CartPol-v1', 'Did you mean: `CartPole`?'),
    ('Pendulum-v7', 'versioned environments: [ `v1` ]'),
    ('no.such:Fly-v0', "no module 'no'"),
    ('tests.envs.no_such:Fly-v0', "no module 'tests.envs.no_such'"),
    ('tests.envs.gymnasium_fakes:Fly-v0', "`Fly` doesn't exist"),
    ('a b', 'Malformed environment ID'),
  ],
)
def test_an_unknown_name_lists_the_tasks_and_tells_of_gymnasium(task, reason):
  with pytest.raises(ValueError) as raised:
    envs.make(task)
  message = one_line(raised)
  assert message.startswith(
    f'unknown task {task!r}; choose one of compostables, green_bowl,'
  )
  assert 'or the id of a registered Gymnasium environment (' in message
  assert reason in message and '\n' not in message


def test_without_gymnasium_the_extra_is_named(monkeypatch):
  monkeypatch.setitem(sys.modules, 'gymnasium', None)
  with pytest.raises(ValueError) as raised:
    envs.make('Pendulum-v1')
  assert "pip install 'awopt-agent[gymnasium]'" in one_line(raised)


def test_a_missing_library_of_an_environment_is_one_line():
  with pytest.raises(ValueError) as raised:
    envs.make('LunarLander-v3')
  message = one_line(raised)
  assert message.startswith('LunarLander-v3: ') and 'box2d' in message.lower()
  assert '\n' not in message


def test_an_unknown_argument_of_an_environment_is_refused():
  with pytest.raises(ValueError, match='correct GymnasiumEnv.kwargs'):
    scripted(gravity=3)


def test_a_broken_module_shows_its_own_error(tmp_path, monkeypatch):
  (tmp_path / 'awopt_broken.py').write_text('import no_such_library')
  monkeypatch.syspath_prepend(tmp_path)
  with pytest.raises(ModuleNotFoundError, match='no_such_library'):
    envs.make('awopt_broken:MyEnv-v0')


def test_arguments_come_by_gin_and_are_left_as_they_are():
  kwargs = {'steps': [(_ZERO, 1.0, True, False, {})]}
  gin.bind_parameter('GymnasiumEnv.kwargs', kwargs)
  env = envs.make(f'tests.envs.gymnasium_fakes:{fakes.ID}', seed=7)
  assert len(play(env)) == 1
  assert list(kwargs) == ['steps']
  assert env.get_state() == {'seed': 7, 'episodes_begun': 1}


def test_pictures_are_rendered_where_the_environment_can():
  picture = np.full((4, 6, 3), 9, np.uint8)
  env = scripted(picture=picture)
  env.reset()
  np.testing.assert_array_equal(env.render(), picture)
  with pytest.raises(ValueError, match="must be 'rgb_array', got 'human'"):
    env.render('human')


def test_real_pictures_need_no_display(monkeypatch):
  monkeypatch.delenv('DISPLAY', raising=False)
  monkeypatch.setenv('SDL_AUDIODRIVER', 'dummy')
  env = envs.make('CartPole-v1')
  env.reset()
  picture = env.render()
  assert (picture.shape, picture.dtype) == ((400, 600, 3), np.uint8)
  env.close()


def test_who_cannot_render_says_so_only_when_asked():
  env = envs.GymnasiumEnv(
    fakes.ID_OF_FUNCTION, kwargs={'picture': np.zeros((4, 6, 3), np.uint8)}
  )
  play(env)
  with pytest.raises(ValueError, match='render_mode None') as raised:
    env.render()
  assert "bind GymnasiumEnv.kwargs = {'render_mode': 'rgb_array'}" in str(
    raised.value
  )


@pytest.mark.parametrize(
  'picture', [None, np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3))]
)
def test_a_picture_of_another_kind_is_refused(picture):
  env = scripted(picture=picture)
  env.reset()
  with pytest.raises(ValueError, match='must render uint8'):
    env.render()


def test_a_picture_before_the_first_episode_is_one_line_of_error():
  with pytest.raises(ValueError, match='reset'):
    scripted().render()


def test_closing_may_be_repeated():
  env = scripted()
  env.close()
  env.close()
  assert env.gymnasium_env.unwrapped.times_closed == 1


def test_spaces_that_do_not_fit_leave_nothing_open(monkeypatch):
  closed = []
  monkeypatch.setattr(fakes.ScriptedEnv, 'close', lambda self: closed.append(1))
  with pytest.raises(ValueError, match='Text space'):
    scripted(observation_space=spaces.Text(5))
  assert closed == [1]


_TWICE = """
import gymnasium
import numpy as np
from tests.envs.gymnasium_fakes import ScriptedEnv

class Rough(ScriptedEnv):
  def __init__(self, **kwargs):
    ends = np.array([-1.0]), np.array([1.0])
    super().__init__(gymnasium.spaces.Box(*ends, dtype=np.float32), **kwargs)

for _ in range(2):
  gymnasium.register('awopt_test/Twice-v0', Rough)
"""


def test_what_a_plugin_is_warned_of_is_no_concern_of_a_user(
  tmp_path, monkeypatch
):
  (tmp_path / 'awopt_twice.py').write_text(_TWICE)
  monkeypatch.syspath_prepend(tmp_path)
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    play(envs.make('awopt_twice:awopt_test/Twice-v0'))


def test_flattening_warns_of_nothing():
  space = spaces.Dict(
    {'x': fakes.unit_box(), 'y': fakes.unit_box(1, np.float64)}
  )
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    for trust in (True, False):
      env = scripted(
        observation_space=space,
        settings={'observation': 'flatten', 'trust_bounds': trust},
      )
      assert env.reset().observation.shape == (2,)


def test_checks_of_gymnasium_are_there_for_who_wants_them():
  settings = {'disable_env_checker': False}
  checked = envs.GymnasiumEnv('CartPole-v1', kwargs=settings).gymnasium_env
  assert 'PassiveEnvChecker' in repr(checked)
  assert 'PassiveEnvChecker' not in repr(envs.make('CartPole-v1').gymnasium_env)


def test_a_process_plays_the_episodes_of_this_one():
  task = f'tests.envs.gymnasium_fakes:{fakes.ID}'

  def make():
    return vector_env.VectorEnv([envs.make(task, seed=s) for s in (1, 2)])

  here, there = make(), vector_env.ProcessEnv(make)
  try:
    assert there.action_spec() == here.action_spec()
    states = [
      {'seed': 1, 'episodes_begun': 4},
      {'seed': 6, 'episodes_begun': 0},
    ]
    here.set_state(states)
    there.set_state(states)
    left, right = here.reset(), there.reset()
    for _ in range(6):  # An episode has three steps.
      np.testing.assert_array_equal(left.observation, right.observation)
      np.testing.assert_array_equal(left.reward, right.reward)
      np.testing.assert_array_equal(left.step_type, right.step_type)
      left, right = (
        env.step(np.zeros((2, 1), np.float32)) for env in (here, there)
      )
    assert here.get_state() == there.get_state()
    with pytest.raises(ValueError, match='^action of .* clip or scale'):
      there.step(np.full((2, 1), 3, np.float32))
  finally:
    there.close()
