"""How a program takes its flags and ends: one clear line, never a traceback."""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator

from awopt_agent import files

__all__ = ['Parser', 'add_gin_flags', 'add_run_flags', 'one_line_errors']


class Parser(argparse.ArgumentParser):
  """Reports bad usage in one line, with exit code 2."""

  def error(self, message):
    """Ends the program."""
    self.exit(2, f'{self.prog}: {message}; see {self.prog} --help.\n')


def add_gin_flags(parser: argparse.ArgumentParser) -> None:
  """Adds the flags of whatever gin configures."""
  for name in ('--gin_file', '--gin_bindings'):
    parser.add_argument(name, action='append', default=[], help='repeatable')


def add_run_flags(parser: argparse.ArgumentParser) -> None:
  """Adds the flags that every program of a run takes."""
  add_gin_flags(parser)
  parser.add_argument('--root_dir', required=True, help='folder of the run')
  parser.add_argument('--seed', type=int, default=0)


@contextlib.contextmanager
def one_line_errors(program: str) -> Iterator[None]:
  """Turns what a user can mend into one line on stderr and exit code 1.

  SIGTERM becomes an exit (code 143) that runs all `finally` blocks.

  Args:
    program: Its name, which begins the line.
  """
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
  try:
    yield
    sys.stdout.flush()
  except BrokenPipeError:
    # The reader of our output, such as head, had enough. Python's own last
    # flush must not fail again; the code is that of a death by SIGPIPE.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(141)
  except (ValueError, OSError) as error:
    # Gin adds lines of its own below the first.
    sys.exit(f'{program}: {files.first_line(error)}')
  except RuntimeError as error:
    # Gin's way to say that a required binding is missing.
    if not str(error).startswith('Required bindings for'):
      raise
    first = str(error).splitlines()[0]
    sys.exit(f'{program}: {first}; bind them by --gin_file or --gin_bindings.')
  except KeyboardInterrupt:
    sys.exit(f'{program}: interrupted.')
  except Exception as error:
    if not _is_tensorflows(error):
      raise
    sys.exit(
      f'{program}: TensorFlow or Reverb failed: {files.first_line(error)} '
      'Free disk space or memory where it names them, and start again: the '
      'last checkpoint is kept.'
    )


def _is_tensorflows(error: Exception) -> bool:
  """Tells an error of TensorFlow's files and kernels, which is no OSError."""
  tensorflow = sys.modules.get('tensorflow')
  return tensorflow is not None and isinstance(error, tensorflow.errors.OpError)
