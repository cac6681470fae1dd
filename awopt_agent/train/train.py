"""awopt-train: from demonstrations to a served policy, in one process."""

from awopt_agent import quiet  # Before TensorFlow.
from awopt_agent.train import command_line


def _parse():
  parser = command_line.Parser('awopt-train', description=__doc__)
  command_line.add_run_flags(parser)
  parser.add_argument(
    '--dry_run',
    action='store_true',
    help='build everything, check specs, disk and data; train nothing',
  )
  flags = parser.parse_args()
  if flags.seed < 0:
    parser.error('--seed must be at least 0')
  return flags


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  flags = _parse()
  quiet.drop_native_notices()
  with command_line.one_line_errors('awopt-train'):
    from awopt_agent.train import session  # TensorFlow takes seconds.

    print(session.train(flags))


if __name__ == '__main__':
  main()
