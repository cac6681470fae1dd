"""awopt-export: writes a checkpoint's policies as a SavedModel."""

from awopt_agent import quiet  # noqa: F401  Before TensorFlow.
from awopt_agent.train import command_line


def _parse():
  parser = command_line.Parser('awopt-export', description=__doc__)
  parser.add_argument('--root_dir', required=True, help='folder of the run')
  parser.add_argument('--out', help='default: policies/ in the root_dir')
  parser.add_argument(
    '--overwrite', action='store_true', help='replace an existing version'
  )
  parser.add_argument(
    '--tflite',
    action='store_true',
    help='write TFLite files too, and say how far they are from the SavedModel',
  )
  return parser.parse_args()


def main() -> None:
  """Runs the command line; exits with 0, 1 (failure) or 2 (bad usage)."""
  flags = _parse()
  with command_line.one_line_errors('awopt-export'):
    from awopt_agent.train import exporting  # TensorFlow takes seconds.

    print(exporting.export(flags))


if __name__ == '__main__':
  main()
