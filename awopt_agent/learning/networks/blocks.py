"""Layers whose variables exist from the start, as targets and loads need.

A layer computes in the type of its inputs, whatever its variables are: CEM may
score in bfloat16.
"""

import itertools
from collections.abc import Sequence

import tensorflow as tf

__all__ = ['Conv', 'Dense', 'Mlp', 'spatial_softmax']


class Dense(tf.Module):
  """A fully connected layer."""

  def __init__(
    self, inputs: int, outputs: int, *, seed: int, scale: float, name: str
  ):
    super().__init__(name=name)
    initializer = tf.keras.initializers.VarianceScaling(scale, seed=seed)
    self.kernel = tf.Variable(initializer([inputs, outputs]), name='kernel')
    self.bias = tf.Variable(tf.zeros([outputs]), name='bias')

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    kernel, bias = (tf.cast(v, inputs.dtype) for v in (self.kernel, self.bias))
    # One matrix, and `bias_add`: TensorFlow then fuses product, bias and ReLU.
    if inputs.shape.rank == 2:
      return tf.nn.bias_add(tf.matmul(inputs, kernel), bias)
    rows = tf.reshape(inputs, [-1, kernel.shape[0]])
    outputs = tf.nn.bias_add(tf.matmul(rows, kernel), bias)
    shape = tf.concat([tf.shape(inputs)[:-1], kernel.shape[1:]], axis=0)
    return tf.ensure_shape(
      tf.reshape(outputs, shape), [*inputs.shape[:-1], kernel.shape[1]]
    )


class Conv(tf.Module):
  """A convolution `[B, H, W, C]`, zero-padded unless padding is 'VALID'."""

  def __init__(
    self,
    inputs: int,
    outputs: int,
    *,
    size: int,
    stride: int,
    seed: int,
    name: str,
    padding: str = 'SAME',
  ):
    super().__init__(name=name)
    initializer = tf.keras.initializers.VarianceScaling(2.0, seed=seed)
    shape = [size, size, inputs, outputs]
    self.kernel = tf.Variable(initializer(shape), name='kernel')
    self.bias = tf.Variable(tf.zeros([outputs]), name='bias')
    self._stride = stride
    self._padding = padding

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    kernel, bias = (tf.cast(v, inputs.dtype) for v in (self.kernel, self.bias))
    maps = tf.nn.conv2d(inputs, kernel, self._stride, self._padding)
    return tf.nn.bias_add(maps, bias)


class Mlp(tf.Module):
  """Fully connected layers, each behind a ReLU."""

  def __init__(self, widths: Sequence[int], *, seed: int, name: str = 'mlp'):
    """Builds the layers between each two widths."""
    super().__init__(name=name)
    self._layers = [
      Dense(inputs, outputs, seed=seed + i, scale=2.0, name=f'hidden_{i}')
      for i, (inputs, outputs) in enumerate(itertools.pairwise(widths))
    ]

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    for layer in self._layers:
      inputs = tf.nn.relu(layer(inputs))
    return inputs


def spatial_softmax(maps: tf.Tensor) -> tf.Tensor:
  """Finds where each feature map `[B, H, W, C]` is active.

  Returns:
    `[B, 2 C]`: the expected row of each map, then the expected columns; -1
    at the first, 1 at the last.

  Source: Levine et al., End-to-End Training of Deep Visuomotor Policies
    (arXiv:1504.00702) section 5.1.
  """
  height, width, channels = maps.shape[1:]
  flat = tf.reshape(maps, [-1, height * width, channels])
  shares = tf.nn.softmax(flat, axis=1)
  rows, columns = tf.meshgrid(
    tf.linspace(-1.0, 1.0, height), tf.linspace(-1.0, 1.0, width), indexing='ij'
  )
  places = tf.stack([tf.reshape(rows, [-1]), tf.reshape(columns, [-1])])
  expected = tf.einsum('bpc,kp->bkc', shares, places)
  return tf.reshape(expected, [-1, 2 * channels])
