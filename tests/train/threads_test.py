import os
import subprocess
import sys

_PROGRAM = """
import tensorflow as tf
from awopt_agent.train import threads
threads.use_cores({arguments})
get = tf.config.threading
print(get.get_intra_op_parallelism_threads(),
      get.get_inter_op_parallelism_threads())
"""


def threads_of(arguments=''):
  # TensorFlow takes the numbers once in a process.
  output = subprocess.run(
    [sys.executable, '-c', _PROGRAM.format(arguments=arguments)],
    capture_output=True,
    check=True,
    text=True,
  ).stdout
  return [int(word) for word in output.split()]


def test_leaves_a_core_to_the_simulator():
  most = max(1, len(os.sched_getaffinity(0)) - 1)
  assert threads_of() == [most, 2]


def test_many_on_a_machine_take_a_thread_each():
  assert threads_of('sparing=True') == [1, 1]
