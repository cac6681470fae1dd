"""awopt-report: runs suites of trials, and makes the page of their results."""

from awopt_agent import quiet  # noqa: F401  Before TensorFlow.
from awopt_agent.train import command_line


def _parse():
  parser = command_line.Parser('awopt-report', description=__doc__)
  parser.add_argument(
    '--suite',
    action='append',
    default=[],
    help='name or gin file, repeatable; without any, the page is made anew',
  )
  parser.add_argument(
    '--root_dir', default='runs/trials', help='folder of the trials'
  )
  parser.add_argument(
    '--records', help='folder of the records; default: docs/results/records'
  )
  parser.add_argument(
    '--jobs', type=int, help='trials at once; default: one a core'
  )
  parser.add_argument(
    '--d3rlpy', help='python of an environment with d3rlpy, for its methods'
  )
  parser.add_argument(
    '--redo', action='store_true', help='run anew what is stale'
  )
  what = parser.add_mutually_exclusive_group()
  what.add_argument(
    '--list', action='store_true', help='say what is done; run nothing'
  )
  what.add_argument(
    '--dry_run',
    action='store_true',
    help='check that each method can begin; train nothing',
  )
  flags = parser.parse_args()
  if not flags.suite and (flags.list or flags.dry_run or flags.redo):
    parser.error('--list, --dry_run and --redo need a --suite')
  if flags.jobs is not None and flags.jobs < 1:
    parser.error('--jobs must be at least 1')
  return flags


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  flags = _parse()
  with command_line.one_line_errors('awopt-report'):
    from awopt_agent.trials import reporting

    print(reporting.run(flags))


if __name__ == '__main__':
  main()
