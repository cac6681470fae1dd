import gin
import pytest

from awopt_agent import envs, resources
from awopt_agent.train import builders, config, train_config
from tests.train import fakes

_TRAIN = (
  "TrainConfig.demonstrations = 'some_demos'",
  'TrainConfig.pretrain_steps = 20',
  'TrainConfig.practice_episodes = 24',
)


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


def _refusal(files, bindings):
  with pytest.raises(ValueError) as raised:
    config.load(files, bindings)
  message = str(raised.value)
  assert len(message.splitlines()) == 1
  return message


def test_bindings_take_effect_and_the_last_one_wins(tmp_path):
  file = tmp_path / 'mine.gin'
  file.write_text('knob.size = 2\nknob.label = "b"\n')
  config.load([str(file)], ['knob.size = 3'])
  assert fakes.knob() == (3, 'b')


def test_files_of_the_project_are_found_from_any_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  config.load(['run/quickstart.gin'], [])
  assert train_config.TrainConfig().split == 'train[:4]'


def test_folders_of_the_same_names_hide_no_file_of_the_project(
  tmp_path, monkeypatch
):
  for name in ('run', 'base', 'task', 'variant'):
    (tmp_path / name).mkdir()
  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(str(tmp_path))
  config.load(['run/quickstart.gin'], [])
  assert config.bound('make.task', None) == 'green_bowl'


def test_each_load_starts_afresh():
  config.load([], ['knob.size = 2'])
  config.load([], ['knob.label = "b"'])
  assert fakes.knob() == (1, 'b')


def test_the_search_for_files_says_nothing(caplog, capfd):
  config.load(['run/quickstart.gin'], [])
  assert caplog.records == []
  assert capfd.readouterr() == ('', '')


def test_an_unknown_file_is_named_with_the_remedy():
  message = _refusal(['nope.gin'], [])
  assert 'nope.gin' in message
  assert message.endswith(f'or one below {resources.gin_root()}.')


def test_an_unknown_include_is_named(tmp_path):
  file = tmp_path / 'mine.gin'
  file.write_text("include 'base/nope.gin'\n")
  assert 'base/nope.gin' in _refusal([str(file)], [])


def test_an_unknown_configurable_is_named():
  message = _refusal([], ['Nope.size = 1'])
  assert "'Nope'" in message
  assert message.endswith('--gin_bindings.')


def test_an_unknown_parameter_is_named():
  assert "'width'" in _refusal([], ['knob.width = 1'])


@pytest.mark.parametrize('line', ['knob.size', 'knob.size = ', 'knob.size 1'])
def test_a_line_that_is_no_binding_is_refused(line):
  _refusal([], [line])


def test_a_failed_load_leaves_the_next_one_alone():
  _refusal([], ['Nope.size = 1'])
  config.load([], ['knob.size = 2'])
  assert fakes.knob() == (2, 'a')


def test_the_operative_configuration_has_what_was_used_and_defaults():
  config.load([], ['knob.size = 2', 'TrainConfig.split = "unused"'])
  fakes.knob()
  lines = config.operative().splitlines()
  assert 'knob.size = 2' in lines
  assert "knob.label = 'a'" in lines
  assert 'unused' not in config.operative()


def _operative_of_a_run():
  config.load(['run/quickstart.gin'], [])
  train_config.TrainConfig()
  env = envs.make(seed=0)
  try:
    builders.make_agent(env, 0)
  finally:
    env.close()
  return config.operative()


def test_the_operative_configuration_is_stable_and_makes_itself_again():
  text = _operative_of_a_run()
  assert _operative_of_a_run() == text
  config.load([], [text])
  train_config.TrainConfig()
  env = envs.make(seed=0)
  builders.make_agent(env, 0)
  env.close()
  again = config.operative()
  assert config.changed_bindings(text, again) == []
  # What each file under gin/ binds for this run arrives in it.
  for line in (
    "make.task = 'green_bowl'",
    'target/CemConfig.samples = 16',
    'ExplorationConfig.actor_probability = 0.2',
    'GraspEnv.max_steps = 12',
    "TrainConfig.split = 'train[:4]'",
  ):
    assert line in text.splitlines()


def test_differences_are_named_with_both_values():
  old = 'a.x = 1\na.y = 2\n'
  new = 'a.x = 3\na.z = 4\n'
  assert config.changed_bindings(old, new) == [
    'a.x: 1 -> 3',
    'a.y: 2 -> unset',
    'a.z: unset -> 4',
  ]


def test_what_may_change_is_passed_over():
  assert not config.changed_bindings('a.x = 1', 'a.x = 2', may_change=['a.x'])


def test_comments_and_order_make_no_difference_but_a_hash_in_a_value_does():
  assert not config.changed_bindings('# A\na = 1\nb = 2', 'b = 2\n\na = 1')
  assert config.changed_bindings("a.path = 'x#1'", "a.path = 'x#2'")
