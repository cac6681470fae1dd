"""Writes an agent's policies as one SavedModel that needs none of our code."""

import contextlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from awopt_agent import __version__, files
from awopt_agent.serving import golden as golden_lib
from awopt_agent.serving import layout, predictor
from awopt_agent.serving import parts as parts_lib

__all__ = ['export']

Parts = Sequence[parts_lib.Part]

# Golden inputs that are tried for each that is kept.
_CANDIDATES = 8
_SAMPLING_SEED = 0
_SUCCESS_FIELDS = {'rate', 'n', 'low', 'high'}


def export(
  agent: Any,
  folder: str,
  *,
  train_step: int,
  config: str = '',
  success: Mapping[str, Mapping[str, float]] | None = None,
  golden_observations: Any = None,
  golden_count: int = 8,
  default_policy: str | None = None,
  overwrite: bool = False,
) -> str:
  """Writes `<folder>/<train_step>/`; it appears whole, or not at all.

  Each policy kind becomes a signature from the observation's parts to the
  action's, by name, at any batch size. One more, `q_values`, takes the
  observation's parts and the action's, as `action_<name>`, to the critic's
  values `[B]`. `layout` lists the files.

  Args:
    agent: An `AwOptAgent`, or whatever has its `policies`, `time_step_spec`
      and `action_spec`. Each call is served as the first step of an episode,
      which is what a policy with a state forgets. Without a `q_value`, or
      where no critic learns, there is no signature for it; it has no
      variables but the policies'.
    folder: Parent of the versions, such as `<root_dir>/policies`.
    train_step: Learner step of the weights; names the version.
    config: Gin configuration in force.
    success: By policy kind, `rate`, `n` (episodes), and `low` and `high` of
      its Wilson interval (90%).
    golden_observations: Nest of `[K, ...]` real observations for the golden
      pairs; None draws them inside the spec's bounds.
    golden_count: Golden pairs for each signature, at most.
    default_policy: Policy kind that `serving_default` is; None takes the
      agent's headline.
    overwrite: Whether an existing version may be replaced.

  Returns:
    Path of the version folder.

  Raises:
    FileExistsError: If the version exists.
    ValueError: If an argument does not fit the agent, two names clash, or
      actions or values are not finite.
    OSError: If the disk is full or read-only; nothing is left behind.
  """
  specs = {
    'observation': parts_lib.from_spec(
      agent.time_step_spec.observation, 'observation'
    ),
    'action': parts_lib.from_spec(agent.action_spec, 'action'),
  }
  if default_policy is None:
    default_policy = agent.headline
  metadata = _make_metadata(agent, train_step, success, default_policy)
  observations = _golden_observations(
    specs['observation'], golden_observations, golden_count
  )
  functions = _trace(agent, specs, default_policy)
  target = os.path.join(folder, str(metadata['train_step']))
  with (
    files.clear_disk_errors(
      f'export to {folder}',
      'nothing was kept of it: free space there, or choose a folder that can '
      'be written',
    ),
    files.folder_that_becomes(target, overwrite=overwrite) as partial,
  ):
    os.makedirs(os.path.join(partial, layout.EXTRA))
    signatures = _save(agent, partial, functions)
    inputs = _golden_inputs(signatures, specs, observations)
    pairs = golden_lib.make(signatures, inputs, golden_count)
    golden_lib.write(os.path.join(partial, layout.GOLDEN), pairs)
    _write_json(partial, layout.SPECS, _as_records(specs))
    _write_json(partial, layout.METADATA, metadata)
    _write_text(partial, layout.CONFIG, config)
    layout.write_checksums(partial)
    predictor.load(partial)  # What cannot be served shall not appear.
  return target


def _make_metadata(agent, train_step, success, default_policy) -> dict:
  """Returns what `metadata.json` holds; no time, so exports can be compared."""
  kinds = sorted(agent.policies)
  for name in (predictor.DEFAULT_SIGNATURE, predictor.Q_SIGNATURE):
    if name in kinds:
      raise ValueError(
        f'a policy is named {name!r}, as a signature of every export; rename '
        'it.'
      )
  if default_policy not in kinds:
    raise ValueError(
      f'unknown default_policy {default_policy!r}; choose one of '
      f'{", ".join(kinds)}.'
    )
  if int(train_step) < 0:
    raise ValueError(f'train_step must be >= 0, got {int(train_step)}.')
  success = {kind: dict(record) for kind, record in (success or {}).items()}
  for kind, record in success.items():
    if kind not in kinds or set(record) != _SUCCESS_FIELDS:
      raise ValueError(
        f'success has {kind!r}: {record}; give each of {", ".join(kinds)} '
        f'that was measured the fields {", ".join(sorted(_SUCCESS_FIELDS))}.'
      )
  return {
    'awopt_agent': __version__,
    'tensorflow': tf.__version__,
    'train_step': int(train_step),
    'policies': kinds,
    'default_policy': default_policy,
    'success': success,
  }


def _golden_observations(
  parts: Parts, observations: Any, count: int
) -> dict[str, np.ndarray]:
  """Returns candidates `[K, ...]` by name."""
  if count < 1:
    raise ValueError(f'golden_count must be >= 1, got {count}.')
  count *= _CANDIDATES
  if observations is None:
    return golden_lib.sample(parts, count, _SAMPLING_SEED)
  values = parts_lib.flatten(parts, observations, 'golden_observations')
  arrays, _ = parts_lib.check(parts, values, 'golden_observations')
  return {name: array[:count] for name, array in arrays.items()}


def _golden_inputs(
  signatures: Iterable[str],
  specs: Mapping[str, Parts],
  observations: Mapping[str, np.ndarray],
) -> dict[str, Mapping[str, np.ndarray]]:
  """Returns candidates by signature; actions are at random."""
  inputs = dict.fromkeys(signatures, observations)
  if predictor.Q_SIGNATURE in inputs:
    parts = parts_lib.as_inputs(specs['observation'], specs['action'])
    count = len(next(iter(observations.values())))
    actions = golden_lib.sample(
      parts[len(observations) :], count, _SAMPLING_SEED + 1
    )
    inputs[predictor.Q_SIGNATURE] = {**observations, **actions}
  return inputs


def _save(
  agent, folder: str, functions: Mapping[str, Any]
) -> dict[str, predictor.ArrayFunction]:
  """Writes the SavedModel; returns its functions as they are in memory.

  A `PolicySaver` export holds types of TensorFlow Probability, and does not
  load without it. A module of our own, with plain tensors in and out, does.
  """
  module = tf.Module()
  variables = {
    variable.ref(): variable
    for policy in agent.policies.values()
    for variable in policy.variables()
  }
  module.policy_variables = list(variables.values())
  with _without_notices():
    tf.saved_model.save(module, folder, signatures=dict(functions))
  return {
    name: predictor.as_array_function(function)
    for name, function in functions.items()
  }


def _trace(
  agent, specs: Mapping[str, Parts], default_policy: str
) -> dict[str, Any]:
  """Returns the functions by signature, each for any batch size."""
  functions = {
    kind: _trace_policy(policy, specs)
    for kind, policy in agent.policies.items()
  }
  functions[predictor.DEFAULT_SIGNATURE] = functions[default_policy]
  if getattr(agent, 'learns_values', hasattr(agent, 'q_value')):
    functions[predictor.Q_SIGNATURE] = _trace_q_value(agent, specs)
  return functions


def _trace_policy(policy, specs: Mapping[str, Parts]):
  """Returns a policy as a function from parts to parts."""
  observation_spec = policy.time_step_spec.observation
  inputs, outputs = (
    [part.name for part in specs[side]] for side in ('observation', 'action')
  )

  @tf.function(autograph=False)
  def act(**values):
    observation = tf.nest.pack_sequence_as(
      observation_spec, [values[name] for name in inputs]
    )
    first = _first_step(policy.time_step_spec, observation)
    state = policy.get_initial_state(tf.shape(first.step_type)[0])
    step = policy.action(first, state)
    return dict(zip(outputs, tf.nest.flatten(step.action), strict=True))

  return act.get_concrete_function(**_tensor_specs(specs['observation']))


def _trace_q_value(agent, specs: Mapping[str, Parts]):
  """Returns the critic as a function from parts to values `[B]`."""
  parts = parts_lib.as_inputs(specs['observation'], specs['action'])
  nests = agent.time_step_spec.observation, agent.action_spec

  @tf.function(autograph=False)
  def value(**values):
    observation, action = tf.nest.pack_sequence_as(
      nests, [values[part.name] for part in parts]
    )
    return {predictor.Q_SIGNATURE: agent.q_value(observation, action)}

  return value.get_concrete_function(**_tensor_specs(parts))


def _tensor_specs(parts: Parts) -> dict[str, tf.TensorSpec]:
  return {
    part.name: tf.TensorSpec([None, *part.shape], part.dtype, part.name)
    for part in parts
  }


def _first_step(time_step_spec, observation) -> ts.TimeStep:
  """Fills the fields that no policy of ours looks at."""
  batch = tf.shape(tf.nest.flatten(observation)[0])[:1]
  fill = lambda spec, value: tf.fill(  # noqa: E731
    tf.concat([batch, spec.shape], 0), tf.constant(value, spec.dtype)
  )
  return ts.TimeStep(
    step_type=fill(time_step_spec.step_type, int(ts.StepType.FIRST)),
    reward=tf.nest.map_structure(
      lambda spec: fill(spec, 0), time_step_spec.reward
    ),
    discount=fill(time_step_spec.discount, 1),
    observation=observation,
  )


@contextlib.contextmanager
def _without_notices() -> Iterator[None]:
  """Holds back the line that names the folder of the moment."""
  logger = tf.get_logger()
  level = logger.level
  logger.setLevel(logging.WARNING)
  try:
    yield
  finally:
    logger.setLevel(level)


def _as_records(specs: Mapping[str, Parts]) -> dict[str, list]:
  return {
    side: [part.as_record() for part in parts] for side, parts in specs.items()
  }


def _write_json(folder: str, name: str, content: Any) -> None:
  text = json.dumps(content, indent=2, allow_nan=False)
  _write_text(folder, name, text + '\n')


def _write_text(folder: str, name: str, text: str) -> None:
  with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
    file.write(text)
