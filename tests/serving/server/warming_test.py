import gc
import os

from awopt_agent.serving import layout
from awopt_agent.serving.server import warming


class Recorder:
  """Remembers which signatures ran, and with how many rows."""

  def __init__(self, predictor, folder=None):
    self._predictor = predictor
    self.folder = folder or predictor.folder
    self.ran = {}

  @property
  def signatures(self):
    return self._predictor.signatures

  def run(self, signature, arrays):
    outputs = self._predictor.run(signature, arrays)
    self.ran[signature] = len(next(iter(outputs.values())))
    return outputs


def test_each_signature_is_called_with_a_row(predictor):
  recorder = Recorder(predictor)
  warming.warm(recorder)
  assert recorder.ran == dict.fromkeys(predictor.signatures, 1)


def test_an_export_without_requests_is_served_cold(predictor, tmp_path):
  os.makedirs(tmp_path / layout.EXTRA)
  recorder = Recorder(predictor, str(tmp_path))
  warming.warm(recorder)
  assert recorder.ran == {}


def test_the_collector_passes_over_what_is_there():
  gc.unfreeze()
  try:
    warming.settle_memory()
    assert gc.get_freeze_count() > 100_000  # TensorFlow's, among others.
    assert len(gc.get_objects(generation=2)) < gc.get_freeze_count() / 10
  finally:
    gc.unfreeze()
