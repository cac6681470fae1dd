"""An agent's policies as functions from named tensors to named tensors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from awopt_agent.serving import parts as parts_lib
from awopt_agent.serving import pictures
from awopt_agent.serving import signatures as names

__all__ = ['Traced', 'aliases', 'trace']

Parts = Sequence[parts_lib.Part]

_Q_PART = parts_lib.Part(names.Q_VALUES, (names.Q_VALUES,), (), 'float32')
_SCORE_PART = parts_lib.Part(names.SCORE, (names.SCORE,), (), 'float32')
_STEP_TYPE = parts_lib.Part(
  'step_type', ('step_type',), (), 'int32', np.int32(0), np.int32(2)
)
_SEED = parts_lib.Part('seed', ('seed',), (2,), 'int32')
# So much a model server would allocate for whoever asks.
_MOST_ROWS = 4096
_BATCH_SIZE = parts_lib.Part(
  'batch_size', (), (), 'int32', np.int32(1), np.int32(_MOST_ROWS)
)


_RESERVED = (names.DEFAULT, names.ACTION, names.Q_VALUES, names.PRACTICE)


class Traced(NamedTuple):
  """A signature, and the concrete function that is to become it."""

  signature: names.Signature
  function: Any


def trace(agent: Any, specs: Mapping[str, Parts]) -> dict[str, Traced]:
  """Traces all that an agent can serve, each for any batch size.

  Args:
    agent: As `export` takes it.
    specs: Parts of its 'observation' and its 'action'.

  Returns:
    By the name of the signature; without those of the default policy.

  Raises:
    ValueError: If two parts of a signature, or two signatures, would have the
      same name.
  """
  found: dict[str, Traced] = {}

  def add(name: str, traced: Traced) -> None:
    if name in found:
      raise ValueError(
        f'two signatures would be named {name!r}; rename a policy.'
      )
    _check_names(name, traced.signature)
    found[name] = traced

  value = None
  if getattr(agent, 'learns_values', hasattr(agent, 'q_value')):
    value = _trace_q_value(agent, specs)
    add(names.Q_VALUES, value)
  for kind, policy in agent.policies.items():
    if kind in _RESERVED:
      raise ValueError(
        f'a policy is named {kind!r}, as a signature of every export; rename '
        'it.'
      )
    act = _trace_policy(policy, specs)
    served = {kind: act}
    if value is not None:
      served[kind + names.WITH_SCORE] = _with_score(act, value, specs)
    for name, one in served.items():
      add(name, one)
      if any(map(pictures.is_picture, specs['observation'])):
        add(name + names.ENCODED, _encoded(one))
    if policy.policy_state_spec:
      add(kind + names.STATEFUL, _trace_stateful(policy, specs, seeded=False))
      add(kind + names.INITIAL_STATE, _trace_initial(policy, seeded=False))
  practice = getattr(agent, 'collect_policy', None)
  if practice is not None:
    add(names.PRACTICE, _trace_stateful(practice, specs, seeded=True))
    add(
      names.PRACTICE + names.INITIAL_STATE,
      _trace_initial(practice, seeded=True),
    )
  return found


def aliases(traced: Mapping[str, Traced], kind: str) -> dict[str, str]:
  """Returns the names of the default policy's signatures.

  Args:
    traced: What `trace` returned.
    kind: Of the default policy.

  Returns:
    For each of the names, that of the signature that it stands for.
  """
  return {names.DEFAULT: kind, names.ACTION: kind} | {
    names.ACTION + suffix: kind + suffix
    for suffix in (
      names.WITH_SCORE,
      names.ENCODED,
      names.WITH_SCORE + names.ENCODED,
    )
    if kind + suffix in traced
  }


def _check_names(name: str, signature: names.Signature) -> None:
  for side, parts in zip(('inputs', 'outputs'), signature[:2], strict=True):
    taken = [part.name for part in parts]
    for one in taken:
      if taken.count(one) > 1:
        raise ValueError(
          f'two {side} of signature {name!r} would be named {one!r}; rename a '
          'part of the observation or of the action.'
        )


def _concrete(body: Callable[..., dict], inputs: Parts) -> Any:
  # No AutoGraph: nothing of what is traced needs it, and it is slow.
  function = tf.function(body, autograph=False)
  return function.get_concrete_function(
    **{
      part.name: tf.TensorSpec(
        [None, *part.shape], tf.as_dtype(np.dtype(part.dtype)), part.name
      )
      for part in inputs
    }
  )


def _trace_policy(policy, specs: Mapping[str, Parts]) -> Traced:
  """Returns a policy that takes each step for the first of an episode."""
  inputs, outputs = (tuple(specs[side]) for side in ('observation', 'action'))

  def act(**values):
    observation = _pack(policy.time_step_spec.observation, inputs, values)
    first = _time_step(policy.time_step_spec, observation)
    state = policy.get_initial_state(tf.shape(first.step_type)[0])
    return _unpack(outputs, policy.action(first, state).action)

  return Traced(names.Signature(inputs, outputs), _concrete(act, inputs))


def _trace_q_value(agent, specs: Mapping[str, Parts]) -> Traced:
  """Returns the critic as a function from parts to values `[B]`."""
  inputs = parts_lib.as_inputs(specs['observation'], specs['action'])
  nests = agent.time_step_spec.observation, agent.action_spec

  def value(**values):
    observation, action = _pack(nests, inputs, values)
    return {names.Q_VALUES: agent.q_value(observation, action)}

  return Traced(names.Signature(inputs, (_Q_PART,)), _concrete(value, inputs))


def _with_score(act: Traced, value: Traced, specs) -> Traced:
  """Returns a policy that also tells what the critic thinks of its action."""
  inputs, outputs = act.signature[:2]

  def act_and_value(**values):
    chosen = act.function(**values)
    action = {
      renamed.name: chosen[part.name]
      for part, renamed in zip(
        outputs, parts_lib.prefixed('action', outputs), strict=True
      )
    }
    score = value.function(**values, **action)[names.Q_VALUES]
    return {**chosen, names.SCORE: score}

  return Traced(
    names.Signature(inputs, (*outputs, _SCORE_PART)),
    _concrete(act_and_value, inputs),
  )


def _encoded(act: Traced) -> Traced:
  """Returns a policy that takes pictures as files."""
  inputs = pictures.as_encoded(act.signature.inputs)

  def decode_and_act(**values):
    decoded = {
      part.name: pictures.decode(part, values[part.name])
      if pictures.is_picture(part)
      else values[part.name]
      for part in act.signature.inputs
    }
    return act.function(**decoded)

  return Traced(
    act.signature._replace(inputs=inputs), _concrete(decode_and_act, inputs)
  )


def _trace_stateful(policy, specs: Mapping[str, Parts], seeded: bool) -> Traced:
  """Returns a policy whose state goes in and out.

  Where it is seeded, rows are computed one by one: what one does shall not
  depend on the rows that happen to stand beside it.
  """
  state, seed = _state_parts(policy, seeded)
  info = parts_lib.prefixed('info', _leaves(policy.info_spec, 'info'))
  inputs = (*specs['observation'], _STEP_TYPE, *state, *seed)
  outputs = (*specs['action'], *state, *seed, *info)

  def act(**values):
    spec = policy.time_step_spec
    step = _time_step(
      spec,
      _pack(spec.observation, specs['observation'], values),
      values[_STEP_TYPE.name],
    )
    before = _pack(policy.policy_state_spec, state, values)
    chance, later = {}, {}
    for part in seed:
      now, then = tf.unstack(
        tf.random.experimental.stateless_split(values[part.name][0], 2)
      )
      chance['seed'], later[part.name] = now, then[tf.newaxis]
    after = policy.action(step, before, **chance)
    return {
      **_unpack(specs['action'], after.action),
      **_unpack(state, after.state),
      **later,
      **_unpack(info, after.info),
    }

  body = _row_by_row(act, outputs) if seeded else act
  return Traced(names.Signature(inputs, outputs), _concrete(body, inputs))


def _row_by_row(body: Callable[..., dict], outputs: Parts) -> Callable:
  """Returns what calls a function of batches with one row after the other."""

  def of_row(values: dict) -> dict:
    batch = body(**{name: value[tf.newaxis] for name, value in values.items()})
    return {
      part.name: tf.ensure_shape(batch[part.name][0], part.shape)
      for part in outputs
    }

  return lambda **values: tf.map_fn(
    of_row,
    values,
    fn_output_signature={
      part.name: tf.TensorSpec(part.shape, part.dtype) for part in outputs
    },
  )


def _trace_initial(policy, seeded: bool) -> Traced:
  """Returns the state in which an episode begins, for a batch."""
  state, seed = _state_parts(policy, seeded)

  @tf.function(autograph=False)
  def begin(**values):
    batch_size = values[_BATCH_SIZE.name]
    # By no seed, not even TensorFlow's global one: robots that start together
    # shall not explore alike.
    chance = {
      part.name: tf.raw_ops.RandomUniformInt(
        shape=[batch_size, *part.shape],
        minval=0,
        maxval=2**31 - 1,
        seed=0,
        seed2=0,
      )
      for part in seed
    }
    return {**_unpack(state, policy.get_initial_state(batch_size)), **chance}

  spec = tf.TensorSpec([], tf.int32, _BATCH_SIZE.name)
  return Traced(
    names.Signature((_BATCH_SIZE,), (*state, *seed), batched=False),
    begin.get_concrete_function(batch_size=spec),
  )


def _state_parts(policy, seeded: bool) -> tuple[Parts, Parts]:
  """Returns the parts of a policy's state, and that of its chance, if any."""
  own = parts_lib.prefixed('state', _leaves(policy.policy_state_spec, 'value'))
  return own, parts_lib.prefixed('state', [_SEED] if seeded else [])


def _leaves(spec: Any, name: str) -> list[parts_lib.Part]:
  """Returns the parts of a nest, which may be empty, or of a named spec."""
  if not tf.nest.flatten(spec):
    return []
  return parts_lib.from_spec(spec, getattr(spec, 'name', None) or name)


def _pack(nest: Any, parts: Parts, values: Mapping[str, tf.Tensor]) -> Any:
  flat = [values[part.name] for part in parts]
  return tf.nest.pack_sequence_as(nest, flat)


def _unpack(parts: Parts, nest: Any) -> dict[str, tf.Tensor]:
  pairs = zip(parts, tf.nest.flatten(nest), strict=True)
  return {part.name: value for part, value in pairs}


def _time_step(time_step_spec, observation, step_type=None) -> ts.TimeStep:
  """Fills the fields that no policy of ours looks at."""
  batch = tf.shape(tf.nest.flatten(observation)[0])[:1]
  fill = lambda spec, value: tf.fill(  # noqa: E731
    tf.concat([batch, spec.shape], 0), tf.constant(value, spec.dtype)
  )
  if step_type is None:
    step_type = fill(time_step_spec.step_type, int(ts.StepType.FIRST))
  return ts.TimeStep(
    step_type=step_type,
    reward=tf.nest.map_structure(
      lambda spec: fill(spec, 0), time_step_spec.reward
    ),
    discount=fill(time_step_spec.discount, 1),
    observation=observation,
  )
