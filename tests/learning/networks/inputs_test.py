import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from awopt_agent.learning.networks import inputs

# A workspace of unequal bounds, and a clock without any.
SPEC = {
  'place': tensor_spec.BoundedTensorSpec([2], tf.float32, [0, -4], [1, 4]),
  'clock': tf.TensorSpec([], tf.float32),
}


def test_scaled_state_is_centred_on_the_bounds_and_zoomed():
  state = inputs.StateVector(SPEC, zooms=(8.0,))
  vector = state(
    {
      'place': tf.constant([[0.75, -1.0], [0.5, 4.0]]),
      'clock': tf.constant([3.0, 0.0]),
    }
  )
  assert state.size == 6
  # clock as it is; place: (.75 - .5) / .5, (-1 - 0) / 4; (.5 - .5) / .5, 4 / 4.
  scaled = np.array([[3.0, 0.5, -0.25], [0.0, 0.0, 1.0]])
  np.testing.assert_allclose(vector[:, :3], scaled, atol=1e-6)
  np.testing.assert_allclose(vector[:, 3:], np.tanh(8 * scaled), atol=1e-6)


def test_zooms_are_optional():
  assert inputs.StateVector(SPEC, zooms=()).size == 3


def test_an_observation_that_never_varies_is_finite():
  spec = tensor_spec.BoundedTensorSpec([2], tf.float32, [0, 7], [2, 7])
  vector = inputs.StateVector(spec, ())(tf.constant([[2.0, 7.0]]))
  np.testing.assert_allclose(vector, [[1.0, 0.0]])


IMAGE = tensor_spec.BoundedTensorSpec([2, 2, 3], tf.uint8, 0, 255, 'image')


def test_an_image_is_told_from_the_rest():
  spec = {'image': IMAGE, **SPEC}
  split = inputs.ImageAndState(spec, zooms=())
  image, state = split(
    {
      'image': tf.constant([[[[0, 51, 255]] * 2] * 2], tf.uint8),
      'place': tf.constant([[0.75, -1.0]]),
      'clock': tf.constant([3.0]),
    }
  )
  assert (split.image_shape, split.state_size) == ((2, 2, 3), 3)
  # 0 / 127.5 - 1, 51 / 127.5 - 1, 255 / 127.5 - 1.
  np.testing.assert_allclose(image[0, 1, 1], [-1.0, -0.6, 1.0], atol=1e-6)
  np.testing.assert_allclose(state, [[3.0, 0.5, -0.25]], atol=1e-6)


def test_an_image_alone_leaves_an_empty_vector():
  image, state = inputs.ImageAndState(IMAGE, zooms=(8.0,))(
    tf.zeros([4, 2, 2, 3], tf.uint8)
  )
  assert (image.shape, state.shape) == ((4, 2, 2, 3), (4, 0))


@pytest.mark.parametrize(
  'spec',
  [
    SPEC,
    {'left': IMAGE, 'right': IMAGE},
    {'image': tensor_spec.BoundedTensorSpec([4], tf.uint8, 0, 255)},
  ],
)
def test_other_than_one_image_is_refused(spec):
  with pytest.raises(ValueError, match='one uint8 image'):
    inputs.ImageAndState(spec, ())
