"""awopt-demos: records, checks, edits and films demonstrations."""

import sys

from awopt_agent import quiet  # noqa: F401  Before TensorFlow.
from awopt_agent.train import command_line, demos_flags


# Imports wait for good flags: TensorFlow alone takes seconds.
def _configure(flags) -> None:
  """Binds what decides about environments and the fields of a set."""
  from awopt_agent.train import (
    config,
    loop,  # noqa: F401  A task's gin file binds TrainConfig, too.
  )

  config.load(flags.gin_file, flags.gin_bindings)


def _record(flags) -> str:
  from awopt_agent.train import recording

  _configure(flags)
  return recording.record(flags)


def _play(flags) -> str:
  from awopt_agent.train import playing

  _configure(flags)
  return playing.play(flags)


def _inspect(flags) -> str:
  from awopt_agent.train import inspecting

  _configure(flags)
  return inspecting.inspect(flags)


def _validate(flags) -> str:
  from awopt_agent.train import inspecting

  _configure(flags)
  text, spoils_training = inspecting.validate(flags)
  if spoils_training:
    print(text)
    sys.exit(1)
  return text


def _rewrite(flags) -> str:
  from awopt_agent.train import rewriting

  if flags.verb == 'filter':
    _configure(flags)
  verbs = {
    'convert': rewriting.convert,
    'filter': rewriting.filter_set,
    'merge': rewriting.merge,
    'split': rewriting.split,
  }
  return verbs[flags.verb](flags)


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  flags = demos_flags.parse(sys.argv[1:])
  verbs = {
    'record': _record,
    'play': _play,
    'inspect': _inspect,
    'validate': _validate,
    'convert': _rewrite,
    'filter': _rewrite,
    'merge': _rewrite,
    'split': _rewrite,
  }
  with command_line.one_line_errors('awopt-demos'):
    print(verbs[flags.verb](flags))


if __name__ == '__main__':
  main()
