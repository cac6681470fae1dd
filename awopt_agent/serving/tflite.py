"""Policies as TFLite files, and how far they are from the SavedModel."""

import contextlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from awopt_agent.serving import freezing, layout
from awopt_agent.serving import golden as golden_lib

__all__ = ['Conversion', 'convert', 'describe']

_BUILTIN = tf.lite.OpsSet.TFLITE_BUILTINS
_SELECT = tf.lite.OpsSet.SELECT_TF_OPS


class Conversion(NamedTuple):
  """What became of a signature.

  Attributes:
    file: Name of the TFLite file in `assets.extra`; None if it became none.
    ops: 'builtin', or 'select' where the interpreter needs TensorFlow's own
      operations (the Flex delegate).
    max_difference: Greatest difference of a continuous part from the
      SavedModel's answers to the golden inputs.
    unequal: Of the golden rows, those of which a discrete part differs.
    rows: Golden rows.
    reason: Of the converter, where there is no file.
  """

  file: str | None
  ops: str | None = None
  max_difference: float | None = None
  unequal: int | None = None
  rows: int | None = None
  reason: str | None = None

  def as_record(self) -> dict[str, Any]:
    """Returns what JSON can hold."""
    return {
      name: value for name, value in self._asdict().items() if value is not None
    }


def convert(
  folder: str, signature: str, golden: golden_lib.Golden
) -> Conversion:
  """Converts one signature of a version, and measures the result.

  Args:
    folder: Of the version; the file comes into its `assets.extra`.
    signature: Its name.
    golden: Its golden pairs.

  Returns:
    What came of it; a file that cannot be run is none.
  """
  reason = ''
  for ops, make in (('builtin', _convert_frozen), ('select', _convert_whole)):
    try:
      with _quiet():
        content = make(folder, signature)
        difference, unequal = _measure(content, signature, golden)
    except Exception as error:  # The converter raises what it likes.
      reason = _reason(error)
      continue
    name = f'{signature}.tflite'
    with open(os.path.join(folder, layout.EXTRA, name), 'wb') as file:
      file.write(content)
    rows = len(next(iter(golden.outputs.values())))
    return Conversion(name, ops, difference, unequal, rows)
  return Conversion(None, reason=reason)


def describe(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
  """Returns a line for each signature, of what metadata say of its file."""
  return [
    f'{name}: no TFLite file, for the converter says: {record["reason"]}'
    if 'file' not in record
    else f'{name}: {record["file"]} ({record["ops"]} operations) differs from '
    f'the SavedModel by at most {record["max_difference"]:.2g}, and in '
    f'{record["unequal"]} of {record["rows"]} discrete choices'
    for name, record in records.items()
  ]


def _convert_frozen(folder: str, signature: str) -> bytes:
  """Returns a file that any interpreter runs."""
  with tempfile.TemporaryDirectory() as frozen:
    freezing.save_frozen(tf.saved_model.load(folder), signature, frozen)
    return _convert(frozen, signature, [_BUILTIN])


def _convert_whole(folder: str, signature: str) -> bytes:
  """Returns a file that asks for TensorFlow's operations."""
  return _convert(folder, signature, [_BUILTIN, _SELECT])


def _convert(folder: str, signature: str, ops: list) -> bytes:
  converter = tf.lite.TFLiteConverter.from_saved_model(
    folder, signature_keys=[signature]
  )
  converter.target_spec.supported_ops = ops
  return converter.convert()


def _measure(
  content: bytes, signature: str, golden: golden_lib.Golden
) -> tuple[float, int]:
  """Returns the greatest difference, and the rows with other choices."""
  interpreter = tf.lite.Interpreter(model_content=content)
  runner = interpreter.get_signature_runner(signature)
  greatest, unequal = 0.0, np.zeros(len(next(iter(golden.outputs.values()))))
  outputs = _run(runner, golden.inputs)
  for name, expected in golden.outputs.items():
    found = outputs[name]
    if found.shape != expected.shape:
      raise ValueError(
        f'the file answers {name!r} as {list(found.shape)} instead of '
        f'{list(expected.shape)}'
      )
    if expected.dtype.kind == 'f' and not np.isfinite(found).all():
      raise ValueError(f'the file answers {name!r} that is not finite')
    if expected.dtype.kind == 'f':
      greatest = max(greatest, float(np.max(np.abs(found - expected))))
    else:
      other = (found != expected).reshape(len(expected), -1)
      unequal = np.logical_or(unequal, np.any(other, axis=1))
  return greatest, int(np.sum(unequal))


def _run(runner, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  return {name: value.copy() for name, value in runner(**inputs).items()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Holds back what the converter says of its work, in Python and in C++."""
  logger = tf.get_logger()
  level = logger.level
  logger.setLevel(logging.ERROR)
  sys.stderr.flush()
  original = os.dup(2)
  nowhere = os.open(os.devnull, os.O_WRONLY)
  try:
    os.dup2(nowhere, 2)
    yield
  finally:
    sys.stderr.flush()
    os.dup2(original, 2)
    os.close(original)
    os.close(nowhere)
    logger.setLevel(level)


def _reason(error: Exception) -> str:
  """Returns the first line, without where in the graph it happened."""
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  if not lines:
    return type(error).__name__
  return re.sub(r'.*\berror: (loc\(.*\): )?', '', lines[0]).removesuffix('.')
