"""awopt-launch: the training of awopt-train as many processes."""

from awopt_agent import quiet  # Before TensorFlow.
from awopt_agent.train import command_line


def _parse():
  parser = command_line.Parser('awopt-launch', description=__doc__)
  command_line.add_run_flags(parser)
  parser.add_argument(
    '--collectors', type=int, default=1, help='processes that practise'
  )
  parser.add_argument(
    '--bellman_updaters',
    type=int,
    default=0,
    help='processes that compute targets; 0: the learner does',
  )
  parser.add_argument(
    '--no_evaluator',
    dest='evaluator',
    action='store_false',
    help='measure and export nothing',
  )
  parser.add_argument(
    '--port', type=int, help='of the replay server; default: a free one'
  )
  parser.add_argument(
    '--ray_address',
    help='auto, host:port or ray://host:port: the roles run on that cluster; '
    'local: on a Ray of this machine',
  )
  parser.add_argument(
    '--dry_run', action='store_true', help='check everything, start nothing'
  )
  flags = parser.parse_args()
  if min(flags.seed, flags.collectors, flags.bellman_updaters) < 0:
    parser.error('--seed, --collectors, --bellman_updaters must be at least 0')
  return flags


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  flags = _parse()
  quiet.drop_native_notices()
  with command_line.one_line_errors('awopt-launch'):
    from awopt_agent.train.launching import launcher  # TensorFlow.

    print(launcher.launch(flags))


if __name__ == '__main__':
  main()
