"""The learner beside d3rlpy's AWAC, and beside its own matrix products.

d3rlpy wants an environment of its own: `make bench D3RLPY=path/to/python`.
"""

import contextlib
import dataclasses
import functools
import gc
import json
import os
import pathlib
import tempfile
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tf_agents.specs import array_spec, tensor_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent import agent as agent_lib
from awopt_agent import structs
from awopt_agent.experience import (
  augmentation,
  datasets,
  labelling,
  replay,
  tables,
)
from awopt_agent.learning import cem, networks
from awopt_agent.train import learner
from awopt_agent.trials.peers import config as peer_config
from awopt_agent.trials.peers import process
from tests.benchmarks import environments, searching

BATCH, STATE, ACTION, WIDTH = 256, 23, 7, 256
EPISODES, LENGTH = 500, 20
_TURNS, _UPDATES = 5, 200
_OBSERVATION = tensor_spec.BoundedTensorSpec([STATE], tf.float32, -1.0, 1.0)
_ACTION_SPEC = tensor_spec.BoundedTensorSpec([ACTION], tf.float32, -1.0, 1.0)
_CEM = cem.CemConfig(samples=64, elites=6, rounds=2)
_ENCODE = [(BATCH, STATE, WIDTH)]


def measure() -> Iterator[environments.Row]:
  """Measures in turns; medians."""
  yield from _awac()
  yield from _awopt()
  yield from _pictures()
  yield from _memory()


def _awac() -> Iterator[environments.Row]:
  """Updates/s of AWAC, data loading included, with and without a twin."""
  theirs = f'd3rlpy AWAC, two critics: batch {BATCH}, {WIDTH} x {WIDTH}'
  critics = {
    'AWAC, two critics': agent_lib.CriticConfig(
      loss='squared_error', target='actor', ensemble=2, lag=0
    ),
    'AWAC, one critic and two targets': agent_lib.CriticConfig(
      loss='squared_error', target='actor'
    ),
  }
  rates: dict[str, list[float]] = {theirs: []}
  waits: dict[str, list[float]] = {}
  with contextlib.ExitStack() as stack:
    learners = {}
    for name, critic in critics.items():
      agent = _make_agent(
        critic=critic, actor=agent_lib.ActorConfig(success_filter=False)
      )
      folder = stack.enter_context(tempfile.TemporaryDirectory())
      learners[name], store = _make_learner(agent, folder)
      stack.callback(store.close)
      learners[name].run(_UPDATES)
      rates[name], waits[name] = [], []
    for _ in range(_TURNS):
      rates[theirs] += _d3rlpy()
      for name, learning in learners.items():
        waited = learning.waited_s
        seconds = environments.wall_seconds(lambda x=learning: x.run(_UPDATES))
        rates[name].append(_UPDATES / seconds)
        waits[name].append((learning.waited_s - waited) / seconds)
  beside = theirs if rates[theirs] else None
  for name, measured in rates.items():
    if measured:
      reference = beside if name != theirs else None
      yield name, float(np.median(measured)), 'updates/s', reference
  for name, shares in waits.items():
    yield f'{name}: waits for data', 100 * float(np.median(shares)), '%', None
  yield from _awac_products()


def _awac_products() -> Iterator[environments.Row]:
  """Updates/s of AWAC's matrix products alone: no more are possible."""
  targets = 2 * [*_ENCODE, *_score(BATCH)]
  shapes = _matrix_products(_make_agent(), targets, critics=2)
  seconds = searching.in_turns({'products': _multiply(shapes)}, calls=50)
  name = 'AWAC, two critics: its matrix products alone'
  yield name, 1 / seconds['products'], 'updates/s', None


def _d3rlpy() -> list[float]:
  python = os.environ.get('D3RLPY')
  if not python:
    return []
  with tempfile.TemporaryDirectory() as folder:
    peer = process.PeerProcess(
      process.command(python), log=os.path.join(folder, 'peer.log')
    )
    with contextlib.closing(peer):
      _fill(peer)
      peer.ask('update', steps=10)  # The first are slower.
      seconds = environments.wall_seconds(
        lambda: peer.ask('update', steps=_UPDATES)
      )
  return [_UPDATES / seconds]


def _fill(peer: process.PeerProcess) -> None:
  """Has a peer start, and gives it random episodes."""
  numbers = peer_config.PeerConfig(layers=(WIDTH, WIDTH))
  peer.ask(
    'start',
    peer='awac',
    observation_size=STATE,
    action_size=ACTION,
    seed=0,
    threads=len(os.sched_getaffinity(0)),
    batch_size=BATCH,
    settings=json.dumps(numbers.settings(peer_config.AwacPeer(), BATCH)),
  )
  rng = np.random.default_rng(0)
  for _ in range(EPISODES):
    peer.ask(
      'add',
      observations=rng.uniform(-1, 1, (LENGTH + 1, STATE)),
      actions=rng.uniform(-1, 1, (LENGTH + 1, ACTION)),
      rewards=rng.random(LENGTH + 1),
      terminal=True,
      demonstration=True,
    )


def _awopt() -> Iterator[environments.Row]:
  """A step with a search of 64 x 2, beside its matrix products alone."""
  agent = _make_agent(target_cem=_CEM)
  half = _make_agent(target_cem=dataclasses.replace(_CEM, dtype='bfloat16'))
  experience = _experience(agent)
  searched = _CEM.rounds * _score(BATCH * _CEM.samples) + _score(BATCH)
  lagged = [*_ENCODE, *_score(BATCH)]
  shapes = _matrix_products(agent, [*_ENCODE, *searched, *lagged])
  seconds = searching.in_turns(
    {
      'products': _multiply(shapes),
      'step': lambda: agent.train(experience).loss,
      'half': lambda: half.train(experience).loss,
    },
    calls=5,
  )
  names = [
    f'awopt: {part}, batch {BATCH}, CEM 64 x 2'
    for part in (
      'its matrix products',
      'learner step',
      'learner step, search in bfloat16',
    )
  ]
  yield names[0], 1e3 * seconds['products'], 'ms', None
  yield names[1], 1e3 * seconds['step'], 'ms', names[0]
  yield names[2], 1e3 * seconds['half'], 'ms', names[1]


def _pictures() -> Iterator[environments.Row]:
  """Updates/s and waiting with pictures, as base/image.gin has them."""
  observation = {
    'image': tensor_spec.BoundedTensorSpec([48, 48, 3], tf.uint8, 0, 255),
    'gripper': tensor_spec.BoundedTensorSpec([2], tf.float32, 0.0, 1.0),
  }
  agent = agent_lib.AwOptAgent(
    ts.time_step_spec(observation),
    _ACTION_SPEC,
    critic_network=networks.SmallCritic,
    actor_network=networks.SmallActor,
    target_cem=cem.CemConfig(samples=16, elites=4),
    n_step=3,
  )
  with tempfile.TemporaryDirectory() as folder:
    learning, store = _make_learner(
      agent,
      folder,
      batch_size=64,
      augment=augmentation.AugmentConfig(crop_px=2),
    )
    learning.run(_UPDATES)
    rates, shares = [], []
    for _ in range(_TURNS):
      waited = learning.waited_s
      seconds = environments.wall_seconds(lambda: learning.run(_UPDATES))
      rates.append(_UPDATES / seconds)
      shares.append((learning.waited_s - waited) / seconds)
    store.close()
  name = 'awopt, pictures of 48 px: batch 64'
  yield name, float(np.median(rates)), 'updates/s', None
  yield f'{name}: waits for data', 100 * float(np.median(shares)), '%', None


def _memory() -> Iterator[environments.Row]:
  """How much memory a learner takes in by 20,000 steps, after its first."""
  agent = _make_agent((16, 16))
  with tempfile.TemporaryDirectory() as folder:
    learning, store = _make_learner(agent, folder, batch_size=16)
    learning.run(500)
    before = _resident_mb()
    for _ in range(100):
      learning.run(200)
    grown = _resident_mb() - before
    store.close()
  yield 'learner: memory taken in by 20,000 steps', grown, 'MB', None


def _resident_mb() -> float:
  gc.collect()
  status = pathlib.Path('/proc/self/status').read_text()
  return int(status.split('VmRSS:')[1].split()[0]) / 1024


def _score(rows: int) -> list[tuple[int, int, int]]:
  return [(rows, ACTION, WIDTH), (rows, WIDTH, WIDTH), (rows, WIDTH, 1)]


def _matrix_products(
  agent, targets: list[tuple[int, int, int]], critics: int = 1
) -> list[tuple[int, int, int]]:
  """Returns `(m, k, n)` of every product of a step.

  Args:
    agent: Whose step.
    targets: The products by which the target critics value what comes next.
    critics: How many critics learn.
  """
  head = agent.actor_learner.actor._head._layer.kernel.shape[1]
  actor = [*_ENCODE, (BATCH, WIDTH, WIDTH), (BATCH, WIDTH, head)]
  baseline = critics * [*_ENCODE, *_score(2 * BATCH)]
  learned = [*critics * [*_ENCODE, *_score(BATCH)], *actor]
  # A gradient has the product by the inputs, and, above the first layers, the
  # product by the weights.
  slopes = [(k, m, n) for m, k, n in learned]
  slopes += [(m, n, k) for m, k, n in learned if k not in (STATE, ACTION)]
  return [*actor, *targets, *baseline, *learned, *slopes]


def _multiply(shapes: list[tuple[int, int, int]]):
  """Returns what multiplies matrices of the shapes `(m, k, n)`."""
  matrices = [
    (tf.random.normal([m, k]), tf.random.normal([k, n])) for m, k, n in shapes
  ]
  return lambda: [tf.matmul(left, right) for left, right in matrices]


def _make_agent(sizes=(WIDTH, WIDTH), **kwargs) -> agent_lib.AwOptAgent:
  layers = {'layers': sizes}
  return agent_lib.AwOptAgent(
    ts.time_step_spec(_OBSERVATION),
    _ACTION_SPEC,
    critic_network=functools.partial(networks.MlpCritic, zooms=(), **layers),
    actor_network=functools.partial(networks.MlpActor, zooms=(), **layers),
    **kwargs,
  )


def _make_learner(agent, folder: str, batch_size: int = BATCH, augment=None):
  """Returns a learner, and the replay of random episodes behind it."""
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
    store.client,
    agent.training_data_spec,
    batch_size=batch_size,
    augment=augment,
  )
  learning = learner.Learner(
    agent, dataset, root_dir=folder, summary_every=1000, time_every=10**9
  )
  return learning, store


def _episodes(agent) -> Iterator[structs.Experience]:
  """Yields labelled episodes at random."""
  rng = np.random.RandomState(0)
  rows = LENGTH + 1
  observation = tensor_spec.to_nest_array_spec(agent.time_step_spec.observation)
  info = tf.nest.map_structure(
    lambda spec: np.zeros([rows, *spec.shape], spec.dtype.as_numpy_dtype),
    agent.collect_data_spec.policy_info,
  )
  for number in range(EPISODES):
    episode = structs.Episode(
      observation=array_spec.sample_spec_nest(observation, rng, (rows,)),
      action=rng.uniform(-1, 1, (rows, ACTION)).astype(np.float32),
      reward=rng.uniform(size=rows).astype(np.float32),
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
  return tf.nest.map_structure(lambda *x: tf.constant(np.stack(x)), *rows)
