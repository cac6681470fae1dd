"""TFDS builder of trials of Task 1."""

import tensorflow_datasets as tfds

from awopt_agent.demos import recorded


class Builder(recorded.RecordedBuilder):
  """A poor expert's trials at lifting any of six objects from a bin."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'First recording.'}
