"""A policy, a robot in another process, and what goes wrong between them."""

import dataclasses

import numpy as np
import pytest
from tf_agents.specs import tensor_spec

from awopt_agent import envs
from awopt_agent.demos import demonstrations
from awopt_agent.serving.control import loop, process, recording
from tests.serving.control import injecting, sim_robot

# They keep a clock, and so have the machine to themselves.
pytestmark = pytest.mark.programs


@pytest.fixture(name='specs', scope='module')
def _specs():
  env = envs.make('green_bowl')
  yield env.time_step_spec(), env.action_spec()
  env.close()


@pytest.fixture(name='policy', scope='module')
def _policy(specs, tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('policies'))
  return injecting.export_policy(*map(tensor_spec.from_spec, specs), folder)


@pytest.fixture(name='machine', scope='module')
def _machine():
  with process.RobotProcess(sim_robot.SimRobot) as machine:
    yield machine


@pytest.mark.parametrize('name', injecting.EXPECTED)
def test_the_robot_stops_in_time_and_says_so(machine, policy, name):
  slow = injecting.SLOW
  found = injecting.inject(machine, policy, name, slow=slow)
  fault = found.played.fault
  assert fault.kind in injecting.EXPECTED[name], fault
  # The robot's own time of its stop: one clock for all processes.
  assert found.fault_s <= found.stops_s[0] < found.fault_s + 0.2 * slow
  assert found.stops_s[0] <= fault.stopped_s
  assert found.moved_s < found.stops_s[0] + 0.02 * slow
  assert not found.played.success


def test_a_whole_episode_is_recorded_and_read_for_the_buffer(
  machine, policy, specs, tmp_path
):
  folder = str(tmp_path / 'robot_trials')

  def prepare():
    machine.resume()
    machine.call('prepare')

  control = loop.ControlLoop(
    machine,
    policy,
    # Busy machines may be late; what is late elsewhere is tested above.
    dataclasses.replace(injecting.CONFIG, late_limit_s=0.5, most_misses=9),
    detector=lambda trace, ended: True if ended else None,
    recorder=recording.Recording(folder, policy),
  )
  played = control.run_episode(prepare)
  assert played.fault is None
  sets = demonstrations.as_sets(folder, 'train')
  (episode,) = demonstrations.DemonstrationReader(sets, strict=True).read(
    *specs
  )
  assert episode.length == 8 and episode.success and episode.is_terminal
  # The arm moved, by itself, between the pictures.
  assert np.ptp(episode.observation['gripper'], axis=0).max() > 0.01
