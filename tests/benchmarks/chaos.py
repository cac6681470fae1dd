"""Thirty kills with -9 in one run: `python -m tests.benchmarks.chaos`."""

import argparse
import collections
import sys
import tempfile
import time

from awopt_agent import quiet
from awopt_agent.train import command_line
from tests.integration import chaos as chaos_lib
from tests.integration import faults_test

# No end before the last kill; nothing is evicted, so all must be there.
_GIN = """
TrainConfig.practice_episodes = 1000000
TrainConfig.checkpoint_every = 400
ReplayConfig.max_success_items = 2000000
ReplayConfig.max_failure_items = 2000000
"""
_MORE_EPISODES = 300
_START_S = 20.0


def main():
  """Runs, prints a line for each kill, and what survived."""
  parser = command_line.Parser('chaos', description=__doc__)
  parser.add_argument('--kills', type=int, default=30)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--folder', default=None)
  flags = parser.parse_args()
  quiet.drop_native_notices()
  folder = flags.folder or tempfile.mkdtemp(prefix='chaos-')
  specs = faults_test.specs()
  chaos = run(folder, flags)
  found = chaos_lib.check(chaos, *specs)
  print(describe(chaos, found), flush=True)
  limit_s = chaos.interval_s() + _START_S
  stood_s, kills = chaos.worst_stand()
  longest_s = max(
    *(kill.back_s for kill in chaos.kills), stood_s / max(1, kills)
  )
  if longest_s > limit_s:
    sys.exit(f'chaos: a kill cost {longest_s:.0f} s, over {limit_s:.0f}')


def run(folder, flags: argparse.Namespace) -> chaos_lib.Chaos:
  """Kills until there were enough, then stops, and goes on to an end."""
  chaos = chaos_lib.Chaos(folder, seed=flags.seed, gin=_GIN)
  chaos.start()
  try:
    chaos.wait_for(
      lambda: chaos.reports().get('collector-1', {}).get('durable', 0) > 0,
      300,
      'first practice in a checkpoint',
    )
    began = time.time()
    while len(chaos.kills) < flags.kills and not chaos.is_over():
      before = len(chaos.kills)
      chaos.kill(while_saving=before % 3 == 2)
      if len(chaos.kills) == before:
        continue
      chaos.wait_until_back()
      kill = chaos.kills[-1]
      print(
        f'{len(chaos.kills)} {kill.role} at {kill.at - began:.0f} s'
        f'{" in a checkpoint" if kill.saving else ""}: back to '
        f'{kill.count:.0f} in {kill.back_s:.0f} s',
        flush=True,
      )
    episodes = sum(chaos.stored.values()) + _MORE_EPISODES
    chaos.extend(f'TrainConfig.practice_episodes = {episodes}\n')
    assert chaos.finish(3600) == 0, chaos.output()
  finally:
    chaos.close()
  return chaos


def describe(chaos: chaos_lib.Chaos, found: chaos_lib.Survey) -> str:
  """Returns what survived, in a few lines."""
  roles = collections.Counter(kill.role for kill in chaos.kills)
  back = sorted(kill.back_s for kill in chaos.kills)
  saving = sum(kill.saving for kill in chaos.kills)
  stood_s, kills = chaos.worst_stand()
  return (
    f'{len(chaos.kills)} kills ({dict(roles)}), {saving} in a checkpoint; '
    f'back after {back[len(back) // 2]:.0f} s (median), {back[-1]:.0f} s '
    f'(most); the learner stood for {stood_s:.0f} s at most for {kills} '
    f'kills; a checkpoint came every {chaos.interval_s():.0f} s\n'
    f'{found.counters.episodes} episodes in the last checkpoint, each whole '
    f'and once; reported as stored: {chaos.stored}'
  )


if __name__ == '__main__':
  main()
