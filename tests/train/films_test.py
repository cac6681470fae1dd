import contextlib

import numpy as np
import pytest

from awopt_agent import envs, structs
from awopt_agent.demos import recorder
from awopt_agent.envs import experts, grasp_env, robots, simulation
from awopt_agent.train import films, projection, top_view

pytest.importorskip('PIL')


class _Ender:
  """Ends each episode at once, and gives that a value."""

  q = 0.25

  def reset(self):
    pass

  def action(self, observation):
    return {
      'world_vector': np.zeros(3, np.float32),
      'yaw': np.zeros(1, np.float32),
      'gripper': np.int32(0),
      'terminate': np.int32(1),
    }


def _make(env, seed=0):
  config = experts.ExpertConfig(noise=0.0)
  return experts.make_expert(env, config, np.random.default_rng(seed))


@pytest.fixture(name='film', scope='module')
def _film():
  with contextlib.closing(envs.make('green_bowl', observation='both')) as env:
    return films.play(env, _make(env), 'bowl', 3)


def test_each_observation_is_a_frame(film):
  steps = [frame.step for frame in film.frames]
  assert steps == list(range(len(steps)))
  assert {(frame.title, frame.episode) for frame in film.frames} == {
    ('bowl', 3)
  }
  assert film.frames[0].picture.shape == (240, 320, 3)
  assert film.frames[0].view.shape == (64, 64, 3)
  assert np.any(film.frames[0].picture != film.frames[1].picture)


def test_the_end_has_an_outcome_and_no_action(film):
  *others, last = film.frames
  assert film.success
  assert (last.success, last.reward, last.action) == (True, 1.0, None)
  for frame in others:
    assert (frame.success, frame.reward) == (None, 0.0)
    assert frame.action is not None


def test_only_what_moves_the_arm_has_an_arrow(film):
  grips = [0] + [int(frame.action['gripper']) for frame in film.frames[:-1]]
  for before, frame in zip(grips, film.frames[:-1], strict=False):
    moves = frame.action['gripper'] == before and not frame.action['terminate']
    assert (frame.arrow is not None) == moves
  assert film.frames[-1].arrow is None
  assert grips[-1] == 1


def test_arrows_lead_on_the_way_to_the_next_step(film):
  first, second = film.frames[:2]
  start, end = map(np.array, first.arrow)
  way, moved = end - start, np.array(second.arrow[0]) - start
  assert np.linalg.norm(moved) > 3
  assert way @ moved > 0.9 * np.linalg.norm(way) * np.linalg.norm(moved)


class _Mover(_Ender):
  """Moves until the step limit."""

  def action(self, observation):
    return {**super().action(observation), 'terminate': np.int32(0)}


def test_arrows_start_at_the_gripper_in_any_workspace():
  middle_m = np.array([0.6, 0.1, 0.2])
  workspace = robots.Workspace(
    low_m=tuple(middle_m - 0.01), high_m=tuple(middle_m + 0.01)
  )
  with contextlib.closing(
    grasp_env.GraspEnv(workspace=workspace, max_steps=1)
  ) as env:
    frame = films.play(env, _Mover(), 'bowl', 1).frames[0]
  # A centimetre is 3 to 4 pixels; the usual middle is 11 cm away.
  expected = projection.pixel_of(simulation.Camera(), middle_m)
  np.testing.assert_allclose(frame.arrow[0], expected, atol=8)


def test_a_value_is_shown_where_the_actor_gives_one(film):
  assert {frame.q for frame in film.frames} == {None}
  with contextlib.closing(envs.make('green_bowl')) as env:
    ended = films.play(env, _Ender(), 'bowl', 1)
  assert [frame.q for frame in ended.frames] == [0.25, None]
  assert not ended.success
  assert ended.frames[0].view is None


def test_a_recording_of_poses_is_shown_from_above():
  with contextlib.closing(envs.make('green_bowl')) as env:
    (episode,) = recorder.Recorder(env, _make(env)).record(1)
  film = films.replay(episode, 'set', 1)
  assert len(film.frames) == episode.length + 1
  assert film.success and film.frames[-1].success
  assert film.frames[-1].action is None
  assert film.frames[-1].reward == 1.0
  # Its first action moves the arm, and its last one ends the episode.
  for step, moves in ((0, True), (episode.length - 1, False)):
    frame = film.frames[step]
    observation = {
      name: part[step] for name, part in episode.observation.items()
    }
    expected = top_view.draw(observation, frame.action if moves else None)
    np.testing.assert_array_equal(frame.picture, expected)
  np.testing.assert_array_equal(
    film.frames[0].action['world_vector'], episode.action['world_vector'][0]
  )


def test_a_recording_of_pictures_shows_them():
  with contextlib.closing(envs.make('green_bowl', observation='both')) as env:
    (episode,) = recorder.Recorder(env, _make(env)).record(1)
  film = films.replay(episode, 'set', 1)
  np.testing.assert_array_equal(
    film.frames[2].picture, episode.observation['image'][2]
  )


def test_a_recording_of_neither_is_refused():
  episode = structs.Episode(
    observation={'x': np.zeros((2, 1), np.float32)},
    action=np.zeros((2, 1), np.float32),
    reward=np.zeros(2, np.float32),
    discount=np.zeros(2, np.float32),
    is_terminal=True,
    success=False,
  )
  with pytest.raises(ValueError, match='neither pictures nor'):
    films.replay(episode, 'set', 1)
