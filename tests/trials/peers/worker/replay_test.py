"""What the replay of d3rlpy holds, row by row."""

import pytest

from tests.trials.peers import fakes

pytestmark = fakes.needs_d3rlpy

# Observations 0, 1, 2, 3 and actions .0, .1, .2; the reward of 1 ends it. In
# the last rows, action .9 and reward 7 mean nothing.
_CODE = """
import json
import numpy as np
import replay as replay_lib

def make(n_step=1, demonstration_fraction=None):
  fraction = demonstration_fraction
  return replay_lib.Replay(
    1, 1, n_step=n_step, gamma=0.5, demonstration_fraction=fraction
  )

def add(replay, *, terminal=True, demonstration=False):
  replay.add(
    np.array([[0], [1], [2], [3]], np.float32),
    np.array([[0], [.1], [.2], [.9]], np.float32),
    np.array([0, 0, 1, 0], np.float32),
    terminal=terminal,
    demonstration=demonstration,
  )

def rows(replay):
  held = replay.practice.buffer
  picked = [replay._picker(*held[i]) for i in range(held.transition_count)]
  return [
    [
      float(t.observation[0]),
      round(float(t.action[0]), 3),
      float(t.reward[0]),
      float(t.next_observation[0]),
      t.terminal,
      t.interval,
      float(t.rewards_to_go.sum()),
    ]
    for t in picked
  ]

def held(**kwargs):
  replay = make(**kwargs)
  add(replay, terminal=True)
  add(replay, terminal=False)
  return rows(replay)

def shares(fraction, *kinds):
  replay = make(demonstration_fraction=fraction)
  for kind in kinds:
    add(replay, terminal=kind, demonstration=kind)  # Demonstrations end.
  batch = replay.sample(80)
  demonstrations = {id(e) for e in replay.demonstrations.episodes}
  return [len(batch), replay.transitions, float(batch.terminals.sum())]

print(json.dumps({
  'one': held(),
  'two': held(n_step=2),
  'mixed': shares(0.0, True, False),
  'all': shares(1.0, True, False),
  'demonstrations': shares(0.5, True),
  'practice': shares(0.5, False),
  'quarter': shares(0.25, True, False),
}))
"""


@pytest.fixture(name='held', scope='module')
def _held():
  return fakes.run_with_d3rlpy(_CODE)


def test_a_terminal_state_has_no_value(held):
  assert held['one'][:3] == [
    # Observation, action, reward, next, terminal, interval, still to come.
    [0, 0.0, 0, 1, 0, 1, 1],
    [1, 0.1, 0, 2, 0, 1, 1],
    [2, 0.2, 1, 0, 1, 1, 1],
  ]


def test_a_truncated_episode_keeps_its_last_transition_and_goes_on(held):
  assert held['one'][3:] == [
    [0, 0.0, 0, 1, 0, 1, 1],
    [1, 0.1, 0, 2, 0, 1, 1],
    [2, 0.2, 1, 3, 0, 1, 1],
  ]


def test_rewards_of_more_steps_end_with_their_episode(held):
  assert held['two'] == [
    [0, 0.0, 0, 2, 0, 2, 1],
    [1, 0.1, 0.5, 0, 1, 2, 1],  # 0 + .5 * 1
    [2, 0.2, 1, 0, 1, 1, 1],
    [0, 0.0, 0, 2, 0, 2, 1],
    [1, 0.1, 0.5, 3, 0, 2, 1],
    [2, 0.2, 1, 3, 0, 1, 1],
  ]


def test_the_share_of_demonstrations_is_kept(held):
  size, transitions, _ = held['quarter']
  assert (size, transitions) == (80, 6)
  # Here demonstrations alone have terminals, a third of their transitions.
  assert held['mixed'] == [80, 6, 0]
  assert 0 < held['quarter'][2] <= 20
  assert held['all'][2] > 0


def test_what_there_is_fills_the_batch(held):
  assert held['demonstrations'][:2] == [80, 3]
  assert held['practice'] == [80, 3, 0]
