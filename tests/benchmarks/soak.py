"""make soak: ten thousand episodes of each task, watched for what must not be.

Actions are at random, and every twentieth episode is an expert's, so that
there are successes to check. Each reward is compared with a test of its own:
what lies in no bin's reach above the table, touched by both fingers.
"""

import argparse
import resource
import time

import numpy as np

from awopt_agent import envs
from awopt_agent.envs import experts
from tests.benchmarks import environments

_EXPERT_EVERY = 20
_WARM_UP = 200
_MAX_GROWTH_MB = 50
# Fingers of each robot, by PyBullet's link numbers.
_FINGERS = {'kuka': ((8, 9, 10), (11, 12, 13)), 'panda': ((9,), (10,))}


def _memory_mb() -> float:
  """Returns what is resident now, not the peak."""
  with open('/proc/self/statm', encoding='utf-8') as file:
    return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def _is_lifted(env, thing, robot: str) -> bool:
  """Tells by height and contact alone whether a thing is held in the air."""
  client = env._simulation.client
  if client.getAABB(thing.body)[0][2] < 0.05:
    return False
  contacts = client.getContactPoints(env._robot.body, thing.body)
  touching = {contact[3] for contact in contacts}
  return all(touching & set(side) for side in _FINGERS[robot])


def _check_step(env, step) -> None:
  for name, value in step.observation.items():
    assert np.all(np.isfinite(value)), f'{name} is {value}'
  for thing in env.task.in_play:
    height = env._simulation.pose(thing.body)[0][2]
    # Pressed by the arm, a thing may sink a little into the table.
    assert -0.01 < height < 2.0, f'{thing.name} is at {height} m'


def _check_end(env, step, robot: str) -> None:
  lifted = any(_is_lifted(env, t, robot) for t in env.task.sought())
  assert not step.reward or lifted, 'a reward without a lift'
  # The task asks for a centimetre more height, and for a firmer touch.
  assert step.reward in (0, 1)


def _play(env, expert, rng, robot: str) -> float:
  step = env.reset()
  assert not env.success(), 'an episode began with a success'
  if expert:
    expert.reset()
  while not step.is_last():
    step = env.step(
      expert.action(step.observation)
      if expert
      else environments.random_action(rng)
    )
    _check_step(env, step)
  _check_end(env, step, robot)
  return float(step.reward)


def _soak(task: str, episodes: int, **kind) -> str:
  env = envs.make(task, seed=0, **kind)
  rng = np.random.default_rng(0)
  expert = experts.make_expert(env, experts.ExpertConfig(), rng)
  robot = kind.get('robot', 'kuka')
  rewards = {True: [], False: []}
  start, before = time.time(), _memory_mb()
  for index in range(episodes):
    by_expert = index % _EXPERT_EVERY == 0
    reward = _play(env, expert if by_expert else None, rng, robot)
    rewards[by_expert].append(reward)
    if index == _WARM_UP:
      before = _memory_mb()
  env.close()
  growth = _memory_mb() - before
  assert growth < _MAX_GROWTH_MB, f'memory grew by {growth:.0f} MB'
  name = ', '.join([task, *kind.values()])
  return (
    f'{name}: {episodes} episodes in {time.time() - start:.0f} s, memory '
    f'{growth:+.1f} MB; success of random actions '
    f'{np.mean(rewards[False]):.4f}, of the expert {np.mean(rewards[True]):.3f}'
  )


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--episodes', type=int, default=10_000)
  parser.add_argument('--task', action='append', choices=sorted(envs.TASKS))
  parser.add_argument('--world', action='append', choices=sorted(envs.WORLDS))
  flags = parser.parse_args()
  for task in flags.task or envs.TASKS:
    for world in flags.world or envs.WORLDS:
      print(_soak(task, flags.episodes, world=world), flush=True)


if __name__ == '__main__':
  main()
