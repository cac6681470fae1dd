"""awopt-demos: records, checks, edits and films demonstrations."""

import importlib
import sys

from awopt_agent import quiet  # noqa: F401  Before TensorFlow.
from awopt_agent.train import command_line, demos_flags

# Module and function of each verb.
_VERBS = {
  'record': ('recording', 'record'),
  'play': ('playing', 'play'),
  'inspect': ('inspecting', 'inspect'),
  'validate': ('inspecting', 'validate'),
  'convert': ('rewriting', 'convert'),
  'filter': ('rewriting', 'filter_set'),
  'merge': ('rewriting', 'merge'),
  'split': ('rewriting', 'split'),
}


def _configure(flags) -> None:
  """Binds what decides about environments and the fields of a set."""
  from awopt_agent.train import (
    config,
    loop,  # noqa: F401  A task's gin file binds TrainConfig, too.
  )

  config.load(flags.gin_file, flags.gin_bindings)


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  flags = demos_flags.parse(sys.argv[1:])
  with command_line.one_line_errors('awopt-demos'):
    # Imported for good flags alone: TensorFlow takes seconds. Before gin, which
    # takes no new names once it is configured.
    module, function = _VERBS[flags.verb]
    run = importlib.import_module(f'awopt_agent.train.{module}')
    if 'gin_file' in flags:
      _configure(flags)
    print(getattr(run, function)(flags))


if __name__ == '__main__':
  main()
