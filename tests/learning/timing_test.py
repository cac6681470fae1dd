import time

import tensorflow as tf

from awopt_agent.learning import timing


def _sleep(seconds, counts):
  def part(value):
    def body(x):
      counts.append(seconds)
      time.sleep(seconds)
      return x

    return tf.numpy_function(body, [value], tf.float32), None

  return part


def test_each_part_is_timed_alone():
  counts = []
  timer = timing.PartTimer(
    {'short': _sleep(0.1, counts), 'long': _sleep(0.3, counts)}
  )
  seconds = timer.seconds(tf.constant(2.0))
  # A sleep is never shorter than asked; how much longer depends on the load.
  assert 0.1 <= seconds['short'] < 0.3
  assert seconds['long'] >= 0.3


def test_the_first_run_compiles_and_does_not_count():
  counts = []
  timer = timing.PartTimer({'part': _sleep(0.0, counts)})
  timer.seconds(tf.constant(2.0))
  assert len(counts) == 2
  timer.seconds(tf.constant(2.0))
  assert len(counts) == 3


def test_a_part_that_is_left_out_is_not_run():
  counts = []
  timer = timing.PartTimer(
    {'one': _sleep(0.0, counts), 'two': _sleep(0.001, counts)}
  )
  assert timer.seconds(tf.constant(2.0), without=['one']).keys() == {'two'}
  assert counts == [0.001] * 2
  # It is compiled when it is first asked for.
  assert timer.seconds(tf.constant(2.0)).keys() == {'one', 'two'}
  assert counts.count(0.0) == 2
