"""TensorFlow's threads: the simulator and Reverb need cores too."""

import os

import tensorflow as tf

__all__ = ['use_cores']


def use_cores(*, sparing: bool = False) -> None:
  """Sets TensorFlow's threads, before its first tensor.

  Args:
    sparing: Whether many such processes share a machine, so that one thread
      each must do; else all cores but one, which is the simulator's.
  """
  cores = 1 if sparing else max(1, len(os.sched_getaffinity(0)) - 1)
  tf.config.threading.set_intra_op_parallelism_threads(cores)
  tf.config.threading.set_inter_op_parallelism_threads(1 if sparing else 2)
