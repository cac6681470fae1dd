"""Without replicas; with two of them, see tests/integration/replicas_test."""

import tensorflow as tf

from awopt_agent.learning import replicas


def test_what_is_alone_is_its_own_mean():
  nest = {'a': tf.constant(2.0), 'b': None}
  assert replicas.count() == 1
  assert replicas.mean(nest) is nest
  assert replicas.gather(nest['a']) is nest['a']
  assert replicas.own_rows(nest['a']) is nest['a']


def test_the_scope_of_a_strategy_is_no_replica():
  strategy = tf.distribute.MirroredStrategy(['CPU:0'])
  with strategy.scope():
    assert replicas.count() == 1
  assert strategy.run(replicas.count) == 1


def test_variables_are_changed_once():
  one, other = tf.Variable(1.0), tf.Variable(3.0)

  def change(assign):
    assign(lambda x, y, z: x.assign_add(y * z), one, other, 2.0)

  replicas.update(change)
  assert one == 7.0


def test_a_replica_may_change_any_variable_even_in_a_branch():
  strategy = tf.distribute.MirroredStrategy(['CPU:0'])
  with strategy.scope():
    variable = tf.Variable(1.0)  # Without an aggregation.

  def change(assign):
    tf.cond(
      variable > 0,
      lambda: assign(lambda x: x.assign(5.0), variable),
      lambda: None,
    )

  strategy.run(lambda: replicas.update(change))
  assert variable == 5.0
  tf.function(lambda: strategy.run(lambda: replicas.update(change)))()
