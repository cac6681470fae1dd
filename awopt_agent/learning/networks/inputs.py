"""Observations as networks take them: one vector, or a picture beside it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

__all__ = ['ImageAndState', 'StateVector']


class StateVector:
  """Flattens a nest of bounded floats to `[B, S]`, scaled to [-1, 1].

  Each zoom z adds a copy tanh(z x): a hand's breadth in a workspace of half a
  metre is a small number, and its centimetres decide a grasp.
  """

  def __init__(self, observation_spec: Any, zooms: Sequence[float]):
    parts = tf.nest.flatten(observation_spec)
    for part in parts:
      if not part.dtype.is_floating:
        raise ValueError(
          f'the mlp networks take float observations, got {part}; choose '
          'networks for images or pass your own.'
        )
    self._spec = observation_spec
    self._zooms = tuple(zooms)
    self._sizes = [part.shape.num_elements() for part in parts]
    self.size = sum(self._sizes) * (1 + len(self._zooms))
    bounds = [_scale_of(part) for part in parts]
    self._center = np.concatenate([[], *(center for center, _ in bounds)])
    self._half = np.concatenate([[], *(half for _, half in bounds)])

  def __call__(self, observation: Any) -> tf.Tensor:
    tf.nest.assert_same_structure(self._spec, observation)
    columns = [
      tf.reshape(tf.cast(value, tf.float32), [-1, size])
      for value, size in zip(
        tf.nest.flatten(observation), self._sizes, strict=True
      )
    ]
    center, half = (
      tf.constant(values, tf.float32) for values in (self._center, self._half)
    )
    scaled = (tf.concat(columns, -1) - center) / half
    zoomed = [tf.tanh(zoom * scaled) for zoom in self._zooms]
    return tf.concat([scaled, *zoomed], axis=-1)


def _scale_of(part) -> tuple[np.ndarray, np.ndarray]:
  """Returns centre and half width of a spec's bounds.

  They are 0 and 1 where it has none, and of half width 1 where both are equal.
  """
  size = part.shape.num_elements()
  low = np.broadcast_to(getattr(part, 'minimum', -1.0), part.shape)
  high = np.broadcast_to(getattr(part, 'maximum', 1.0), part.shape)
  low = low.reshape(size).astype(np.float64)
  high = high.reshape(size).astype(np.float64)
  bounded = (np.abs(low) < 1e6) & (np.abs(high) < 1e6)
  center = np.where(bounded, (low + high) / 2, 0.0)
  half = np.where(bounded & (low < high), (high - low) / 2, 1.0)
  return center.astype(np.float32), half.astype(np.float32)


class ImageAndState:
  """Splits a nest into its one image `[B, H, W, C]` and a vector `[B, S]`.

  The image comes out as floats in [-1, 1], the rest as `StateVector` has it.
  """

  def __init__(self, observation_spec: Any, zooms: Sequence[float]):
    parts = tf.nest.flatten(observation_spec)
    images = [i for i, part in enumerate(parts) if part.dtype == tf.uint8]
    if len(images) != 1 or parts[images[0]].shape.rank != 3:
      raise ValueError(
        'networks for images take one uint8 image [H, W, C] and floats, got '
        f'{observation_spec}; choose the mlp networks or pass your own.'
      )
    self._spec = observation_spec
    self._place = images[0]
    self.image_shape = tuple(parts[self._place].shape)
    self._state = StateVector(self._without_image(parts), zooms)
    self.state_size = self._state.size

  def __call__(self, observation: Any) -> tuple[tf.Tensor, tf.Tensor]:
    tf.nest.assert_same_structure(self._spec, observation)
    parts = tf.nest.flatten(observation)
    image = tf.cast(parts[self._place], tf.float32) / 127.5 - 1.0
    if not self.state_size:
      return image, tf.zeros([tf.shape(image)[0], 0])
    return image, self._state(self._without_image(parts))

  def _without_image(self, parts: Sequence[Any]) -> list:
    return [part for i, part in enumerate(parts) if i != self._place]
