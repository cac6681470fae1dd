"""A served policy beside the one in memory: small network, 64 px, one core.

A process of its own, on one core with one thread of TensorFlow's: a robot's
computer has other things to do. In turns, call by call, so that whatever else
the machine does meets both alike.
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent.serving import export, predictor
from awopt_agent.train import threads
from tests.benchmarks import environments, small_policy

_CALLS, _WARM = 2000, 50
_KIND = 'cem'
_MEMORY = 'CEM 64 x 2, 64 px, one core: in memory'
_SERVED = 'the same by tf.saved_model.load'
_CHECKED = 'the same by Predictor.predict'


def measure() -> Iterator[environments.Row]:
  """Measures the median and the 99th percentile of a call, milliseconds."""
  context = multiprocessing.get_context('spawn')
  found = context.SimpleQueue()
  process = context.Process(target=_run, args=(found,))
  process.start()
  seconds = found.get()
  process.join()
  for percentile in (50, 99):
    reference = None
    for name, durations in seconds.items():
      value = np.percentile(durations, percentile)
      yield f'{name}, p{percentile}', 1e3 * value, 'ms', reference
      reference = reference or f'{name}, p{percentile}'


def _run(found) -> None:
  os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
  threads.use_cores(sparing=True)
  agent = small_policy.make_agent()
  with tempfile.TemporaryDirectory() as folder:
    version = export.export(agent, folder, train_step=0)
    found.put(_in_turns(_contestants(agent, version)))


def _contestants(agent, version: str) -> dict[str, Callable[[], object]]:
  """Returns what is timed, each from an observation to NumPy's action."""
  observation = tensor_spec.sample_spec_nest(
    small_policy.OBSERVATION, outer_dims=[1], seed=0
  )
  step = ts.restart(observation, batch_size=1)
  act = tf.function(agent.policies[_KIND].action, autograph=False)
  model = tf.saved_model.load(version)
  served = model.signatures[_KIND]
  checked = predictor.Predictor(version, policy=_KIND)
  arrays = {name: value.numpy() for name, value in observation.items()}
  return {
    _MEMORY: lambda: act(step).action.numpy(),
    _SERVED: lambda: served(**observation)['action'].numpy(),
    _CHECKED: lambda: checked.predict(arrays),
  }


def _in_turns(
  contestants: dict[str, Callable[[], object]],
) -> dict[str, list[float]]:
  """Returns the seconds of each one's calls."""
  seconds: dict[str, list[float]] = {name: [] for name in contestants}
  for turn in range(_WARM + _CALLS):
    for name, call in contestants.items():
      start = time.perf_counter()
      call()
      if turn >= _WARM:
        seconds[name].append(time.perf_counter() - start)
  return seconds
