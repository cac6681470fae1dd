"""awopt-serve: a policy behind TensorFlow Serving's REST and gRPC protocols."""

import sys

from awopt_agent import quiet  # noqa: F401  Before TensorFlow.
from awopt_agent.train import command_line


def _parse():
  parser = command_line.Parser('awopt-serve', description=__doc__)
  where = parser.add_mutually_exclusive_group(required=True)
  where.add_argument('--root_dir', help='folder of the run')
  where.add_argument('--policies', help='folder of versions, of any run')
  parser.add_argument('--model_name', default='policy')
  parser.add_argument(
    '--version_label',
    action='append',
    default=[],
    help='repeatable; a label that means the version that is served',
  )
  parser.add_argument('--host', default='127.0.0.1', help='where to listen')
  parser.add_argument(
    '--open_to_network',
    action='store_true',
    help='allow a --host that other machines reach: nobody is asked for a '
    'password, see docs/deploy/security.md',
  )
  parser.add_argument('--rest_port', type=int, default=8501, help='0: any')
  parser.add_argument('--grpc_port', type=int, default=8500, help='0: any')
  parser.add_argument(
    '--every_s', type=float, default=10.0, help='between looks for versions'
  )
  parser.add_argument('--action_limits', help='JSON file, of ActionLimits')
  for name, kind, default, text in (
    ('batch', int, 32, 'rows that are computed together'),
    ('rows', int, 256, 'rows of one request'),
    ('waiting', int, 64, 'requests that wait'),
    ('connections', int, 128, 'requests under way, for each protocol'),
    ('request_mib', float, 16.0, 'size of one request'),
  ):
    parser.add_argument(f'--max_{name}', type=kind, default=default, help=text)
  parser.add_argument(
    '--time_limit', type=float, default=5.0, help='seconds for one request'
  )
  parser.add_argument('--rate', type=float, help='requests a second, of all')
  parser.add_argument('--burst', type=int, default=20, help='beyond --rate')
  flags = parser.parse_args()
  _check_host(parser, flags)
  return flags


def _check_host(parser, flags) -> None:
  from awopt_agent.serving.server import addresses

  if not addresses.is_loopback(flags.host) and not flags.open_to_network:
    parser.error(
      f'--host {flags.host} lets other machines ask for actions, without a '
      'password; give --open_to_network too, once a firewall lets in the '
      "robot's own (docs/deploy/security.md)"
    )


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  flags = _parse()
  with command_line.one_line_errors('awopt-serve'):
    try:
      # TensorFlow takes seconds.
      from awopt_agent.serving.server import running
    except ImportError as error:
      sys.exit(
        f'awopt-serve: {error}; pip install "awopt-agent[serve]" brings it.'
      )
    print(running.run(flags))


if __name__ == '__main__':
  main()
