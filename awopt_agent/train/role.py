"""awopt-role: one role of a run that is spread over processes or machines."""

import importlib
import os
import sys
import traceback

from awopt_agent import quiet  # Before TensorFlow.
from awopt_agent.train import command_line, stopping

_ROLES = {
  'replay': ('replay_role', 'the server through which all are joined'),
  'learner': ('learner_role', 'learns, publishes weights, and saves'),
  'collector': ('collector', 'practises; start as many as you like'),
  'bellman_updater': ('bellman_updater', "computes the learner's targets"),
  'evaluator': ('evaluator', 'measures the policies, and exports the last'),
}


def _parse():
  parser = command_line.Parser('awopt-role', description=__doc__)
  roles = parser.add_subparsers(dest='role', required=True, metavar='role')
  verbs = {}
  for name, (_, text) in _ROLES.items():
    verbs[name] = roles.add_parser(name, help=text, description=text)
    command_line.add_run_flags(verbs[name])
    if name != 'replay':
      verbs[name].add_argument(
        '--replay_address', required=True, help='host:port of the replay role'
      )
  for name in ('collector', 'bellman_updater'):
    verbs[name].add_argument('--index', type=int, default=0, help='0, 1, ...')
  verbs['collector'].add_argument(
    '--spool_dir', help='for its episodes; default: in --root_dir'
  )
  verbs['replay'].add_argument('--port', type=int, required=True)
  verbs['learner'].add_argument(
    '--targets',
    choices=('own', 'updaters'),
    default='own',
    help='who computes the Bellman targets',
  )
  verbs['learner'].add_argument(
    '--strategy',
    choices=('none', 'mirrored', 'multi_worker'),
    default='none',
    help='over all GPUs of this machine, or over the workers in TF_CONFIG',
  )
  flags = parser.parse_args()
  if min(flags.seed, getattr(flags, 'index', 0)) < 0:
    parser.error('--seed and --index must be at least 0')
  return flags


def main() -> None:
  """Ends with 0, 1 (failure), 2 (bad usage) or 143 (stopped, maybe early)."""
  flags = _parse()
  quiet.drop_native_notices()
  code = 0
  try:
    with command_line.one_line_errors('awopt-role'):
      module = importlib.import_module(
        f'awopt_agent.train.roles.{_ROLES[flags.role][0]}'
      )
      print(module.run(flags), flush=True)
      code = 143 if stopping.was_asked() else 0
  except SystemExit as error:
    if isinstance(error.code, str):
      print(error.code, file=sys.stderr, flush=True)
    code = error.code if isinstance(error.code, int) else 1
  except Exception:
    traceback.print_exc()
    code = 1
  # A thread that waits in Reverb for a server that is gone never ends.
  os._exit(code)


if __name__ == '__main__':
  main()
