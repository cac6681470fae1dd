import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.learning.networks import blocks


def test_a_spatial_softmax_finds_where_maps_are_active():
  maps = np.full((1, 3, 5, 2), -50.0, np.float32)
  maps[0, 0, 4, 0] = 50  # First row, last column.
  maps[0, 1:, 1, 1] = 50  # Half way between the last two rows.
  found = blocks.spatial_softmax(tf.constant(maps))
  # Rows -1, 0, 1 and columns -1, -.5, 0, .5, 1; rows of both maps first.
  np.testing.assert_allclose(found, [[-1.0, 0.5, 1.0, -0.5]], atol=1e-6)


def test_flat_maps_point_to_the_middle():
  found = blocks.spatial_softmax(tf.zeros([2, 4, 4, 3]))
  np.testing.assert_allclose(found, np.zeros((2, 6)), atol=1e-6)


def test_a_convolution_is_padded_and_strided():
  layer = blocks.Conv(1, 1, size=3, stride=2, seed=0, name='c')
  layer.kernel.assign(tf.ones_like(layer.kernel))
  layer.bias.assign([10.0])
  # Windows of a 3 x 3 picture of ones at its corners hold 4 of its pixels.
  np.testing.assert_allclose(
    layer(tf.ones([1, 3, 3, 1]))[0, ..., 0], [[14, 14], [14, 14]]
  )


@pytest.mark.parametrize('kind', ['dense', 'conv'])
def test_a_layer_computes_in_the_type_of_its_inputs(kind):
  if kind == 'dense':
    layer = blocks.Dense(3, 4, seed=0, scale=1.0, name='d')
    inputs = tf.random.stateless_normal([2, 5, 3], [0, 1])
  else:
    layer = blocks.Conv(3, 4, size=3, stride=1, seed=0, name='c')
    inputs = tf.random.stateless_normal([2, 5, 5, 3], [0, 1])
  half = layer(tf.cast(inputs, tf.bfloat16))
  assert half.dtype == tf.bfloat16
  # Eight bits of fraction.
  np.testing.assert_allclose(
    tf.cast(half, tf.float32), layer(inputs), atol=0.05
  )


def test_a_layer_keeps_the_shape_before_the_last_axis():
  layer = blocks.Dense(3, 4, seed=0, scale=1.0, name='d')
  assert layer(tf.zeros([2, 5, 3])).shape == (2, 5, 4)
  traced = tf.function(layer).get_concrete_function(
    tf.TensorSpec([None, 5, 3], tf.float32)
  )
  assert traced.output_shapes.as_list() == [None, 5, 4]


def test_an_mlp_joins_its_widths_by_rectified_layers():
  mlp = blocks.Mlp([1, 2, 1], seed=0)
  first, second = mlp._layers
  first.kernel.assign([[1.0, -1.0]])
  second.kernel.assign([[2.0], [3.0]])
  second.bias.assign([0.5])
  # 2 max(x, 0) + 3 max(-x, 0) + .5.
  np.testing.assert_allclose(mlp(tf.constant([[4.0], [-1.0]])), [[8.5], [3.5]])
