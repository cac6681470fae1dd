"""Trains one of d3rlpy's algorithms as awopt-train trains AW-Opt.

Same data, environments, evaluation and budget; the algorithm runs by a Python
of its own, which has d3rlpy 2.8.1.
"""

from awopt_agent import quiet  # Before TensorFlow.
from awopt_agent.train import command_line

_NAME = 'awopt_agent.trials.peers.train'
PEERS = ('awac', 'iql', 'cal_ql')


def _parse():
  parser = command_line.Parser(_NAME, description=__doc__)
  command_line.add_run_flags(parser)
  parser.add_argument('--peer', required=True, choices=PEERS)
  parser.add_argument(
    '--d3rlpy', required=True, metavar='PYTHON', help='that has d3rlpy'
  )
  flags = parser.parse_args()
  if flags.seed < 0:
    parser.error('--seed must be at least 0')
  return flags


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  flags = _parse()
  quiet.drop_native_notices()
  with command_line.one_line_errors(_NAME):
    from awopt_agent.trials.peers import session  # TensorFlow takes seconds.

    print(session.train(flags))


if __name__ == '__main__':
  main()
