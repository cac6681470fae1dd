"""A signature as a graph without variables, made for small interpreters.

TFLite has no operations for random numbers. Those of a search are the same at
every call, so they can stand in the graph as constants.
"""

import collections
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

__all__ = ['save_frozen']

_RANDOM = 'StatelessRandom'
# It says only where its random numbers come from, and in which type.
_NO_NUMBERS = ('StatelessRandomGetKeyCounter', 'StatelessRandomGetAlg')
_CHECK = 'EnsureShape'


def save_frozen(model: Any, signature: str, folder: str) -> None:
  """Writes a SavedModel with one signature, which needs no variables.

  Random numbers that depend on no input become constants, and checks of
  shapes are dropped.

  Args:
    model: What `tf.saved_model.load` returned.
    signature: Name of the signature, there and in the new one.
    folder: To write.

  Raises:
    ValueError: If its inputs cannot be told.
  """
  function = model.signatures[signature]
  frozen = convert_to_constants.convert_variables_to_constants_v2(function)
  graph = frozen.graph.as_graph_def()
  _fold(graph)
  for node in graph.node:
    if node.op == _CHECK:
      node.op = 'Identity'
      del node.attr['shape']
  inputs = {tensor.op.name: tensor.name for tensor in frozen.inputs}
  taken = function.structured_input_signature[1]
  if set(inputs) != set(taken):
    raise ValueError(f'the inputs of {signature!r} are hidden in its graph')
  names = sorted(function.structured_outputs)
  outputs = dict(
    zip(names, (tensor.name for tensor in frozen.outputs), strict=True)
  )
  _save(graph, signature, (inputs, outputs), taken, folder)


def _fold(graph: tf.compat.v1.GraphDef) -> None:
  """Replaces random numbers by what they are."""
  constant = _constants(graph)
  found = [
    node
    for node in graph.node
    if node.op.startswith(_RANDOM)
    and node.op not in _NO_NUMBERS
    and node.name in constant
  ]
  for node, value in zip(found, _run(graph, found), strict=True):
    node.CopyFrom(_as_constant(node.name, value))


def _constants(graph: tf.compat.v1.GraphDef) -> set[str]:
  """Returns the names of the nodes that depend on no input."""
  users = collections.defaultdict(list)
  for node in graph.node:
    for reference in node.input:
      users[_node_name(reference)].append(node.name)
  reached: set[str] = set()
  ahead = [node.name for node in graph.node if node.op == 'Placeholder']
  while ahead:
    name = ahead.pop()
    if name not in reached:
      reached.add(name)
      ahead += users[name]
  return {node.name for node in graph.node} - reached


def _node_name(reference: str) -> str:
  """Returns the node of a reference such as `^name` or `name:1`."""
  return reference.removeprefix('^').split(':')[0]


def _run(graph: tf.compat.v1.GraphDef, nodes: Iterable) -> list[np.ndarray]:
  with tf.Graph().as_default() as whole:
    tf.import_graph_def(graph, name='')
    with tf.compat.v1.Session(graph=whole) as session:
      return session.run([f'{node.name}:0' for node in nodes])


def _as_constant(name: str, value: np.ndarray) -> tf.compat.v1.NodeDef:
  node = tf.compat.v1.NodeDef(name=name, op='Const')
  node.attr['dtype'].type = tf.as_dtype(value.dtype).as_datatype_enum
  node.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(value))
  return node


def _save(
  graph: tf.compat.v1.GraphDef,
  signature: str,
  names: tuple[Mapping[str, str], Mapping[str, str]],
  taken: Mapping[str, tf.TensorSpec],
  folder: str,
) -> None:
  inputs, outputs = names
  kept = tf.compat.v1.graph_util.extract_sub_graph(
    graph, [_node_name(one) for side in names for one in side.values()]
  )
  whole = tf.compat.v1.wrap_function(
    lambda: tf.import_graph_def(kept, name=''), []
  )
  pruned = whole.prune([inputs[name] for name in taken], dict(outputs))

  @tf.function(autograph=False)
  def call(**values):
    return pruned(*(values[name] for name in taken))

  tf.saved_model.save(
    tf.Module(), folder, {signature: call.get_concrete_function(**taken)}
  )
