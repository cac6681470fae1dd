"""TFDS builder of the demonstrations of Task 2."""

import tensorflow_datasets as tfds

from awopt_agent.demos import recorded


class Builder(recorded.RecordedBuilder):
  """Scripted grasps of a bowl among other objects, state observations."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'First recording.'}
