"""With real workers, see tests/integration/replicas_test."""

import json
import socket
import types

import pytest
import tensorflow as tf

from awopt_agent.train import stopping, strategies

WORKERS = ['one:2222', 'two:2222']


def test_no_strategy_is_tensorflows_own():
  strategy = strategies.make()
  assert strategy is tf.distribute.get_strategy()
  assert strategies.is_chief(strategy)
  assert strategies.is_chief(None)


def test_a_mirrored_strategy_has_a_replica_on_each_device():
  strategy = strategies.make('mirrored')
  cpus = tf.config.list_logical_devices('CPU')
  assert strategy.num_replicas_in_sync == len(cpus)
  assert strategies.is_chief(strategy)


def test_another_name_is_refused():
  with pytest.raises(ValueError, match="none, mirrored, .* got 'tpu'"):
    strategies.make('tpu')


def config(cluster=None, kind='worker', index=0):
  return json.dumps(
    {
      'cluster': {'worker': WORKERS} if cluster is None else cluster,
      'task': {'type': kind, 'index': index},
    }
  )


@pytest.mark.parametrize(
  ('text', 'reason'),
  [
    (None, 'is not set'),
    ('{"cluster"', 'is no JSON'),
    ('[]', 'lists no workers'),
    (config({'ps': WORKERS}), 'lists no workers'),
    (config({'worker': 'one:2222'}), 'addresses as host:port'),
    (config({'worker': ['one']}), 'addresses as host:port'),
    (config({'worker': []}), 'addresses as host:port'),
    (config({'chief': WORKERS, 'worker': WORKERS[1:]}), 'each address once'),
    (config(kind='chief'), 'a task type of worker'),
    (
      config({'chief': WORKERS[:1], 'worker': WORKERS[1:]}, kind='ps'),
      'a task type of chief, worker',
    ),
    (config(index=2), 'a task index of 0 to 1'),
    (config(index='0'), 'a task index of 0 to 1'),
    (config(index=-1), 'a task index of 0 to 1'),
    (json.dumps({'cluster': {'worker': WORKERS}}), 'a task type of worker'),
  ],
)
def test_workers_that_are_not_told_are_refused(monkeypatch, text, reason):
  monkeypatch.delenv('TF_CONFIG', raising=False)
  if text is not None:
    monkeypatch.setenv('TF_CONFIG', text)
  with pytest.raises(ValueError, match=f'TF_CONFIG .*{reason}') as raised:
    strategies.make('multi_worker')
  assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
  ('cluster', 'kind', 'index', 'chief'),
  [
    ({'worker': WORKERS}, 'worker', 0, True),
    ({'worker': WORKERS}, 'worker', 1, False),
    ({'chief': WORKERS[:1], 'worker': WORKERS[1:]}, 'chief', 0, True),
    ({'chief': WORKERS[:1], 'worker': WORKERS[1:]}, 'worker', 0, False),
  ],
)
def test_one_worker_is_the_chief(monkeypatch, cluster, kind, index, chief):
  monkeypatch.setenv('TF_CONFIG', config(cluster, kind, index))
  resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
  strategy = types.SimpleNamespace(cluster_resolver=resolver)
  assert strategies.is_chief(strategy) == chief


def test_who_waits_for_others_can_be_ended_and_says_who_may_reach_it(
  monkeypatch, capsys
):
  with socket.socket() as one:
    one.bind(('localhost', 0))
    own = f'localhost:{one.getsockname()[1]}'

  def check():
    raise stopping.Stopped

  # Nobody listens at port 1.
  monkeypatch.setenv('TF_CONFIG', config({'worker': [own, 'localhost:1']}))
  with pytest.raises(stopping.Stopped):
    strategies.make('multi_worker', check=check)
  (line,) = capsys.readouterr().out.splitlines()
  assert 'every network interface' in line
  assert f'port {own.rpartition(":")[2]}' in line
  assert 'security.md' in line
