"""Loads an exported policy, which has to prove itself first."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from awopt_agent.serving import golden as golden_lib
from awopt_agent.serving import layout

__all__ = ['ArrayFunction', 'as_array_function', 'load', 'read_json']

ArrayFunction = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


def load(folder: str) -> Any:
  """Loads a version and checks it against its sums and golden pairs.

  Args:
    folder: A version folder.

  Returns:
    What `tf.saved_model.load` returns.

  Raises:
    ValueError: If a file is missing or changed, or the policy answers a
      golden input otherwise than when it was exported.
  """
  layout.check_files(folder)
  try:
    model = tf.saved_model.load(folder)
  # A damaged file raises whatever the reader that meets it first likes.
  except Exception as error:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    raise ValueError(
      f'{folder} cannot be loaded: {reason}; export the policy again.'
    ) from error
  _check_golden(model, folder)
  return model


def as_array_function(signature: Callable[..., Mapping]) -> ArrayFunction:
  """Makes a signature take and return NumPy arrays by name."""

  def call(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    tensors = {name: tf.constant(value) for name, value in values.items()}
    return {name: value.numpy() for name, value in signature(**tensors).items()}

  return call


def read_json(folder: str, name: str) -> Any:
  """Returns the content of one of a version's JSON files."""
  with open(os.path.join(folder, name), encoding='utf-8') as file:
    return json.load(file)


def _check_golden(model: Any, folder: str) -> None:
  pairs = golden_lib.read(os.path.join(folder, layout.GOLDEN))
  if not pairs:
    raise ValueError(
      f'{folder} holds no golden pairs that this version knows; export the '
      'policy again.'
    )
  for signature, golden in pairs.items():
    function = as_array_function(model.signatures[signature])
    problem = golden_lib.difference(golden, function)
    if problem:
      exported_by = read_json(folder, layout.METADATA)['tensorflow']
      raise ValueError(
        f'{folder}: signature {signature!r} {problem}; it was exported with '
        f'TensorFlow {exported_by}, here is {tf.__version__}: export the '
        'policy again, with this one.'
      )
