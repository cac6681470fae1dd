"""make bench: speeds of the parts, as a table and as `bench.jsonl`.

Machines are noisy: compare ratios within one run, not numbers between runs.
"""

from awopt_agent import quiet  # Before TensorFlow.
from awopt_agent.train import train_config

# isort: split
import itertools
import json
import time
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent import agent as agent_lib
from awopt_agent import envs
from awopt_agent.train import config as config_lib
from tests.benchmarks import (
  environments,
  learning,
  reading,
  searching,
  server,
  serving,
)

_REPEATS = 5
_OUT = 'bench.jsonl'


def _median_s(run: Callable[[], object], calls: int) -> float:
  """Returns the median, over repeats, of the seconds of a call."""
  run()
  seconds = []
  for _ in range(_REPEATS):
    start = time.perf_counter()
    for _ in range(calls):
      run()
    seconds.append((time.perf_counter() - start) / calls)
  return float(np.median(seconds))


def _policies(agent) -> Iterator[environments.Row]:
  for batch in (1, 16):
    observation = tensor_spec.sample_spec_nest(
      agent.time_step_spec.observation, outer_dims=[batch], seed=0
    )
    step = ts.restart(observation, batch_size=batch)
    for kind, policy in agent.policies.items():
      act = tf.function(policy.action, autograph=False)
      seconds = _median_s(lambda act=act, step=step: act(step), 50)
      yield f'{kind}: action, batch {batch}', 1e3 * seconds, 'ms', None


def _learner(agent, batch_size: int) -> Iterator[environments.Row]:
  experience = tensor_spec.sample_spec_nest(
    agent.training_data_spec,
    outer_dims=[batch_size, agent.train_sequence_length],
    seed=0,
  )
  train = tf.function(agent.train, autograph=False)
  seconds = _median_s(lambda: train(experience), 50)
  yield f'learner step, batch {batch_size}', 1e3 * seconds, 'ms', None


def main() -> None:
  quiet.drop_native_notices()
  config_lib.load(['run/quickstart.gin'], [])
  batch_size = train_config.TrainConfig().batch_size
  env = envs.make(seed=0)
  agent = agent_lib.AwOptAgent(
    tensor_spec.from_spec(env.time_step_spec()),
    tensor_spec.from_spec(env.action_spec()),
  )
  env.close()
  values: dict[str, float] = {}
  with open(_OUT, 'w', encoding='utf-8') as file:
    for name, value, unit, reference in itertools.chain(
      environments.measure(),
      searching.measure(),
      serving.measure(),
      learning.measure(),
      reading.measure(),
      server.measure(),
      _policies(agent),
      _learner(agent, batch_size),
    ):
      values.setdefault(name, value)
      ratio = value / values[reference] if reference else None
      beside = f'{ratio:8.1f} x {reference}' if reference else ''
      print(f'{name:<58} {value:9.2f} {unit:<10} {beside}', flush=True)
      record = {'name': name, 'value': round(value, 3), 'unit': unit}
      record |= {'reference': reference, 'ratio': ratio and round(ratio, 3)}
      file.write(json.dumps(record) + '\n')


if __name__ == '__main__':
  main()
