"""Records of trials that nobody ran."""

import dataclasses
import json
import time

from awopt_agent import statistics
from awopt_agent.trials import identity, records, suite


def make_point(phase='pretrain', episodes=0, **changes):
  """A measurement in which 3 of 4 episodes succeeded."""
  point = records.Point(
    phase=phase,
    learner_step=100 + episodes,
    episodes=episodes,
    steps=10 * episodes,
    seconds=5.5 + episodes,
    success={'actor': statistics.SuccessRate(3, 4)},
  )
  return dataclasses.replace(point, **changes)


def make_record(**changes):
  """A record of two measurements."""
  after = {
    'actor': statistics.SuccessRate(1, 7),
    'cem': statistics.SuccessRate(700, 700),
  }
  record = records.Record(
    grid='bowl',
    task='green_bowl',
    variant='awopt',
    seed=0,
    headline='cem',
    commit='0' * 40,
    sources='abc',
    config='TrainConfig.pretrain_steps = 100\n',
    versions={'tensorflow': '2.15.1'},
    seconds=26.5,
    cores=1,
    points=(make_point(), make_point('end', 20, success=after)),
  )
  return dataclasses.replace(record, **changes)


def make_trial(**changes):
  """A trial of a few seconds, if it were run."""
  trial = suite.Trial(
    grid='bowl',
    task='green_bowl',
    variant='awopt',
    seed=0,
    gin_files=('task/green_bowl.gin', 'variant/awopt.gin'),
    bindings=('TrainConfig.pretrain_steps = 10',),
    demos=(),
    evaluation=None,
  )
  return dataclasses.replace(trial, **changes)


IDENTITY = identity.Identity('abc', 'def')


def leave_run(folder):
  """Writes what a run of awopt-train leaves of its measurements."""
  record = {
    'phase': 'end',
    'time': time.time(),
    'learner_step': 20,
    'episodes': 5,
    'steps': 50,
    'success': {'cem': statistics.SuccessRate(3, 7).as_record()},
  }
  with open(f'{folder}/metrics.jsonl', 'w', encoding='utf-8') as file:
    file.write(json.dumps(record) + '\n')
  with open(f'{folder}/config.gin', 'w', encoding='utf-8') as file:
    file.write("AwOptAgent.headline = 'cem'\n")


def leave_evaluation(folder):
  """Writes what awopt-evaluate adds to a run's measurements."""
  record = {
    'phase': 'evaluate',
    'learner_step': 20,
    'seed': 0,
    'bindings': ["make.world = 'real'"],
    'success': {'cem': statistics.SuccessRate(1, 4).as_record()},
  }
  with open(f'{folder}/metrics.jsonl', 'a', encoding='utf-8') as file:
    file.write(json.dumps(record) + '\n')
