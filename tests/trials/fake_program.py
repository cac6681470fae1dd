"""Stands for awopt-train where only its process matters."""

import argparse
import os
import pathlib
import signal
import sys
import time

from tests.trials import fakes


def main():
  """Leaves what a run leaves; the first start may wait for SIGTERM."""
  parser = argparse.ArgumentParser()
  parser.add_argument('--exit', type=int, default=0)
  parser.add_argument('--root_dir')
  parser.add_argument('--wait', action='store_true')
  flags, _ = parser.parse_known_args()
  print(f'in {os.getcwd()} on {sorted(os.sched_getaffinity(0))}')
  if flags.wait and not os.path.exists(f'{flags.root_dir}/waited'):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped, saved'))
    pathlib.Path(flags.root_dir, 'waited').touch()
    time.sleep(60)
  if flags.root_dir and not flags.exit:
    fakes.leave_run(flags.root_dir)
  sys.exit(flags.exit)


if __name__ == '__main__':
  main()
