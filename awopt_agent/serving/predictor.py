"""Loads an exported policy, and acts by it once it has proved itself."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from awopt_agent.serving import golden as golden_lib
from awopt_agent.serving import layout
from awopt_agent.serving import parts as parts_lib

__all__ = [
  'DEFAULT_SIGNATURE',
  'Q_SIGNATURE',
  'ArrayFunction',
  'Predictor',
  'as_array_function',
  'load',
]

DEFAULT_SIGNATURE = 'serving_default'
# Of the signature, and of its only output.
Q_SIGNATURE = 'q_values'
ArrayFunction = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


class Predictor:
  """A policy of an export, from NumPy to NumPy.

  Needs NumPy and TensorFlow alone. Safe to call from several threads.
  """

  def __init__(self, folder: str, *, policy: str | None = None):
    """Loads and checks.

    Args:
      folder: A version that `export` wrote, or the parent of versions, of
        which the newest complete one is taken.
      policy: Its kind: 'actor', 'cem' or 'cem_with_candidate'; None takes
        the one that the run is judged by.

    Raises:
      ValueError: If the folder is incomplete or was changed, if it does not
        give the golden actions, or if it lacks the policy.
    """
    self.folder = layout.find_version(folder)
    model = load(self.folder)
    self._metadata = _read_json(self.folder, layout.METADATA)
    specs = _read_json(self.folder, layout.SPECS)
    self._observation_parts, self._action_parts = (
      tuple(map(parts_lib.from_record, specs[side]))
      for side in ('observation', 'action')
    )
    known = self._metadata['policies']
    if policy is None:
      policy = self._metadata['default_policy']
    if policy not in known:
      raise ValueError(
        f'{self.folder} has no policy {policy!r}; choose one of '
        f'{", ".join(known)}.'
      )
    self.policy = policy
    self._call = as_array_function(model.signatures[policy])
    self._q_call = (
      as_array_function(model.signatures[Q_SIGNATURE])
      if Q_SIGNATURE in model.signatures
      else None
    )

  @property
  def metadata(self) -> dict[str, Any]:
    """Versions, training step, and measured success by policy kind."""
    return self._metadata

  @property
  def observation_spec(self) -> tuple[parts_lib.Part, ...]:
    """The parts that `predict` takes, without batch dimension."""
    return self._observation_parts

  @property
  def action_spec(self) -> tuple[parts_lib.Part, ...]:
    """The parts that `predict` returns, without batch dimension."""
    return self._action_parts

  @property
  def has_q_value(self) -> bool:
    """Whether the export has what `q_value` needs; older ones have not."""
    return self._q_call is not None

  def predict(self, observation: Any) -> Any:
    """Chooses the action for an observation, or for each of a batch.

    Args:
      observation: Arrays of the spec's shapes, or `[B, ...]` of them; nested
        as in the environment, or a dict by the parts' names.

    Returns:
      Actions as NumPy values, nested as in the environment; with a batch
      dimension if the observation has one.

    Raises:
      ValueError: If the observation does not fit the spec or is not finite;
        the message names the part.
    """
    arrays, batched = _as_arrays(
      self._observation_parts, observation, 'observation'
    )
    actions = self._call(arrays)
    if not batched:
      actions = {name: value[0] for name, value in actions.items()}
    return parts_lib.pack(self._action_parts, actions)

  def q_value(self, observation: Any, action: Any) -> float | np.ndarray:
    """Values an action, by the critic that the CEM policies maximise.

    Args:
      observation: As `predict` takes it.
      action: As `predict` returns it, or a dict by the parts' names; with a
        batch dimension if the observation has one.

    Returns:
      The value in return units, or float32 `[B]`.

    Raises:
      ValueError: If observation or action does not fit its spec or is not
        finite, which names the part; if their batch sizes differ; or if the
        export has no values.
    """
    if self._q_call is None:
      raise ValueError(
        f'{self.folder} has no signature {Q_SIGNATURE!r}, as exports of '
        'earlier versions; export the policy again.'
      )
    arrays, batched = self._as_q_inputs(observation, action)
    values = self._q_call(arrays)[Q_SIGNATURE]
    return values if batched else float(values[0])

  def _as_q_inputs(
    self, observation: Any, action: Any
  ) -> tuple[dict[str, np.ndarray], bool]:
    """Returns the inputs by name, and whether there was a batch dimension."""
    seen, batched = _as_arrays(
      self._observation_parts, observation, 'observation'
    )
    done, also_batched = _as_arrays(self._action_parts, action, 'action')
    sizes = _outer_shape(seen, batched), _outer_shape(done, also_batched)
    if sizes[0] != sizes[1]:
      raise ValueError(
        'observation and action differ in their batch dimensions '
        f'({sizes[0]} and {sizes[1]}); pass one action for each observation.'
      )
    parts = parts_lib.as_inputs(self._observation_parts, self._action_parts)
    arrays = [*seen.values(), *done.values()]
    names = [part.name for part in parts]
    return dict(zip(names, arrays, strict=True)), batched


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


def _as_arrays(
  parts: Sequence[parts_lib.Part], nest: Any, what: str
) -> tuple[dict[str, np.ndarray], bool]:
  """Checks a nest as `parts.check` does."""
  return parts_lib.check(parts, parts_lib.flatten(parts, nest, what), what)


def _outer_shape(arrays: Mapping[str, np.ndarray], batched: bool) -> list[int]:
  return [len(next(iter(arrays.values())))] if batched else []


def _check_golden(model: Any, folder: str) -> None:
  pairs = golden_lib.read(os.path.join(folder, layout.GOLDEN))
  for signature, golden in pairs.items():
    function = as_array_function(model.signatures[signature])
    problem = golden_lib.difference(golden, function)
    if problem:
      exported_by = _read_json(folder, layout.METADATA)['tensorflow']
      raise ValueError(
        f'{folder}: signature {signature!r} {problem}; it was exported with '
        f'TensorFlow {exported_by}, here is {tf.__version__}: export the '
        'policy again, with this one.'
      )


def _read_json(folder: str, name: str) -> Any:
  with open(os.path.join(folder, name), encoding='utf-8') as file:
    return json.load(file)
