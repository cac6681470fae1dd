"""How long the parts of a training step take."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

__all__ = ['PartTimer']


class PartTimer:
  """Runs parts of a computation one by one, against the clock.

  In a training step they run side by side where the hardware can, so that
  their times add up to more than the step's.
  """

  def __init__(self, parts: Mapping[str, Callable[..., Any]]):
    """Compiles nothing yet.

    Args:
      parts: Functions of the same arguments, of tensors, by name; each
        returns a nest of float tensors.
    """
    self._parts = {
      name: tf.function(_to_one_number(part)) for name, part in parts.items()
    }
    self._compiled = False

  def seconds(self, *args: Any) -> dict[str, float]:
    """Returns the time of each part in a single run, seconds."""
    if not self._compiled:
      self._run(args)
      self._compiled = True
    return self._run(args)

  def _run(self, args) -> dict[str, float]:
    found = {}
    for name, part in self._parts.items():
      began = time.perf_counter()
      part(*args).numpy()  # A GPU has computed it then, not queued it alone.
      found[name] = time.perf_counter() - began
    return found


def _to_one_number(part: Callable[..., Any]) -> Callable[..., tf.Tensor]:
  """Returns what needs every result of `part`, and returns little."""

  def run(*args: Any) -> tf.Tensor:
    results = [x for x in tf.nest.flatten(part(*args)) if x is not None]
    return tf.add_n([tf.constant(0.0), *map(tf.reduce_sum, results)])

  return run
