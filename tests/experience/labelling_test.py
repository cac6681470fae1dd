from concurrent import futures

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.drivers import py_driver
from tf_agents.environments import random_py_environment
from tf_agents.policies import random_py_policy
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory as trajectory_lib

from awopt_agent import structs
from awopt_agent.experience import labelling
from awopt_agent.policies import base

FIRST, MID, LAST = ts.StepType.FIRST, ts.StepType.MID, ts.StepType.LAST


def step(kind, *, x=0.0, reward=0.0, discount=1.0, source=1, policy_step=0):
  """One step of a trajectory, as a driver hands it on."""
  return trajectory_lib.Trajectory(
    step_type=np.int32(kind),
    observation={'x': np.float32([x])},
    action=np.float32([x]),
    policy_info=base.PolicyInfo(np.int32(source), np.int64(policy_step)),
    next_step_type=np.int32(MID),
    reward=np.float32(reward),
    discount=np.float32(discount),
  )


def episode(rewards, **kwargs):
  """The steps of an episode; the last has a reward that means nothing."""
  kinds = [FIRST] + [MID] * (len(rewards) - 1) + [LAST]
  return [
    step(kind, x=index, reward=reward, **kwargs)
    for index, (kind, reward) in enumerate(
      zip(kinds, [*rewards, 99.0], strict=True)
    )
  ]


def observe(steps, **kwargs):
  written = []
  observer = labelling.LabellingObserver(written.append, **kwargs)
  for one in steps:
    observer(one)
  return written


def batched(*steps):
  return tf.nest.map_structure(lambda *x: np.stack(x), *steps)


# The observer.


def test_hands_on_an_episode_when_it_ends():
  written = []
  observer = labelling.LabellingObserver(written.append)
  *before, last = episode([0.0, 0.0, 1.0])
  for one in before:
    observer(one)
  assert not written
  observer(last)
  (experience,) = written
  assert isinstance(experience, structs.Experience)
  np.testing.assert_array_equal(
    experience.trajectory.observation['x'], [[0], [1], [2], [3]]
  )
  np.testing.assert_array_equal(
    experience.trajectory.step_type, [FIRST, MID, MID, LAST]
  )


def test_labels_each_step():
  (experience,) = observe(
    episode([0.0, 1.0], source=2, policy_step=70),
    episode_ids=labelling.EpisodeIds(5),
  )
  expected = structs.EpisodeLabel(
    success=[True] * 3,
    episode_id=[5] * 3,
    step=[0, 1, 2],
    length=[2] * 3,
    source=[2] * 3,
    policy_step=[70] * 3,
  )
  dtypes = [np.bool_, np.int64, np.int32, np.int32, np.int32, np.int64]
  for values, right, dtype in zip(
    experience.label, expected, dtypes, strict=True
  ):
    np.testing.assert_array_equal(values, right)
    assert values.dtype == dtype


def test_the_last_reward_and_discount_mean_nothing():
  steps = episode([0.0, 1.0])
  steps[1] = steps[1]._replace(discount=np.float32(0))
  steps[2] = steps[2]._replace(discount=np.float32(0.25))
  (experience,) = observe(steps)
  np.testing.assert_array_equal(experience.trajectory.discount, [1, 0, 1])
  np.testing.assert_array_equal(experience.trajectory.reward, [0, 1, 0])


@pytest.mark.parametrize(
  ('rewards', 'threshold', 'success'),
  [
    ([0.0, 1.0], 0.5, True),
    ([1.0, 0.0], 0.5, True),
    ([0.0, 0.0], 0.5, False),
    ([0.25, 0.25], 0.5, True),  # The threshold counts as reached.
    ([1.0, -0.75], 0.5, False),
    ([0.5, 0.5], 1.5, False),
    ([-3.0, -4.0], -8.0, True),
  ],
)
def test_success_is_a_return_that_reaches_the_threshold(
  rewards, threshold, success
):
  (experience,) = observe(episode(rewards), success_threshold=threshold)
  np.testing.assert_array_equal(
    experience.label.success, [success] * (len(rewards) + 1)
  )


def test_episodes_are_counted():
  written = []
  ids = labelling.EpisodeIds(8)
  observer = labelling.LabellingObserver(written.append, episode_ids=ids)
  for one in episode([0.0]) + episode([0.0, 1.0]):
    observer(one)
  assert [e.label.episode_id[0] for e in written] == [8, 9]
  assert [e.label.length[0] for e in written] == [1, 2]
  assert ids.following == 10


def test_observers_that_share_their_ids_give_none_twice():
  written = []
  ids = labelling.EpisodeIds()
  observers = [
    labelling.LabellingObserver(written.append, episode_ids=ids)
    for _ in range(2)
  ]
  for one in episode([0.0]):
    for observer in observers:
      observer(one)
  assert [e.label.episode_id[0] for e in written] == [0, 1]


def test_threads_never_get_the_same_id():
  ids = labelling.EpisodeIds(3)
  with futures.ThreadPoolExecutor(4) as pool:
    taken = list(pool.map(lambda _: ids.take(), range(2000)))
  assert sorted(taken) == list(range(3, 2003))


def test_an_episode_cut_short_is_dropped():
  started = episode([0.0, 0.0, 1.0])[:2]
  (experience,) = observe(started + episode([1.0]))
  assert experience.label.length[0] == 1
  assert experience.label.episode_id[0] == 0


def test_an_episode_joined_in_the_middle_is_dropped():
  (experience,) = observe(episode([0.0, 0.0, 1.0])[1:] + episode([1.0]))
  assert experience.label.length[0] == 1


def test_a_batch_of_environments_is_told_apart():
  one = episode([0.0, 1.0], source=1)  # 3 steps, then another of 2.
  then = episode([0.0], source=1)
  other = episode([0.0, 0.0, 0.0, 0.0], source=2)  # 5 steps.
  written = observe(
    [batched(a, b) for a, b in zip(one + then, other, strict=True)]
  )
  assert [int(e.label.length[0]) for e in written] == [2, 1, 4]
  assert [int(e.label.source[0]) for e in written] == [1, 1, 2]
  assert [bool(e.label.success[0]) for e in written] == [True, False, False]
  assert [int(e.label.episode_id[0]) for e in written] == [0, 1, 2]
  np.testing.assert_array_equal(
    written[2].trajectory.observation['x'][:, 0], [0, 1, 2, 3, 4]
  )


def test_takes_tensors():
  steps = [tf.nest.map_structure(tf.constant, s) for s in episode([1.0])]
  (experience,) = observe(steps)
  assert isinstance(experience.trajectory.reward, np.ndarray)


def test_keeps_what_it_saw_when_an_environment_reuses_its_arrays():
  buffer = np.zeros([1], np.float32)
  written = []
  observer = labelling.LabellingObserver(written.append)
  for index, one in enumerate(episode([0.0, 0.0, 1.0])):
    buffer[0] = index
    observer(one._replace(observation={'x': buffer}))
  np.testing.assert_array_equal(
    written[0].trajectory.observation['x'][:, 0], [0, 1, 2, 3]
  )


def test_without_policy_info_practice_is_the_actors():
  steps = [s._replace(policy_info=()) for s in episode([1.0])]
  (experience,) = observe(steps)
  assert experience.label.source[0] == structs.Source.ACTOR
  assert experience.label.policy_step[0] == 0


def test_observes_a_tf_agents_driver():
  spec = array_spec.BoundedArraySpec((1,), np.float32, -1, 1)
  env = random_py_environment.RandomPyEnvironment(
    spec,
    spec,
    episode_end_probability=0.3,
    seed=1,
    reward_fn=lambda *_: np.float32(1),
    batch_size=None,
  )
  written = []
  observer = labelling.LabellingObserver(written.append)
  policy = random_py_policy.RandomPyPolicy(env.time_step_spec(), spec, seed=1)
  driver = py_driver.PyDriver(env, policy, [observer], max_episodes=3)
  driver.run(env.reset())
  assert len(written) == 3
  for experience in written:
    kinds = experience.trajectory.step_type
    assert kinds[0] == FIRST and kinds[-1] == LAST
    assert set(kinds[1:-1]) <= {int(MID)}
    assert experience.label.length[0] == len(kinds) - 1


# Demonstrations.


def demonstration(is_terminal):
  return structs.Episode(
    observation={'x': np.arange(4, dtype=np.float32)},
    action=np.arange(4, dtype=np.float32),
    reward=np.float32([0, 0, 1, 7]),
    discount=np.float32([1, 1, not is_terminal, 0]),
    is_terminal=is_terminal,
    success=True,
  )


@pytest.mark.parametrize('is_terminal', [True, False])
def test_labels_a_demonstration(is_terminal):
  trajectory, label = labelling.label_episode(
    demonstration(is_terminal), episode_id=3
  )
  np.testing.assert_array_equal(trajectory.step_type, [FIRST, MID, MID, LAST])
  np.testing.assert_array_equal(
    trajectory.next_step_type, [MID, MID, LAST, FIRST]
  )
  np.testing.assert_array_equal(trajectory.reward, [0, 0, 1, 0])
  np.testing.assert_array_equal(trajectory.discount, [1, 1, not is_terminal, 1])
  np.testing.assert_array_equal(label.success, [True] * 4)
  np.testing.assert_array_equal(label.step, [0, 1, 2, 3])
  np.testing.assert_array_equal(label.length, [3] * 4)
  np.testing.assert_array_equal(label.episode_id, [3] * 4)
  np.testing.assert_array_equal(label.source, [0] * 4)
  np.testing.assert_array_equal(label.policy_step, [0] * 4)


def test_each_step_of_a_recording_may_have_its_source():
  recorded = demonstration(True)._replace(source=[2, 0, 2, 1], policy_step=70)
  _, label = labelling.label_episode(recorded, episode_id=3)
  np.testing.assert_array_equal(label.source, [2, 0, 2, 1])
  assert label.source.dtype == np.int32
  np.testing.assert_array_equal(label.policy_step, [70] * 4)


def test_a_demonstration_takes_policy_info_of_the_agents_spec():
  info = base.PolicyInfo(np.zeros(4, np.int32), np.zeros(4, np.int64))
  trajectory, _ = labelling.label_episode(
    demonstration(True), episode_id=0, policy_info=info
  )
  assert trajectory.policy_info is info


def test_no_policy_info_is_zeros_of_the_specs():
  spec = base.PolicyInfo(
    tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int64)
  )
  info = labelling.no_policy_info(spec, 3)
  assert isinstance(info, base.PolicyInfo)
  one, two = info
  assert (one.shape, one.dtype) == ((4,), np.int32)
  assert (two.shape, two.dtype) == ((4, 2), np.int64)
  assert not one.any()
  assert not two.any()


def test_labelling_leaves_the_demonstration_as_it_is():
  episode_ = demonstration(True)
  labelling.label_episode(episode_, episode_id=0)
  np.testing.assert_array_equal(episode_.reward, [0, 0, 1, 7])
