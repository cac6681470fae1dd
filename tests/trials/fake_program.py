"""Stands for the programs of a trial where only their processes matter."""

import argparse
import os
import pathlib
import signal
import sys
import time

from tests.trials import fakes


def main():
  """Leaves what a run leaves; the first start may wait for a signal."""
  parser = argparse.ArgumentParser()
  parser.add_argument('--exit', type=int, default=0)
  parser.add_argument('--root_dir')
  parser.add_argument('--evaluated')
  parser.add_argument('--make')
  parser.add_argument('--dry_run', action='store_true')
  parser.add_argument('--wait', action='store_true')
  parser.add_argument('--kill', action='store_true')
  parser.add_argument('--measure_nothing', action='store_true')
  flags, _ = parser.parse_known_args()
  cores = sorted(os.sched_getaffinity(0))
  print(f'in {os.getcwd()} on {cores}', flush=True)
  if flags.kill:
    os.kill(os.getpid(), signal.SIGKILL)
  if flags.wait:
    _wait_once(pathlib.Path(flags.root_dir, 'waited'))
  if flags.evaluated:
    fakes.leave_evaluation(flags.evaluated)
  if flags.make and not flags.exit:
    os.mkdir(flags.make)
  measures = not flags.measure_nothing and not flags.dry_run
  if flags.root_dir and not flags.exit and measures:
    fakes.leave_run(flags.root_dir)
  sys.exit(flags.exit)


def _wait_once(sign):
  if sign.exists():
    return
  signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped, saved'))
  sign.touch()
  time.sleep(60)


if __name__ == '__main__':
  main()
