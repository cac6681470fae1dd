"""Writes an agent's policies as one SavedModel that needs none of our code."""

import contextlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from awopt_agent import __version__, files
from awopt_agent.serving import (
  checks,
  layout,
  loading,
  pictures,
  tracing,
  warmup,
)
from awopt_agent.serving import golden as golden_lib
from awopt_agent.serving import parts as parts_lib
from awopt_agent.serving import signatures as names

__all__ = ['export']

Parts = Sequence[parts_lib.Part]

_LOG = logging.getLogger(__name__)

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
  tflite: bool = False,
  overwrite: bool = False,
) -> str:
  """Writes `<folder>/<train_step>/`; it appears whole, or not at all.

  Each policy kind becomes a signature from the observation's parts to the
  action's, by name, at any batch size; `<kind>_with_score` adds the critic's
  value of the action, and `<kind>_encoded` and `<kind>_with_score_encoded` take
  pictures as JPEG or PNG files. Those of the default policy are also named
  `action`, `action_with_score` and so on, and `serving_default`. `q_values`
  takes the observation's parts and the action's, as `action_<name>`, to the
  critic's values `[B]`. `practice` is the collect policy, with its state and
  its chance as `state_<name>` in and out, and `practice_initial_state` begins
  them; so `<kind>_stateful` of a policy kind that keeps a state. `layout` lists
  the files.

  Args:
    agent: An `AwOptAgent`, or whatever has its `policies`, `time_step_spec`
      and `action_spec`. Each call of a policy kind is served as the first
      step of an episode. Without a `q_value`, or where no critic learns, there
      are no values; without a `collect_policy`, which takes a seed for all its
      chance, there is no practice.
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
    tflite: Whether to write the policies as TFLite files too, as far as they
      can be converted; the metadata say how far they are from the SavedModel.
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
  traced = tracing.trace(agent, specs)
  aliases = tracing.aliases(traced, default_policy)
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
    _save(agent, partial, traced, aliases)
    pairs = _make_golden(
      traced, metadata['policies'], observations, golden_count
    )
    golden_lib.write(os.path.join(partial, layout.GOLDEN), pairs)
    warmup.write(partial, _warmup_requests(traced, aliases, pairs))
    if tflite:
      metadata['tflite'] = _write_tflite(partial, metadata['policies'], pairs)
    _write_json(partial, layout.SPECS, _specs_record(specs, traced, aliases))
    _write_json(partial, layout.METADATA, metadata)
    _write_text(partial, layout.CONFIG, config)
    layout.write_checksums(partial)
    loading.load(partial)  # What cannot be served shall not appear.
  _tell_of_mixture(folder)
  return target


def _tell_of_mixture(folder: str) -> None:
  """Warns where versions of several releases of TensorFlow stand together."""
  found: dict[str, list[str]] = {}
  for version in layout.list_versions(folder):
    try:
      metadata = loading.read_json(
        os.path.join(folder, version), layout.METADATA
      )
      release = '.'.join(metadata['tensorflow'].split('.')[:2])
    except (OSError, ValueError, KeyError):  # No version of ours, or damaged.
      continue
    found.setdefault(release, []).append(version)
  if len(found) > 1:
    by = '; '.join(
      f'{", ".join(versions)} by {release}'
      for release, versions in found.items()
    )
    _LOG.warning(
      '%s holds versions of several releases of TensorFlow (%s): export them '
      'again with one, or keep them in folders of their own.',
      folder,
      by,
    )


def _make_metadata(agent, train_step, success, default_policy) -> dict:
  """Returns what `metadata.json` holds; no time, so exports can be compared."""
  kinds = sorted(agent.policies)
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
  arrays, _ = checks.check(parts, values, 'golden_observations')
  return {name: array[:count] for name, array in arrays.items()}


def _make_golden(
  traced: Mapping[str, tracing.Traced],
  kinds: Iterable[str],
  observations: Mapping[str, np.ndarray],
  count: int,
) -> dict[str, golden_lib.Golden]:
  """Returns golden pairs of all signatures that take observations.

  What else they take is at random.
  """
  first = {
    name: traced[name] for name in (*kinds, names.Q_VALUES) if name in traced
  }
  pairs = golden_lib.make(
    _as_array_functions(first), _golden_inputs(first, observations), count
  )
  kept = {
    name: next(iter(pairs.values())).inputs[name] for name in observations
  }
  others = {
    name: one
    for name, one in traced.items()
    if one.signature.batched
    and name not in pairs
    and not name.endswith(names.ENCODED)
  }
  pairs |= golden_lib.make_steady(
    _as_array_functions(others), _golden_inputs(others, kept)
  )
  return pairs | {
    encoded: golden_lib.Golden(
      pictures.encode(traced[name].signature.inputs, pair.inputs),
      # PNG files lose nothing: the same answers.
      pair.outputs,
    )
    for name, pair in pairs.items()
    if (encoded := name + names.ENCODED) in traced
  }


def _as_array_functions(
  traced: Mapping[str, tracing.Traced],
) -> dict[str, loading.ArrayFunction]:
  return {
    name: loading.as_array_function(one.function)
    for name, one in traced.items()
  }


def _golden_inputs(
  traced: Mapping[str, tracing.Traced], observations: Mapping[str, np.ndarray]
) -> dict[str, dict[str, np.ndarray]]:
  """Returns inputs `[K, ...]` by signature, around given observations."""
  count = len(next(iter(observations.values())))
  found = {}
  for name, (signature, _) in traced.items():
    missing = [p for p in signature.inputs if p.name not in observations]
    sampled = golden_lib.sample(missing, count, _SAMPLING_SEED + 1)
    found[name] = {**observations, **sampled}
  return found


def _warmup_requests(
  traced: Mapping[str, tracing.Traced],
  aliases: Mapping[str, str],
  pairs: Mapping[str, golden_lib.Golden],
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
  """Yields each signature with inputs for one robot."""
  one_of = {name: name for name in traced} | dict(aliases)
  for name, source in one_of.items():
    if not traced[source].signature.batched:
      yield name, {part.name: np.int32(1) for part in traced[source][0].inputs}
    elif source in pairs:
      inputs = pairs[source].inputs
      yield name, {part: rows[:1] for part, rows in inputs.items()}


def _write_tflite(
  folder: str, kinds: Iterable[str], pairs: Mapping[str, golden_lib.Golden]
) -> dict[str, dict[str, Any]]:
  """Returns what the metadata say of the files."""
  from awopt_agent.serving import tflite  # The converter takes seconds.

  return {
    kind: tflite.convert(folder, kind, pairs[kind]).as_record()
    for kind in kinds
  }


def _save(
  agent,
  folder: str,
  traced: Mapping[str, tracing.Traced],
  aliases: Mapping[str, str],
) -> None:
  """Writes the SavedModel.

  A `PolicySaver` export holds types of TensorFlow Probability, and does not
  load without it. A module of our own, with plain tensors in and out, does.
  """
  functions = {name: one.function for name, one in traced.items()}
  functions |= {alias: functions[name] for alias, name in aliases.items()}
  variables = {
    variable.ref(): variable
    for owner in (*agent.policies.values(), *functions.values())
    for variable in _variables_of(owner)
  }
  module = tf.Module()
  module.policy_variables = list(variables.values())
  with _without_notices():
    tf.saved_model.save(module, folder, signatures=functions)


def _variables_of(owner: Any) -> Iterable[tf.Variable]:
  """Returns those of a policy, or those that a function reads."""
  return owner.variables() if callable(owner.variables) else owner.variables


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


def _specs_record(
  specs: Mapping[str, Parts],
  traced: Mapping[str, tracing.Traced],
  aliases: Mapping[str, str],
) -> dict[str, Any]:
  """Returns what `specs.json` holds."""
  found = {name: one.signature for name, one in traced.items()}
  found |= {alias: found[name] for alias, name in aliases.items()}
  return {
    side: [part.as_record() for part in parts] for side, parts in specs.items()
  } | {'signatures': names.as_records(found)}


def _write_json(folder: str, name: str, content: Any) -> None:
  text = json.dumps(content, indent=2, allow_nan=False)
  _write_text(folder, name, text + '\n')


def _write_text(folder: str, name: str, text: str) -> None:
  with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
    file.write(text)
