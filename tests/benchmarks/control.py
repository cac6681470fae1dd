"""A robot's loop: 10 Hz for 10 minutes, and the stop times of the faults.

By hand, on an idle machine: python -m tests.benchmarks.control [minutes]. The
robot is PyBullet in another process, the policy CEM with the actor's candidate
from an export.
"""

from awopt_agent import quiet  # Before TensorFlow.  # noqa: F401

# isort: split
import sys
import tempfile

from tf_agents.specs import tensor_spec

from awopt_agent import envs
from awopt_agent.serving.control import loop, process
from awopt_agent.train import threads
from tests.serving.control import injecting, sim_robot

_HZ = 10
_REPEATS = 5


_STOP_LIMIT_MS = 200.0


def _hold(machine, policy, minutes: float) -> bool:
  def prepare():
    machine.resume()
    machine.call('prepare')

  config = loop.LoopConfig(max_steps=round(60 * _HZ * minutes), control_hz=_HZ)
  control = loop.ControlLoop(machine, policy, config, report=print)
  played = control.run_episode(prepare)
  print(f'{_HZ} Hz for {minutes:g} minutes: {played.timing}', flush=True)
  return played.fault is None and played.timing.misses == 0


def _stop(machine, policy) -> bool:
  slowest_ms = 0.0
  for name, kinds in injecting.EXPECTED.items():
    took_ms = []
    for _ in range(_REPEATS):
      found = injecting.inject(machine, policy, name)
      assert found.played.fault.kind in kinds, found.played.fault
      took_ms.append(1e3 * (found.stops_s[0] - found.fault_s))
    shown = ', '.join(f'{value:.0f}' for value in took_ms)
    print(f'{name:<14} {kinds[0]:<14} stopped after {shown} ms', flush=True)
    slowest_ms = max(slowest_ms, *took_ms)
  return slowest_ms <= _STOP_LIMIT_MS


def main(minutes: float) -> None:
  """Prints what was measured; fails where it is beyond the limits."""
  threads.use_cores(sparing=True)
  env = envs.make('green_bowl')
  specs = map(tensor_spec.from_spec, (env.time_step_spec(), env.action_spec()))
  env.close()
  with (
    tempfile.TemporaryDirectory() as folder,
    process.RobotProcess(sim_robot.SimRobot) as machine,
  ):
    policy = injecting.export_policy(*specs, folder, 'cem_with_candidate')
    in_time = _stop(machine, policy)
    held = _hold(machine, policy, minutes)
  if not (in_time and held):
    sys.exit('control: a stop came late, or a deadline was missed')


if __name__ == '__main__':
  main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
