"""The learner beside d3rlpy's AWAC, and beside its own matrix products.

d3rlpy wants an environment of its own: `make bench D3RLPY=path/to/python`.
"""

import functools
import gc
import json
import os
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent import agent as agent_lib
from awopt_agent import structs
from awopt_agent.experience import datasets, labelling, replay, tables
from awopt_agent.learning import cem, networks
from awopt_agent.train import learner
from tests.benchmarks import environments, searching

BATCH, STATE, ACTION, WIDTH = 256, 23, 7, 256
EPISODES, LENGTH = 500, 20
_TURNS, _UPDATES = 3, 100
_OBSERVATION = tensor_spec.BoundedTensorSpec([STATE], tf.float32, -1.0, 1.0)
_CEM = cem.CemConfig(samples=64, elites=6, rounds=2)


def measure() -> Iterator[environments.Row]:
  """Measures in turns; medians."""
  yield from _awac()
  yield from _awopt()
  yield from _memory()


def _awac() -> Iterator[environments.Row]:
  """Updates/s of AWAC with two critics, data loading included."""
  agent = _make_agent(
    critic=agent_lib.CriticConfig(
      loss='squared_error', target='actor', ensemble=2, lag=0
    ),
    actor=agent_lib.ActorConfig(success_filter=False),
  )
  name = f'awac: updates, batch {BATCH}, {WIDTH} x {WIDTH}'
  theirs = 'd3rlpy AWAC: updates, the same sizes'
  ours_rates, their_rates = [], []
  with tempfile.TemporaryDirectory() as folder:
    learning, waited = _make_learner(agent, folder)
    learning.run(_UPDATES)
    for _ in range(_TURNS):
      their_rates += _d3rlpy()
      waited_before = waited.numpy()
      seconds = environments.wall_seconds(lambda: learning.run(5 * _UPDATES))
      ours_rates.append(5 * _UPDATES / seconds)
      share = (waited.numpy() - waited_before) / seconds
  if their_rates:
    yield theirs, float(np.median(their_rates)), 'updates/s', None
  yield (
    name,
    float(np.median(ours_rates)),
    'updates/s',
    theirs if their_rates else None,
  )
  yield f'{name}: waits for data', 100 * share, '%', None


def _d3rlpy() -> list[float]:
  python = os.environ.get('D3RLPY')
  if not python:
    return []
  script = pathlib.Path(__file__).with_name('d3rlpy_awac.py')
  sizes = [BATCH, STATE, ACTION, WIDTH, EPISODES, LENGTH, _UPDATES]
  done = subprocess.run(
    [python, str(script), *map(str, sizes)],
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
    check=True,
    text=True,
  )
  return [json.loads(done.stdout.splitlines()[-1])]


def _awopt() -> Iterator[environments.Row]:
  """A step with a search of 64 x 2, beside its matrix products alone."""
  agent = _make_agent(target_cem=_CEM)
  experience = _experience(agent)
  shapes = _matrix_products(agent)
  matrices = [
    (tf.random.normal([m, k]), tf.random.normal([k, n])) for m, k, n in shapes
  ]
  seconds = searching.in_turns(
    {
      'products': lambda: [tf.matmul(left, right) for left, right in matrices],
      'step': lambda: agent.train(experience).loss,
    },
    calls=5,
  )
  names = [
    f'awopt: {part}, batch {BATCH}, CEM 64 x 2'
    for part in ('its matrix products', 'learner step')
  ]
  yield names[0], 1e3 * seconds['products'], 'ms', None
  yield names[1], 1e3 * seconds['step'], 'ms', names[0]


def _memory() -> Iterator[environments.Row]:
  """How much memory a learner takes in by 20,000 steps, after its first."""
  agent = _make_agent((16, 16))
  with tempfile.TemporaryDirectory() as folder:
    learning, _ = _make_learner(agent, folder, batch_size=16)
    learning.run(500)
    before = _resident_mb()
    for _ in range(100):
      learning.run(200)
    grown = _resident_mb() - before
  yield 'learner: memory taken in by 20,000 steps', grown, 'MB', None


def _resident_mb() -> float:
  gc.collect()
  status = pathlib.Path('/proc/self/status').read_text()
  return int(status.split('VmRSS:')[1].split()[0]) / 1024


def _matrix_products(agent) -> list[tuple[int, int, int]]:
  """Returns `(m, k, n)` of every product of a step."""
  critic = agent.critic_learner.critic.members[0]
  state = critic._eye.size
  head = agent.actor_learner.actor._head._layer.kernel.shape[1]
  hidden = (WIDTH, WIDTH)

  def score(rows):
    return [(rows, ACTION, WIDTH), (rows, *hidden), (rows, WIDTH, 1)]

  encode = [(BATCH, state, WIDTH)]
  actor = [*encode, (BATCH, *hidden), (BATCH, WIDTH, head)]
  searched = _CEM.rounds * score(BATCH * _CEM.samples) + score(BATCH)
  target = [*encode, *searched, *actor, *encode, *score(BATCH)]
  baseline = [*encode, *score(2 * BATCH)]
  learned = [*encode, *score(BATCH), *actor]
  # A gradient has the product by the inputs, and, above the first layers, the
  # product by the weights.
  slopes = [(k, m, n) for m, k, n in learned]
  slopes += [(m, n, k) for m, k, n in learned if k not in (state, ACTION)]
  return [*target, *baseline, *learned, *slopes]


def _make_agent(sizes=(WIDTH, WIDTH), **kwargs) -> agent_lib.AwOptAgent:
  layers = {'layers': sizes}
  return agent_lib.AwOptAgent(
    ts.time_step_spec(_OBSERVATION),
    tensor_spec.BoundedTensorSpec([ACTION], tf.float32, -1.0, 1.0),
    critic_network=functools.partial(networks.MlpCritic, zooms=(), **layers),
    actor_network=functools.partial(networks.MlpActor, zooms=(), **layers),
    **kwargs,
  )


def _make_learner(agent, folder: str, batch_size: int = BATCH):
  """Returns a learner on random episodes in Reverb, and its time of waiting."""
  store = replay.Replay(
    agent.training_data_spec,
    tables.ReplayConfig(),
    steps_per_item=agent.train_sequence_length,
    scratch=os.path.join(folder, 'replay'),
  )
  writer = tables.EpisodeWriter(
    store.client,
    agent.training_data_spec,
    steps_per_item=store.steps_per_item,
  )
  for episode in _episodes(agent):
    writer(episode)
  writer.close()
  dataset = datasets.make_dataset(
    store.client, agent.training_data_spec, batch_size=batch_size
  )
  learning = learner.Learner(
    agent, dataset, root_dir=folder, summary_every=1000, time_every=10**9
  )
  # The server ends with the last reference to it.
  learning.store = store
  return learning, learning._learner.waited_s


def _episodes(agent) -> Iterator[structs.Experience]:
  """Yields labelled episodes at random."""
  rng = np.random.default_rng(0)
  rows = LENGTH + 1
  info = tf.nest.map_structure(
    lambda spec: np.zeros([rows, *spec.shape], spec.dtype.as_numpy_dtype),
    agent.collect_data_spec.policy_info,
  )
  for number in range(EPISODES):
    episode = structs.Episode(
      observation=rng.uniform(-1, 1, (rows, STATE)).astype(np.float32),
      action=rng.uniform(-1, 1, (rows, ACTION)).astype(np.float32),
      reward=rng.random(rows).astype(np.float32),
      discount=np.append(np.ones(LENGTH - 1), [0, 1]).astype(np.float32),
      is_terminal=True,
      success=bool(number % 2),
    )
    yield labelling.label_episode(episode, episode_id=number, policy_info=info)


def _experience(agent) -> structs.Experience:
  """Returns a batch of whole transitions, outside any replay."""
  steps = agent.train_sequence_length
  rows = [
    tf.nest.map_structure(lambda x: x[:steps], episode)
    for _, episode in zip(range(BATCH), _episodes(agent), strict=False)
  ]
  return tf.nest.map_structure(lambda *parts: tf.stack(parts), *rows)
