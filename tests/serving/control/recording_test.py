import numpy as np
import pytest

from awopt_agent import structs
from awopt_agent.demos import demonstrations, reader
from awopt_agent.experience import labelling
from awopt_agent.serving.control import detectors, loop, recording
from tests.demos import fakes as demo_fakes
from tests.serving.control import fakes


class Joystick:
  """Takes over in the second step."""

  def action(self, observation):
    if observation['clock'] != 1:
      return None
    return {'move': np.array([0, 1], np.float32), 'stop': np.int32(1)}


def play(folder, *, machine=None, goal=9.0, **kwargs):
  """Plays an episode that succeeds once the place is at the goal."""
  policy = fakes.HalfPolicy()
  detector = detectors.when(lambda seen: seen['place'][0] >= goal)
  control = loop.ControlLoop(
    machine or fakes.CountingRobot(),
    policy,
    fakes.CONFIG,
    detector=detector,
    recorder=recording.Recording(str(folder), policy),
    report=lambda line: None,
    **kwargs,
  )
  return control.run_episode()


def read(folder):
  """Reads as a run reads its demonstrations; all must be whole."""
  sets = demonstrations.as_sets(str(folder), 'train')
  found = demonstrations.DemonstrationReader(sets, strict=True)
  return list(found.read(demo_fakes.TIME_STEP_SPEC, demo_fakes.ACTION_SPEC))


def test_what_the_loop_records_is_read_as_demonstrations_are(tmp_path):
  folder = tmp_path / 'robot_trials'
  play(folder, goal=1.0, human=Joystick())
  (episode,) = read(folder)
  # By the policy, the human, the policy: .5, no further, 1.
  np.testing.assert_array_equal(
    episode.observation['place'], [[0, 0], [0.5, 0], [0.5, 1], [1, 1]]
  )
  np.testing.assert_array_equal(
    episode.action['move'][:-1], [[0.5, 0], [0, 1], [0.5, 0]]
  )
  np.testing.assert_array_equal(episode.action['stop'][:-1], [0, 1, 0])
  np.testing.assert_array_equal(episode.reward[:-1], [0, 0, 1])
  np.testing.assert_array_equal(episode.discount[:-1], [1, 1, 0])
  assert episode.success and episode.is_terminal


def test_a_label_tells_the_human_from_the_policy(tmp_path):
  folder = tmp_path / 'robot_trials'
  play(folder, goal=1.0, human=Joystick())
  (stored,) = reader.read_stored(str(folder))
  cem, human = int(structs.Source.CEM), int(structs.Source.DEMONSTRATION)
  source = stored.steps['action_source']
  np.testing.assert_array_equal(source[:-1], [cem, human, cem])
  assert stored.metadata['success'] and stored.metadata['fault'] == b''
  assert stored.metadata['policy'] == b'cem_with_candidate'
  assert stored.metadata['policy_step'] == 700
  (episode,) = read(folder)
  _, label = labelling.label_episode(episode, episode_id=4)
  np.testing.assert_array_equal(label.success, [True] * 4)
  np.testing.assert_array_equal(label.source[:-1], [cem, human, cem])
  np.testing.assert_array_equal(label.policy_step, [700] * 4)
  assert label.source.dtype == np.int32


def test_a_fault_truncates_and_is_no_success(tmp_path):
  folder = tmp_path / 'robot_trials'
  machine = fakes.CountingRobot()

  def unplugged():
    raise OSError('unplugged')

  machine.observe = fakes.Late(machine.observe, unplugged, from_call=4)
  played = play(folder, machine=machine, goal=9.0)
  assert played.trace.length == 2 and len(machine.acted) == 3
  (episode,) = read(folder)
  assert episode.length == 2
  assert not episode.success and not episode.is_terminal
  np.testing.assert_array_equal(episode.discount[:-1], [1, 1])
  (stored,) = reader.read_stored(str(folder))
  assert stored.metadata['fault'].startswith(b'connection: observe: OSError')


def test_episodes_are_added_and_none_without_a_transition(tmp_path):
  folder = tmp_path / 'robot_trials'
  play(folder, goal=1.0)
  silent = fakes.CountingRobot()
  silent.observe = lambda: 1 / 0
  assert play(folder, machine=silent).trace.length == 0
  play(folder, goal=1.5)
  assert [episode.length for episode in read(folder)] == [2, 3]
  policy = fakes.HalfPolicy()
  assert recording.Recording(str(folder), policy).episodes == 2
  with pytest.raises(FileExistsError):
    recording.Recording(str(folder), policy, append=False)


def test_rounding_beyond_a_bound_is_cut(tmp_path):
  folder = tmp_path / 'robot_trials'
  machine = fakes.CountingRobot()
  machine.place[0] = 9.00005  # Within 1e-5 of the bound, relative to it.
  machine.act = machine.acted.append
  played = play(folder, machine=machine, goal=9.5)
  assert played.fault is None
  (episode,) = read(folder)
  np.testing.assert_array_equal(episode.observation['place'][:, 0], [9] * 6)
