"""A learner of two replicas, as a program: it sets devices before all else.

Called with a folder, it learns on two logical CPUs, or as one of two workers
where TF_CONFIG says so. What it found stands in the folder then.
"""

import faulthandler
import json
import os
import signal
import sys

import numpy as np
import tensorflow as tf

from awopt_agent import agent as agent_lib
from awopt_agent.learning import replicas
from awopt_agent.train import learner, strategies
from tests import fakes

STEPS = 5


def make_agent(seed=0, **kwargs):
  """Returns an agent that learns without chance from given targets."""
  return fakes.make_agent(
    seed=seed,
    **{
      'critic': agent_lib.CriticConfig(lag=2, weight_decay=0.1),
      'actor': agent_lib.ActorConfig(baseline_samples=0),
      **fakes.small_networks(layers=(8,)),
      **kwargs,
    },
  )


def make_batch(index):
  """Returns 16 transitions, 5 of the first half not valid, with targets."""
  experience = fakes.random_experience(16, seed=index)
  steps = experience.label.step.numpy()
  steps[:5] = 99
  label = experience.label._replace(step=tf.constant(steps))
  target = np.random.default_rng(index).random(16)
  return experience._replace(label=label), tf.constant(target, tf.float32)


def half_of(nest, index):
  return tf.nest.map_structure(lambda x: x[8 * index : 8 * index + 8], nest)


def make_dataset(halves):
  """Returns good halves of some batches, then of one with a target of NaN."""
  rows = []
  for step in range(STEPS + 1):
    experience, target = make_batch(step)
    if step == STEPS:
      target = tf.tensor_scatter_nd_update(target, [[15]], [np.nan])
    rows += [half_of((experience, {'target': target}), i) for i in halves]
  good = tf.data.Dataset.from_tensor_slices(
    tf.nest.map_structure(lambda *x: tf.stack(x), *rows)
  )
  return good.concatenate(good.skip(STEPS * len(halves)).repeat())


def on_two_cpus():
  cpu = tf.config.list_physical_devices('CPU')[0]
  tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
  )


def values_of(strategy, agent):
  """Returns all variables in each replica of this process."""
  columns = [strategy.experimental_local_results(v) for v in agent.variables]
  return [fakes.values_of(row) for row in zip(*columns, strict=True)]


def same(left, right):
  return all(
    np.array_equal(a, b)
    for one, two in zip(left, right, strict=True)
    for a, b in zip(one, two, strict=True)
  )


def save(path, values):
  np.savez(path, *[part for replica in values for part in replica])


def error_of(function, *args):
  """Returns the message of the ValueError that a call raises."""
  try:
    function(*args)
  except ValueError as error:
    return str(error)
  return ''


def what_replicas_tell_each_other(strategy):
  """Returns what each replica of two gets for its own numbers."""

  def talk():
    context = tf.distribute.get_replica_context()
    own = 2.0 * tf.cast(context.replica_id_in_sync_group, tf.float32)
    rows = replicas.gather(tf.stack([own, own + 1]))
    _, (mean, none) = replicas.mean((own, [own + 1, None]))
    assert none is None
    return tf.concat([[mean], rows, replicas.own_rows(rows)], 0)

  found = strategy.experimental_local_results(strategy.run(talk))
  return [x.numpy().tolist() for x in found]


def take_other_steps(strategy, folder):
  """Trains an agent of another kind, without compiling its step."""
  with strategy.scope():
    agent = make_agent(**OTHER)
  outside = error_of(agent.train, make_batch(0)[0])
  for step in range(2):
    experience, target = tf.nest.map_structure(
      lambda x: strategy.experimental_distribute_values_from_function(
        lambda context: half_of(x, context.replica_id_in_sync_group)
      ),
      make_batch(step),
    )
    strategy.run(agent.train, (experience,), {'target': target})
  save(os.path.join(folder, 'other.npz'), values_of(strategy, agent)[:1])
  return outside


# Advantages that are weighed against each other, wherever they are.
OTHER = {
  'critic': agent_lib.CriticConfig(ensemble=2),
  'actor': agent_lib.ActorConfig(
    weights='softmax', baseline_samples=0, success_filter=False
  ),
}


def main(folder):
  workers = 'TF_CONFIG' in os.environ
  # A step runs six times: it takes longer to improve its graph.
  tf.config.optimizer.set_experimental_options({'disable_meta_optimizer': True})
  if not workers:
    on_two_cpus()
  faulthandler.dump_traceback_later(220)  # Where it hangs, if it does.
  heard = []
  signal.signal(signal.SIGTERM, lambda *_: heard.append(True))
  strategy = strategies.make('multi_worker' if workers else 'mirrored')
  chief = strategies.is_chief(strategy)
  os.kill(os.getpid(), signal.SIGTERM)
  found = {
    'count': strategy.num_replicas_in_sync,
    'chief': chief,
    'heard': heard,
  }
  with strategy.scope():
    # Workers begin with the chief's weights, whatever their own would be.
    agent = make_agent(seed=0 if chief else 1)
  learning = learner.Learner(
    agent,
    make_dataset([1 - chief] if workers else [0, 1]),
    root_dir=folder,
    summary_every=1,
    time_every=1000 if workers else STEPS,
    strategy=strategy,
  )
  learning.run(1)
  found['info'] = learning.run(STEPS - 1)._asdict()
  found['agreed'] = [learning.agree(flag) for flag in (False, not chief)]
  before = values_of(strategy, agent)
  save(os.path.join(folder, 'values.npz'), before)
  tf.train.Checkpoint(agent=agent).write(os.path.join(folder, 'agent'))
  found['error'] = error_of(learning.run, 1)
  found['unchanged'] = same(before, values_of(strategy, agent))
  if not workers:
    found['told'] = what_replicas_tell_each_other(strategy)
    found['outside'] = take_other_steps(strategy, folder)
    found['no_scope'] = error_of(
      lambda: learner.Learner(
        make_agent(),
        make_dataset([0]),
        root_dir=folder,
        summary_every=1,
        strategy=strategy,
      )
    )
    seeds = strategy.run(agent._training_seed)
    found['seeds'] = [
      seed.numpy().tolist()
      for seed in strategy.experimental_local_results(seeds)
    ]
  with open(os.path.join(folder, 'found.json'), 'w', encoding='utf-8') as file:
    json.dump(found, file)


if __name__ == '__main__':
  main(sys.argv[1])
