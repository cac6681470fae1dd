"""The phases around a learner that counts; loop_test has a real one."""

import json

import numpy as np
import pytest

from awopt_agent import statistics
from awopt_agent.train import metrics, phases, practice, stopping, train_config
from tests.envs import fakes as env_fakes
from tests.train import fakes


class _Counting(phases.Phases):
  """Counts steps, and keeps in memory what a run keeps.

  Attributes:
    stored: Episodes, demonstrations first.
    saved: States, one for each call of `save`.
  """

  def __init__(self, *args, **kwargs):
    self.stored, self.saved, self._steps = [], [], 0
    super().__init__(*args, **kwargs)

  @property
  def learner_step(self):
    return self._steps

  def save(self):
    self.saved.append({**self._state(), 'steps': self._steps})

  def _learn(self, steps):
    self._steps += steps
    return 'counted'

  def _store(self, experience):
    self.stored.append(experience)

  def take_up(self, state):
    self._steps = state['steps']
    self._take_up(state)


def _move(value):
  """Returns a policy whose episodes succeed if the value is positive."""
  return lambda step: {'move': np.full((len(step.reward), 1), value)}


@pytest.fixture(name='agent', scope='module')
def _agent():
  return fakes.make_agent()


@pytest.fixture(name='make')
def _make(tmp_path, agent):
  made = []

  def make(stop=lambda: False, **changes):
    config = {
      'demonstrations': 'unused',
      'pretrain_steps': 7,
      'practice_episodes': 6,
      'num_envs': 2,
      'round_steps': 8,
      'replay_ratio': 0.5,
      'eval_every': 4,
      'eval_episodes': 2,
      'final_eval_episodes': 3,
      **changes,
    }
    env = env_fakes.make_vector_env(2)
    made.append(
      _Counting(
        train_config.TrainConfig(**config),
        policy=practice.as_py_policy(agent.collect_policy),
        policies={'actor': _move(1.0), 'cem': _move(-1.0)},
        headline='cem',
        env=env,
        log=metrics.MetricsLog(str(tmp_path / 'metrics.jsonl')),
        seed=0,
        stop_requested=stop,
      )
    )
    return made[-1]

  yield make
  for one in made:
    one.close()


@pytest.fixture(name='records')
def _records(tmp_path):
  def read():
    lines = (tmp_path / 'metrics.jsonl').read_text().splitlines()
    return [json.loads(line) for line in lines]

  return read


def test_demonstrations_are_counted_and_labelled_in_order(make):
  run = make()
  demonstrations = [fakes.make_demonstration() for _ in range(3)]
  assert run.add_demonstrations(iter(demonstrations), total=3) == (3, 3)
  ids = [int(one.label.episode_id[0]) for one in run.stored]
  assert ids == [0, 1, 2]


def test_a_learner_goes_through_all_phases(make, records):
  run = make()
  rates = run.pretrain()
  # Each policy in three episodes: it always or never moves to the right.
  assert rates == {
    'actor': statistics.SuccessRate(3, 3),
    'cem': statistics.SuccessRate(0, 3),
  }
  assert run.learner_step == 7
  run.practise()
  assert run.practised_episodes == len(run.stored) >= 6
  # Half a step for each environment step.
  assert run.learner_step - 7 == run.practised_steps / 2
  run.evaluate('end', 3)
  phases_seen = [record['phase'] for record in records()]
  assert phases_seen[0] == 'pretrain'
  assert phases_seen[-1] == 'end'
  assert set(phases_seen[1:-1]) == {'practice'}


def test_the_policy_alone_is_evaluated_by_which_a_run_is_judged(make):
  run = make(eval_headline_only=True)
  assert run.pretrain().keys() == {'actor'}
  run.practise()
  assert run.evaluate('end', 2).keys() == {'cem'}


def test_a_later_start_goes_on_where_a_stop_was(make, records):
  stops = iter([False, True])
  run = make(stop=lambda: next(stops), pretrain_steps=600)
  with pytest.raises(stopping.Stopped):
    run.pretrain()
  assert run.learner_step == 400  # Two rounds of 200.
  again = make(pretrain_steps=600)
  again.take_up(run.saved[-1])
  assert again.pretrain() is not None
  assert again.learner_step == 600
  assert again.pretrain() is None  # It is done.
  resumed = records()[0]
  assert (resumed['phase'], resumed['learner_step']) == ('resume', 400)


def test_rates_are_described_in_one_line():
  rates = {
    'actor': statistics.SuccessRate(1, 2),
    'cem': statistics.SuccessRate(2, 2),
  }
  assert phases.describe(rates) == (
    'success in 2 episodes [90% interval]: actor 0.50 [0.12, 0.88], '
    'cem 1.00 [0.43, 1.00]'
  )


def test_what_was_evaluated_in_the_headlines_place_stands_for_it():
  actor, cem = statistics.SuccessRate(1, 2), statistics.SuccessRate(2, 2)
  assert phases.headline_rate({'actor': actor, 'cem': cem}, 'cem') is cem
  assert phases.headline_rate({'actor': actor}, 'cem') is actor
