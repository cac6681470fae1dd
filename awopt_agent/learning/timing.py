"""How long the parts of a training step take."""

import time
from collections.abc import Callable, Collection, Mapping
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
    self._compiled: set[str] = set()

  def seconds(
    self, *args: Any, without: Collection[str] = ()
  ) -> dict[str, float]:
    """Times a single run of each part.

    Args:
      *args: Of the parts.
      without: Names of parts that are not run.

    Returns:
      Seconds by name.
    """
    names = [name for name in self._parts if name not in without]
    for name in names:
      if name not in self._compiled:
        self._run(name, args)
        self._compiled.add(name)
    return {name: self._run(name, args) for name in names}

  def _run(self, name: str, args) -> float:
    began = time.perf_counter()
    # A GPU has computed it then, not queued it alone.
    self._parts[name](*args).numpy()
    return time.perf_counter() - began


def _to_one_number(part: Callable[..., Any]) -> Callable[..., tf.Tensor]:
  """Returns what needs every result of `part`, and returns little."""

  def run(*args: Any) -> tf.Tensor:
    results = [x for x in tf.nest.flatten(part(*args)) if x is not None]
    return tf.add_n([tf.constant(0.0), *map(tf.reduce_sum, results)])

  return run
