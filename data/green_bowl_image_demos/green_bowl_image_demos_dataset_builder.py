"""TFDS builder of demonstrations of Task 2 with pictures."""

import tensorflow_datasets as tfds

from awopt_agent.demos import recorded


class Builder(recorded.RecordedBuilder):
  """Scripted grasps of a green bowl among other objects, seen by a camera."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'First recording.'}
