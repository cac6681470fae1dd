"""Which version is served, which were, and how the next one takes over."""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from tensorflow.core.protobuf import saved_model_pb2

from awopt_agent import files
from awopt_agent.serving import predictor as predictor_lib

__all__ = ['Served', 'Source', 'Versions', 'warn']

_LOOK_EVERY_S = 0.2
_AVAILABLE, _END = 'AVAILABLE', 'END'
warn = logging.getLogger(__name__).warning


class Source(Protocol):
  """Where the policy comes from: a `Follower`, or its like."""

  @property
  def predictor(self) -> predictor_lib.Predictor:
    """The policy of now."""

  def close(self) -> None:
    """Looks for no other."""


class Served(NamedTuple):
  """A version that is served.

  Attributes:
    predictor: Runs it.
    signature_defs: Of its SavedModel, as TensorFlow's messages by name.
  """

  predictor: predictor_lib.Predictor
  signature_defs: Mapping[str, Any]

  @property
  def version(self) -> int:
    """Training step of its weights."""
    return self.predictor.version


class Versions:
  """Serves what a source holds, once that is prepared."""

  def __init__(
    self,
    source: Source,
    *,
    prepare: Callable[[predictor_lib.Predictor], None],
    report: Callable[[str], None] = warn,
  ):
    """Prepares the first version, and begins to look for others.

    Args:
      source: Where the policy comes from; closed with this.
      prepare: Is called with each version before it serves, in a thread
        beside the one that serves; one for which it raises never does.
      report: Receives a line for each version that does not.

    Raises:
      Exception: What `prepare` raises for the first version.
    """
    self._source = source
    self._prepare = prepare
    self._report = report
    self._refused: Any = None
    self._current = self._make(source.predictor)
    self._seen = {self._current.version}
    self._stopped = threading.Event()
    self._thread = threading.Thread(
      target=self._watch, name='versions', daemon=True
    )
    self._thread.start()

  @property
  def current(self) -> Served:
    """The version of now; take it once for what belongs together."""
    return self._current

  def states(self) -> dict[int, str]:
    """Returns the states of versions, the newest first."""
    now = self._current.version
    return {
      version: _AVAILABLE if version == now else _END
      for version in sorted(self._seen | {now}, reverse=True)
    }

  def close(self) -> None:
    """Looks for no other; the last one stays valid."""
    self._stopped.set()
    self._thread.join()
    self._source.close()

  def _watch(self) -> None:
    while not self._stopped.wait(_LOOK_EVERY_S):
      predictor = self._source.predictor
      if predictor in (self._current.predictor, self._refused):
        continue
      try:
        served = self._make(predictor)
      except Exception as error:  # Whatever a broken policy raises.
        self._refused = predictor
        self._report(
          f'version {predictor.version} does not answer, and is skipped: '
          f'{files.first_line(error)}'
        )
        continue
      self._seen = self._seen | {served.version}
      self._current = served

  def _make(self, predictor: predictor_lib.Predictor) -> Served:
    self._prepare(predictor)
    path = os.path.join(predictor.folder, 'saved_model.pb')
    with open(path, 'rb') as file:
      model = saved_model_pb2.SavedModel.FromString(file.read())
    return Served(predictor, dict(model.meta_graphs[0].signature_def))
