"""Loads an exported policy, and acts by it once it has proved itself."""

import time
import types
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from awopt_agent.serving import checks, layout, loading, pictures
from awopt_agent.serving import latency as latency_lib
from awopt_agent.serving import limits as limits_lib
from awopt_agent.serving import parts as parts_lib
from awopt_agent.serving import signatures as names

__all__ = ['Predictor']


class Predictor:
  """A policy of an export, from NumPy to NumPy.

  Needs NumPy and TensorFlow alone. Safe to call from several threads.
  """

  def __init__(
    self,
    folder: str,
    *,
    policy: str | None = None,
    limits: limits_lib.ActionLimits | None = None,
  ):
    """Loads and checks.

    Args:
      folder: A version that `export` wrote, or the parent of versions, of
        which the newest complete one is taken.
      policy: Its kind: 'actor', 'cem' or 'cem_with_candidate'; None takes
        the one that the run is judged by.
      limits: Of every action, beside the action spec's bounds.

    Raises:
      ValueError: If the folder is incomplete or was changed, if it does not
        give the golden actions, if it lacks the policy, or if the limits do
        not fit its specs.
    """
    self.folder = layout.find_version(folder)
    model = loading.load(self.folder)
    self._metadata = loading.read_json(self.folder, layout.METADATA)
    specs = loading.read_json(self.folder, layout.SPECS)
    self._observation_parts, self._action_parts = (
      tuple(map(parts_lib.from_record, specs[side]))
      for side in ('observation', 'action')
    )
    self._signatures = names.from_records(specs['signatures'])
    known = self._metadata['policies']
    if policy is None:
      policy = self._metadata['default_policy']
    if policy not in known:
      raise ValueError(
        f'{self.folder} has no policy {policy!r}; choose one of '
        f'{", ".join(known)}.'
      )
    self.policy = policy
    self._limiter = limits_lib.Limiter(
      self._observation_parts, self._action_parts, limits
    )
    self._latency = latency_lib.LatencyWindow()
    self._calls = {
      name: loading.as_array_function(model.signatures[name])
      for name in self._signatures
    }

  @property
  def version(self) -> int:
    """Training step of the weights."""
    return int(self._metadata['train_step'])

  @property
  def signatures(self) -> Mapping[str, names.Signature]:
    """What `run` can run, by name."""
    return types.MappingProxyType(self._signatures)

  @property
  def clipped(self) -> limits_lib.Clipped:
    """How many actions the spec and the limits changed so far."""
    return self._limiter.counts

  def latency(self) -> latency_lib.Latency:
    """Returns percentiles of how long the latest calls took, checks included.

    Those that were refused do not count.
    """
    return self._latency.read()

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
    """Whether the export has what `q_value` needs: a critic that learnt."""
    return names.Q_VALUES in self._signatures

  def predict(self, observation: Any) -> Any:
    """Chooses the action for an observation, or for each of a batch.

    Args:
      observation: Arrays of the spec's shapes, or `[B, ...]` of them; nested
        as in the environment, or a dict by the parts' names.

    Returns:
      Actions as NumPy values, nested as in the environment; with a batch
      dimension if the observation has one.

    Raises:
      ValueError: If the observation does not fit the spec, its bounds too, or
        is not finite; the message names the part.
      FloatingPointError: If the policy's answer is not finite.
    """
    start = time.perf_counter()
    arrays, batched = _as_arrays(
      self._observation_parts, observation, 'observation'
    )
    actions = self._answer(self.policy, arrays, start)
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
    start = time.perf_counter()
    if not self.has_q_value:
      raise ValueError(
        f'{self.folder} has no signature {names.Q_VALUES!r}, for nothing there '
        'learnt values; export the policy of an agent whose critic learns.'
      )
    arrays, batched = self._as_q_inputs(observation, action)
    values = self._answer(names.Q_VALUES, arrays, start)[names.Q_VALUES]
    return values if batched else float(values[0])

  def bound(self, observation: Any, action: Any) -> Any:
    """Bounds somebody else's action, such as a human's, as the policy's own.

    Args:
      observation: One, as `predict` takes it.
      action: One, as `predict` returns it; it may lie beyond the spec's
        bounds.

    Returns:
      The action within the spec's bounds and the limits.

    Raises:
      ValueError: If observation or action has other names, types or shapes
        than its spec, or is not finite; the message names the part.
    """
    seen = parts_lib.flatten(
      self._observation_parts, observation, 'observation'
    )
    seen = checks.check_one(self._observation_parts, seen, 'observation')
    free = [
      part._replace(minimum=None, maximum=None) for part in self._action_parts
    ]
    asked = parts_lib.flatten(free, action, 'action')
    asked = checks.check_one(free, asked, 'action')
    rows = [
      {name: value[np.newaxis] for name, value in arrays.items()}
      for arrays in (seen, asked)
    ]
    bounded = self._limiter.limit(*rows)
    return parts_lib.pack(
      self._action_parts, {name: value[0] for name, value in bounded.items()}
    )

  def run(
    self, signature: str, arrays: Mapping[str, Any]
  ) -> dict[str, np.ndarray]:
    """Runs a signature, as a model server does, on arrays that are checked.

    Args:
      signature: One of `signatures`.
      arrays: By the names of its inputs, each `[B, ...]`; for an encoded
        picture, bytes `[B]`.

    Returns:
      Its outputs `[B, ...]` by name; actions are bounded by the action spec
      and the limits. A score is that of the policy's own action, before any
      limit.

    Raises:
      ValueError: If there is no such signature, or an input is missing,
        unknown, of another type, shape or size, out of its bounds, not finite
        or no picture; the message names it.
      FloatingPointError: If the policy's answer is not finite.
    """
    start = time.perf_counter()
    checked = self.check(signature, arrays)
    try:
      return self._answer(signature, checked, start)
    except tf.errors.InvalidArgumentError as error:
      for part, files in self._files(self._signatures[signature], checked):
        if problem := pictures.find_damaged(part, files):
          raise ValueError(
            f'input {part.name!r}, {problem}; send the picture again.'
          ) from error
      raise

  def check(
    self, signature: str, arrays: Mapping[str, Any]
  ) -> dict[str, np.ndarray]:
    """Checks what `run` is to run; only damaged pictures show later.

    Args:
      signature: As of `run`.
      arrays: As of `run`.

    Returns:
      Arrays by name, as the signature takes them.

    Raises:
      ValueError: As `run`.
    """
    record = self._signatures.get(signature)
    if record is None:
      raise ValueError(
        f'{self.folder} has no signature {signature!r}; choose one of '
        f'{", ".join(sorted(self._signatures))}.'
      )
    values = parts_lib.flatten(record.inputs, arrays, 'input')
    if not record.batched:
      return checks.check_one(record.inputs, values, 'input')
    checked = checks.check_batch(record.inputs, values, 'input')
    for part, files in self._files(record, checked):
      pictures.check(part, files, f'input {part.name!r}')
    return checked

  def _files(self, record: names.Signature, arrays: Mapping[str, np.ndarray]):
    """Returns the pictures among a signature's inputs, with their files."""
    encoded = {p.name for p in record.inputs if p.dtype == parts_lib.BYTES}
    return [
      (part, arrays[part.name])
      for part in self._observation_parts
      if part.name in encoded
    ]

  def _answer(
    self, signature: str, arrays: Mapping[str, np.ndarray], start: float
  ) -> dict[str, np.ndarray]:
    """Runs a signature on what was checked, and bounds its actions."""
    outputs = self._calls[signature](arrays)
    limits_lib.check_finite(outputs)
    if all(part.name in outputs for part in self._action_parts):
      outputs = self._limiter.limit(arrays, outputs)
    self._latency.add(time.perf_counter() - start)
    return outputs

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


def _as_arrays(
  parts: Sequence[parts_lib.Part], nest: Any, what: str
) -> tuple[dict[str, np.ndarray], bool]:
  """Checks a nest as `checks.check` does."""
  return checks.check(parts, parts_lib.flatten(parts, nest, what), what)


def _outer_shape(arrays: Mapping[str, np.ndarray], batched: bool) -> list[int]:
  return [len(next(iter(arrays.values())))] if batched else []
