"""Memory of every role over 200,000 learner steps on a small task.

`python -m tests.benchmarks.memory`
"""

import os
import pathlib
import sys
import tempfile
import time

from awopt_agent.train import command_line
from tests.integration import chaos as chaos_lib

_GIN = """
TrainConfig.practice_episodes = 1000000
TrainConfig.replay_ratio = 18
TrainConfig.batch_size = 8
TrainConfig.checkpoint_every = 10000
TrainConfig.eval_every = 200
ReplayConfig.max_success_items = 2000
ReplayConfig.max_failure_items = 2000
"""
_MB = 2**20
_LOOK_EVERY_S = 2.0
# Traced functions, filled tables and thread pools are there by then.
_SETTLED = 0.15
_MOST_MB = 50


def _memory_mb(pid):
  """Returns the anonymous memory of a process; maps of files may come and go.

  Args:
    pid: Of the process.
  """
  text = pathlib.Path(f'/proc/{pid}/status').read_text(encoding='utf-8')
  line = next(x for x in text.splitlines() if x.startswith('RssAnon'))
  return int(line.split()[1]) * 1024 / _MB


def main():
  """Prints, for each role, its memory when settled and at the end."""
  parser = command_line.Parser('memory', description=__doc__)
  parser.add_argument('--steps', type=int, default=200_000)
  flags = parser.parse_args()
  folder = tempfile.mkdtemp(prefix='memory-')
  chaos = chaos_lib.Chaos(
    folder,
    seed=0,
    gin=_GIN,
    collectors=1,
  )
  chaos.start()
  try:
    seen = _watch(chaos, flags.steps)
  finally:
    chaos.close()
  for role, numbers in seen.items():
    tenth = max(1, len(numbers) // 10)
    first = sum(numbers[:tenth]) / tenth
    last = sum(numbers[-tenth:]) / tenth
    print(
      f'{role}: {first:.0f} -> {last:.0f} MB ({last - first:+.0f}), most '
      f'{max(numbers):.0f}',
      flush=True,
    )
    if last - first > _MOST_MB:
      sys.exit(f'memory: {role} grew by {last - first:.0f} MB, over {_MOST_MB}')


def _watch(chaos, steps):
  """Returns the memory of each role, MB, from when it had settled."""
  seen = {}
  shown = time.monotonic()
  step = 0
  while step < steps:
    assert chaos.process.poll() is None, chaos.output()
    step = chaos.reports().get('learner', {}).get('count', 0)
    if step > _SETTLED * steps:
      for role, pid in chaos.pids().items():
        if os.path.exists(f'/proc/{pid}'):
          seen.setdefault(role, []).append(_memory_mb(pid))
    if time.monotonic() - shown > 60:
      shown = time.monotonic()
      now = {role: round(numbers[-1]) for role, numbers in seen.items()}
      print(f'{step} learner steps, MB: {now}', flush=True)
    time.sleep(_LOOK_EVERY_S)
  return seen


if __name__ == '__main__':
  main()
