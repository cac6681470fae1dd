import argparse
import contextlib
import types

import gin
import numpy as np
import pytest

from awopt_agent import envs
from awopt_agent.serving import export, predictor
from awopt_agent.train import acting, captions, films, playing
from tests.train import fakes

imageio = pytest.importorskip('imageio.v2')
pytest.importorskip('PIL')

_RED, _GREEN = (207, 56, 48), (46, 160, 67)


@pytest.fixture(autouse=True)
def _clean():
  yield
  gin.clear_config()


@pytest.fixture(name='policies', scope='module')
def _policies(tmp_path_factory):
  root = tmp_path_factory.mktemp('runs') / 'run'
  fakes.make_run(root)
  return str(root / 'policies')


@pytest.fixture(name='play')
def _play(tmp_path):
  """Plays, and returns the line and the pictures of the file."""

  def play(name, **changes):
    flags = {
      'out': str(tmp_path / name),
      'policy': None,
      'policy_kind': 'actor',
      'random': False,
      'demos': None,
      'split': 'train',
      'task': None,
      'robot': None,
      'world': None,
      'observation': None,
      'episodes': None,
      'seed': 0,
      'noise': None,
      'bias_m': None,
      'gin_file': [],
      'gin_bindings': [],
    }
    line = playing.play(argparse.Namespace(**{**flags, **changes}))
    path, _, said = line.partition(': ')
    assert path == flags['out']
    return said, [picture[..., :3] for picture in imageio.mimread(path)]

  return play


def _sheet_columns(picture):
  return (picture.shape[1] - 8) / (captions.WIDTH + 8)


def _sheet_rows(picture):
  return (picture.shape[0] - 8) / (captions.HEIGHT + 8)


def test_films_the_expert_once_for_each_episode(play):
  said, pictures = play('a.gif', noise=0.0)
  assert said == 'green_bowl 2 of 2 succeeded'
  assert pictures[0].shape == (captions.HEIGHT, captions.WIDTH, 3)
  # Frames held at an end are one in a GIF: each episode has one green frame.
  ends = [tuple(picture[1, 160]) == _GREEN for picture in pictures]
  assert sum(ends) == 2
  assert ends[-1] and not ends[0]


def test_the_same_seed_shows_the_same(play):
  once, again, other = (
    play(name, episodes=1, seed=seed, noise=0.0)[1]
    for name, seed in (('a.gif', 3), ('b.gif', 3), ('c.gif', 4))
  )
  assert len(once) == len(again)
  assert all(map(np.array_equal, once, again))
  assert np.any(once[0] != other[0])


def test_tasks_follow_each_other_in_a_video(play):
  said, pictures = play(
    'a.gif', task=['middle_bin', 'green_bowl'], episodes=1, random=True
  )
  assert said.startswith('middle_bin 0 of 1 succeeded; green_bowl ')
  assert len(pictures) == 2 * 13  # Chance never ends an episode early.


def test_a_sheet_has_a_row_of_a_success_of_each_task(play):
  said, (sheet,) = play('a.png', task=['all'])
  assert [part.split()[0] for part in said.split('; ')] == list(envs.TASKS)
  assert _sheet_rows(sheet) == len(envs.TASKS)
  assert _sheet_columns(sheet) == 6
  # The last column has the green frame of success, just inside its gap.
  for row in range(len(envs.TASKS)):
    y = 8 + row * (captions.HEIGHT + 8) + 100
    assert tuple(sheet[y, -8 - 2]) == _GREEN


def test_a_sheet_of_no_success_shows_the_last_failure(play):
  said, (sheet,) = play('a.png', random=True, episodes=2)
  assert said == 'green_bowl 0 of 2 succeeded'
  assert tuple(sheet[8 + 100, -8 - 2]) == _RED


def test_robot_world_and_observation_change_the_picture(play):
  first = {
    name: play(f'{index}.gif', episodes=1, noise=0.0, **{name: value})[1][0]
    for index, (name, value) in enumerate(
      [('seed', 0), ('robot', 'panda'), ('world', 'real')]
    )
  }
  assert np.mean(first['seed'] != first['robot']) > 0.05
  assert np.mean(first['seed'] != first['world']) > 0.05
  _, pictures = play('b.gif', episodes=1, observation='image')
  assert pictures[0].shape == (captions.HEIGHT, captions.WIDTH + 240, 3)


@pytest.mark.parametrize('kind', ['actor', 'cem'])
def test_films_a_policy(play, policies, kind):
  said, pictures = play('a.gif', policy=policies, policy_kind=kind, episodes=1)
  assert said in (f'green_bowl {n} of 1 succeeded' for n in (0, 1))
  assert len(pictures) >= 2
  assert tuple(pictures[-1][1, 160]) in (_GREEN, _RED)


def test_a_policy_that_reads_poses_can_be_filmed_with_pictures(play, policies):
  _, pictures = play('a.gif', policy=policies, episodes=1, observation='both')
  assert pictures[0].shape[1] == captions.WIDTH + 240


def test_a_policys_frames_show_its_values(policies):
  actor = acting.PolicyActor(predictor.Predictor(policies, policy='actor'))
  with contextlib.closing(envs.make('green_bowl')) as env:
    *before, last = films.play(env, actor, 'bowl', 1).frames
  values = [frame.q for frame in before]
  assert all(isinstance(q, float) and 0 < q < 1 for q in values)
  assert len(set(values)) == len(values)
  assert last.q is None


def test_an_older_policys_frames_show_no_values(tmp_path):
  agent = fakes.make_run(tmp_path / 'run')
  older = types.SimpleNamespace(
    policies=agent.policies,
    time_step_spec=agent.time_step_spec,
    action_spec=agent.action_spec,
    headline=agent.headline,
  )
  folder = export.export(older, str(tmp_path / 'older'), train_step=1)
  actor = acting.PolicyActor(predictor.Predictor(folder, policy='actor'))
  with contextlib.closing(envs.make('green_bowl')) as env:
    film = films.play(env, actor, 'bowl', 1)
  assert {frame.q for frame in film.frames} == {None}


def test_a_policy_is_filmed_in_the_task_it_was_trained_in(
  play, tmp_path, monkeypatch
):
  binding = "awopt_agent.envs.make.task = 'middle_bin'\n"
  monkeypatch.setattr(fakes, 'TINY_GIN', fakes.TINY_GIN + binding)
  fakes.make_run(tmp_path / 'run')
  said, _ = play('a.gif', policy=str(tmp_path / 'run' / 'policies'), episodes=1)
  assert said.startswith('middle_bin ')
  with pytest.raises(ValueError, match="'objects' must have shape"):
    play(
      'b.gif', policy=str(tmp_path / 'run' / 'policies'), task=['green_bowl']
    )


def test_shows_a_set(play):
  said, pictures = play('a.gif', demos='green_bowl_demos', episodes=3)
  assert said == 'green_bowl_demos 3 of 3 succeeded'
  assert len(pictures) > 3 * 5
  said, _ = play('b.gif', demos='green_bowl_demos', split='train[:1]')
  assert said == 'green_bowl_demos 1 of 1 succeeded'


@pytest.mark.parametrize(
  'changes, named',
  [
    ({'out': 'a.avi'}, "'a.avi' must end in one of"),
    ({'task': ['green_bowl', 'fly']}, "unknown task 'fly'"),
    ({'robot': 'crane'}, "unknown robot 'crane'"),
    ({'world': 'moon'}, "unknown world 'moon'"),
    ({'observation': 'smell'}, "unknown observation 'smell'"),
    ({'noise': -1.0}, 'noise is a standard deviation'),
    ({'random': True, 'noise': 0.1}, '--noise has no effect on --random'),
    ({'demos': 'x', 'task': ['all']}, '--task has no effect on --demos'),
    ({'demos': '/nothing'}, 'no folder /nothing'),
    ({'policy': '/nothing'}, '/nothing is no folder'),
  ],
)
def test_what_cannot_be_played_is_refused_at_once(
  play, tmp_path, changes, named
):
  with pytest.raises((ValueError, OSError), match=named):
    play(changes.pop('name', 'new/a.gif'), **changes)
  assert list(tmp_path.iterdir()) == []


def test_a_policy_without_the_kind_or_the_observation_is_refused(
  play, policies
):
  with pytest.raises(ValueError, match="no policy 'best'; choose one of"):
    play('a.gif', policy=policies, policy_kind='best')
  with pytest.raises(ValueError, match="observes 'state', not 'image'"):
    play('a.gif', policy=policies, observation='image')
