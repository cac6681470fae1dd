"""awopt-demos: records demonstrations, and says what is in a set of them."""

import contextlib
import sys

import numpy as np

from awopt_agent import quiet  # noqa: F401  Before TensorFlow.
from awopt_agent.train import command_line


def _parse(arguments):
  parser = command_line.Parser('awopt-demos', description=__doc__)
  verbs = parser.add_subparsers(dest='verb', required=True)
  record = verbs.add_parser('record', help='record a scripted expert')
  record.add_argument('--task', default='green_bowl')
  record.add_argument('--episodes', type=int, default=120, help='to keep')
  record.add_argument('--out', required=True, help='folder; names the set')
  record.add_argument('--seed', type=int, default=0)
  record.add_argument('--noise', type=float, help='sigma, in action units')
  record.add_argument('--bias_m', type=float, help='sigma of the aim, metres')
  record.add_argument('--all', action='store_true', help='failures too')
  inspect = verbs.add_parser('inspect', help='print what is in a set')
  inspect.add_argument('source', help='folder, or name of a TFDS set')
  inspect.add_argument('--split', default='train', help='such as train[:6]')
  flags = parser.parse_args(arguments)
  if flags.verb == 'record' and (flags.episodes < 1 or flags.seed < 0):
    parser.error('--episodes must be at least 1, and --seed at least 0')
  return flags


# Imports wait for good flags: TensorFlow alone takes seconds.
def _record(flags) -> str:
  from awopt_agent import envs
  from awopt_agent.demos import recorder, writer
  from awopt_agent.envs import experts

  writer.check_target(flags.out)
  given = {'noise': flags.noise, 'bias_m': flags.bias_m}
  config = experts.ExpertConfig(
    **{name: value for name, value in given.items() if value is not None}
  )
  with contextlib.closing(envs.make(flags.task, seed=flags.seed)) as env:
    expert = experts.GraspExpert(config, np.random.default_rng(flags.seed))
    recording = recorder.Recorder(env, expert, keep_failures=flags.all)
    path = writer.write_episodes(
      recorder.show_progress(recording.record(flags.episodes), flags.episodes),
      flags.out,
      time_step_spec=env.time_step_spec(),
      action_spec=env.action_spec(),
    )
  return f'{path}: {recording.counts}'


def _inspect(flags) -> str:
  from awopt_agent.demos import reader, statistics

  episodes = reader.read_episodes(flags.source, flags.split)
  return statistics.describe(statistics.summarize(episodes))


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  flags = _parse(sys.argv[1:])
  with command_line.one_line_errors('awopt-demos'):
    print({'record': _record, 'inspect': _inspect}[flags.verb](flags))


if __name__ == '__main__':
  main()
