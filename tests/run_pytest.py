"""Runs pytest on the test file it is given: Bazel executes a test's `main`.

The arguments are pytest's; paths are relative to the project's root, which is
where Bazel starts a test.
"""

import os
import sys

import pytest


def main() -> int:
  """Returns pytest's exit status."""
  # Python put this file's folder first, where tests/envs would be `envs`.
  sys.path[:] = [p for p in sys.path if p != os.path.dirname(__file__)]
  args = ['-p', 'no:cacheprovider', *sys.argv[1:]]
  if 'XML_OUTPUT_FILE' in os.environ:
    args.append('--junitxml=' + os.environ['XML_OUTPUT_FILE'])
  return pytest.main(args)


if __name__ == '__main__':
  sys.exit(main())
