"""awopt-evaluate: how often an exported policy succeeds, and how it looks."""

from awopt_agent import quiet  # noqa: F401  Before TensorFlow.
from awopt_agent.train import command_line


def _parse():
  parser = command_line.Parser('awopt-evaluate', description=__doc__)
  parser.add_argument('--root_dir', required=True, help='folder of the run')
  parser.add_argument('--step', type=int, help='version; default: newest')
  parser.add_argument(
    '--policy',
    default=None,
    choices=('actor', 'cem', 'cem_with_candidate'),
  )
  parser.add_argument('--episodes', type=int, default=200)
  parser.add_argument('--seed', type=int, default=1, help='of the episodes')
  parser.add_argument('--videos', type=int, help='episodes filmed; default: 3')
  parser.add_argument('--format', default='mp4', choices=('mp4', 'gif'))
  parser.add_argument(
    '--gin_bindings', action='append', default=[], help='repeatable'
  )
  flags = parser.parse_args()
  if flags.episodes < 1 or (flags.videos or 0) < 0 or flags.seed < 0:
    parser.error('--episodes must be at least 1, --videos and --seed 0')
  return flags


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  flags = _parse()
  with command_line.one_line_errors('awopt-evaluate'):
    from awopt_agent.train import measuring  # TensorFlow takes seconds.

    print(measuring.evaluate(flags))


if __name__ == '__main__':
  main()
