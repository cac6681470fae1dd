"""Several replicas learn what one learns from all their batches together."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tests import fakes
from tests.integration import replica_program as program

pytestmark = pytest.mark.programs

ROOT = pathlib.Path(__file__).parent.parent.parent
PROGRAMS = ('mirrored', 'worker_0', 'worker_1')


class Found(NamedTuple):
  """What a program found."""

  folder: pathlib.Path
  values: list[np.ndarray]
  facts: dict[str, Any]


def free_ports(count):
  sockets = [socket.socket() for _ in range(count)]
  for one in sockets:
    one.bind(('localhost', 0))
  ports = [one.getsockname()[1] for one in sockets]
  for one in sockets:
    one.close()
  return ports


def environments():
  """Returns what each program has in its environment, by name."""
  addresses = [f'localhost:{port}' for port in free_ports(2)]
  common = {**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '3'}
  found = {'mirrored': common}
  for index in range(2):
    config = {
      'cluster': {'worker': addresses},
      'task': {'type': 'worker', 'index': index},
    }
    found[f'worker_{index}'] = {**common, 'TF_CONFIG': json.dumps(config)}
  return found


def start(folder, environment):
  folder.mkdir()
  with open(folder / 'log', 'wb') as log:
    return subprocess.Popen(
      [sys.executable, '-m', program.__name__, str(folder)],
      cwd=ROOT,
      env=environment,
      stdout=log,
      stderr=subprocess.STDOUT,
    )


def wait(process, until):
  """Returns the status of a process, or None if it does not end in time."""
  try:
    return process.wait(timeout=max(0, until - time.monotonic()))
  except subprocess.TimeoutExpired:
    return None


def read(folder):
  with np.load(folder / 'values.npz') as saved:
    values = [saved[name] for name in saved.files]
  facts = json.loads((folder / 'found.json').read_text(encoding='utf-8'))
  return Found(folder, values, facts)


@pytest.fixture(name='found', scope='module')
def _found(tmp_path_factory):
  """Runs the three programs at once; returns what they found, by name."""
  root = tmp_path_factory.mktemp('replicas')
  until = time.monotonic() + 240
  running = {
    name: start(root / name, environment)
    for name, environment in environments().items()
  }
  try:
    for name, process in running.items():
      status = wait(process, until)
      assert status == 0, f'{name}: {(root / name / "log").read_text()[-5000:]}'
  finally:
    for process in running.values():
      process.kill()
  return {name: read(root / name) for name in running}


def learn_alone(steps, **kwargs):
  """Returns an agent that learnt from whole batches, and its last terms."""
  agent = program.make_agent(**kwargs)
  for index in range(steps):
    experience, target = program.make_batch(index)
    info = agent.train(experience, target=target).extra
  return agent, info


@pytest.fixture(name='alone', scope='module')
def _alone():
  return learn_alone(program.STEPS)


def assert_close(agent, values):
  for variable, value in zip(agent.variables, values, strict=True):
    if variable.dtype.is_floating:
      np.testing.assert_allclose(variable, value, atol=1e-5, rtol=0)
    else:
      np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize('name', PROGRAMS)
def test_two_replicas_learn_what_one_learns_from_both_batches(
  found, alone, name
):
  assert found[name].facts['count'] == 2
  count = len(alone[0].variables)
  assert_close(alone[0], found[name].values[:count])


@pytest.mark.parametrize('name', PROGRAMS)
def test_terms_are_those_of_all_transitions(found, alone, name):
  for term, value in alone[1]._asdict().items():
    np.testing.assert_allclose(
      found[name].facts['info'][term], value, atol=1e-5, err_msg=term
    )


def test_replicas_of_a_process_have_equal_weights(found):
  values = found['mirrored'].values
  half = len(values) // 2
  fakes.assert_equal(values[:half], values[half:])


def test_workers_have_equal_weights(found):
  fakes.assert_equal(found['worker_0'].values, found['worker_1'].values)


def test_weights_of_a_batch_against_each_other_reach_over_replicas(found):
  agent, _ = learn_alone(2, **program.OTHER)
  with np.load(found['mirrored'].folder / 'other.npz') as saved:
    assert_close(agent, [saved[name] for name in saved.files])


@pytest.mark.parametrize('name', PROGRAMS)
def test_a_batch_that_is_not_finite_in_one_replica_stops_all(found, name):
  facts = found[name].facts
  assert facts['error'].startswith(
    f'critic_loss became NaN or infinite at learner step {program.STEPS};'
  )
  assert facts['unchanged']


def test_a_checkpoint_of_two_replicas_restores_in_one_process(found):
  agent = program.make_agent(seed=5)
  mirrored = found['mirrored']
  checkpoint = tf.train.Checkpoint(agent=agent)
  checkpoint.read(str(mirrored.folder / 'agent')).assert_consumed()
  values = fakes.values_of(agent.variables)
  fakes.assert_equal(values, mirrored.values[: len(values)])


def test_what_one_worker_knows_all_are_told(found):
  # The second one alone raised the flag.
  assert found['worker_0'].facts['agreed'] == [False, True]
  assert found['worker_1'].facts['agreed'] == [False, True]
  assert found['mirrored'].facts['agreed'] == [False, False]


def test_the_chief_alone_writes_summaries(found):
  chiefs = {name: found[name].facts['chief'] for name in PROGRAMS}
  assert chiefs == {'mirrored': True, 'worker_0': True, 'worker_1': False}
  for name, chief in chiefs.items():
    assert any(found[name].folder.rglob('*tfevents*')) == chief, name


def test_a_request_to_stop_is_heard_though_tensorflow_would_take_it(found):
  assert all(found[name].facts['heard'] == [True] for name in PROGRAMS)


def test_replicas_draw_their_own_chance(found):
  one, two = found['mirrored'].facts['seeds']
  assert one != two


def test_replicas_tell_each_other_numbers(found):
  # The mean of 1 and 3, all rows, and those that a replica has given.
  rows = [0.0, 1.0, 2.0, 3.0]
  assert found['mirrored'].facts['told'] == [
    [2.0, *rows, 0.0, 1.0],
    [2.0, *rows, 2.0, 3.0],
  ]


def test_what_is_trained_past_the_strategy_is_refused(found):
  facts = found['mirrored'].facts
  assert 'train by strategy.run(agent.train' in facts['outside']
  assert 'under `with strategy.scope():`' in facts['no_scope']
