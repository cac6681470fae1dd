"""Tensors as the model server's REST protocol writes them.

What a client sends is looked at level by level before it becomes an array:
NumPy would take strings for numbers, and fill memory to make lists even.
"""

import base64
import binascii
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from awopt_agent.serving import parts as parts_lib
from awopt_agent.serving import signatures as signatures_lib
from awopt_agent.serving.server import byte_lists

__all__ = ['Request', 'decode_inputs', 'encode_outputs', 'parse']

Arrays = Mapping[str, np.ndarray]

_ROWS, _COLUMNS = 'instances', 'inputs'
_ANSWERS = {_ROWS: 'predictions', _COLUMNS: 'outputs'}
_SHOWN = 40


class Request(NamedTuple):
  """The body of a request.

  Attributes:
    signature: Its name; None for the default one.
    form: 'instances' (rows) or 'inputs' (columns).
    values: What stands there; long lists of bytes as arrays.
  """

  signature: str | None
  form: str
  values: Any


def parse(body: bytes) -> Request:
  """Reads a request's body.

  Args:
    body: JSON; NaN and infinities too, as the model server takes them.

  Raises:
    ValueError: If it is no JSON, or not what the protocol wants.
  """
  document = _parse_json(body)
  if not isinstance(document, dict):
    raise ValueError(
      f'the body must be a JSON object, got {_kind(document)}; send '
      '{"instances": [...]} or {"inputs": ...}.'
    )
  signature = document.get('signature_name')
  if signature is not None and not isinstance(signature, str):
    raise ValueError(
      f"'signature_name' key must be a string value, got {_kind(signature)}."
    )
  forms = [form for form in (_ROWS, _COLUMNS) if form in document]
  if not forms:
    raise ValueError("Missing 'inputs' or 'instances' key.")
  if len(forms) > 1:
    raise ValueError("only one of 'inputs' or 'instances' keys may be there.")
  return Request(signature or None, forms[0], document[forms[0]])


def decode_inputs(
  request: Request, signature: signatures_lib.Signature, most_rows: int
) -> dict[str, np.ndarray]:
  """Makes arrays of a request's values.

  Args:
    request: What `parse` returned.
    signature: What it asks for.
    most_rows: Of a batch.

  Returns:
    By the names of the inputs, of their types; `[B, ...]` where the signature
    takes batches. Whether they fit further is for `Predictor` to say.

  Raises:
    ValueError: If a value has another type or shape; names the input.
  """
  inputs = signature.inputs
  columns = (
    _columns_of_rows(request.values, inputs)
    if request.form == _ROWS
    else _columns(request.values, inputs)
  )
  batched = signature.batched or request.form == _ROWS
  return {
    part.name: _decode(part, columns[part.name], batched, most_rows)
    for part in inputs
  }


def encode_outputs(outputs: Arrays, form: str) -> bytes:
  """Writes an answer.

  Args:
    outputs: By name, `[B, ...]`.
    form: Of the request: 'instances' or 'inputs'.

  Returns:
    JSON; one output alone stands there without its name.
  """
  outputs = {
    name: np.ascontiguousarray(value) for name, value in outputs.items()
  }
  answer: Any = outputs
  if len(outputs) == 1:
    (answer,) = outputs.values()
  elif form == _ROWS:
    rows = len(next(iter(outputs.values())))
    answer = [
      {name: value[row] for name, value in outputs.items()}
      for row in range(rows)
    ]
  return orjson.dumps(
    {_ANSWERS[form]: answer}, option=orjson.OPT_SERIALIZE_NUMPY
  )


def _parse_json(body: bytes) -> Any:
  text, arrays = byte_lists.lift(body)
  if arrays:
    try:
      document = orjson.loads(text)
      if _put_back(document, arrays):
        return document
    except orjson.JSONDecodeError:
      pass  # Of the whole, to say where it is wrong.
  try:
    return orjson.loads(body)
  except orjson.JSONDecodeError as error:
    reason = str(error)
  if b'NaN' in body or b'Infinity' in body:
    try:
      return json.loads(body)
    except (ValueError, RecursionError) as error:
      reason = str(error)
  raise ValueError(f'JSON Parse error: {reason}.')


def _put_back(document: Any, arrays: Arrays) -> bool:
  """Puts arrays in their places; tells whether each has one.

  Requests have them in an input of a row or column, or for the only input.
  """
  left = len(arrays)
  values = [document.get(form) for form in (_ROWS, _COLUMNS)]
  rows = values[0] if isinstance(values[0], list) else []
  for group in (document, values[1], *rows):
    if isinstance(group, dict):
      for name, value in group.items():
        if isinstance(value, str) and value in arrays:
          group[name] = arrays[value]
          left -= 1
  return not left


def _columns_of_rows(
  rows: Any, inputs: Sequence[parts_lib.Part]
) -> dict[str, Any]:
  names = [part.name for part in inputs]
  if isinstance(rows, np.ndarray):
    if len(names) == 1:
      return {names[0]: rows}
    rows = rows.tolist()
  if not isinstance(rows, list) or not rows:
    raise ValueError(
      f"'instances' must be a list of at least one row, got {_kind(rows)}."
    )
  if len(names) == 1 and not any(map(_is_object, rows)):
    return {names[0]: rows}
  for index, row in enumerate(rows):
    if not _is_object(row):
      raise ValueError(
        f"row {index} of 'instances' must be an object with the inputs "
        f'{", ".join(names)}, got {_kind(row)}.'
      )
    if row.keys() != set(names):
      problems = [f'lacks {name!r}' for name in names if name not in row]
      problems += [
        f'has an unknown {name[:_SHOWN]!r}' for name in row if name not in names
      ]
      raise ValueError(
        f"row {index} of 'instances' {', '.join(problems[:4])}; its keys must "
        f'be {", ".join(names)}.'
      )
  return {name: [row[name] for row in rows] for name in names}


def _columns(
  values: Any, inputs: Sequence[parts_lib.Part]
) -> Mapping[str, Any]:
  names = [part.name for part in inputs]
  if not _is_object(values):
    if len(names) == 1:
      return {names[0]: values}
    raise ValueError(
      f"'inputs' must be an object with the inputs {', '.join(names)}, got "
      f'{_kind(values)}.'
    )
  for name in names:
    if name not in values:
      raise ValueError(
        f"Missing named input: {name!r} in 'inputs' object; pass "
        f'{", ".join(names)}.'
      )
  return values


def _decode(
  part: parts_lib.Part, value: Any, batched: bool, most_rows: int
) -> np.ndarray:
  what, shape = f'input {part.name!r}', list(part.shape)
  if batched:
    if not isinstance(value, list | np.ndarray):
      raise ValueError(
        f'{what} must be a list of rows of shape {shape}, got {_kind(value)}.'
      )
    if len(value) > most_rows:
      raise ValueError(
        f'{what} has {len(value)} rows; send at most {most_rows} at once.'
      )
    shape = [len(value), *shape]
  if part.dtype == 'uint8' and _are_bytes(value, shape):
    return value if isinstance(value, np.ndarray) else np.stack(value)
  leaves = _flatten(_as_lists(value), shape, what)
  return _as_array(part.dtype, leaves, what).reshape(shape)


def _are_bytes(value: Any, shape: Sequence[int]) -> bool:
  """Tells whether a value is an array of a shape, or a list of its rows."""
  if isinstance(value, list) and value:
    return all(
      isinstance(row, np.ndarray) and list(row.shape) == shape[1:]
      for row in value
    )
  return isinstance(value, np.ndarray) and list(value.shape) == shape


def _as_lists(value: Any) -> Any:
  """Returns what stood in the document."""
  if isinstance(value, list):
    return [
      row.tolist() if isinstance(row, np.ndarray) else row for row in value
    ]
  return value.tolist() if isinstance(value, np.ndarray) else value


def _flatten(value: Any, shape: Sequence[int], what: str) -> list:
  """Returns the numbers of nested lists, which must have a shape."""
  level = [value]
  for depth, size in enumerate(shape):
    if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
      other = next(
        one for one in level if type(one) is not list or len(one) != size
      )
      found = f'{len(other)}' if isinstance(other, list) else _kind(other)
      raise ValueError(
        f'{what} must have shape {list(shape)}; at level {depth + 1} stands '
        f'{found} instead of a list of {size}.'
      )
    level = list(itertools.chain.from_iterable(level))
    if not level:
      break
  return level


_TYPES: dict[str, set] = {
  'b': {bool},
  'i': {int},
  'u': {int},
  'f': {int, float},
}


def _as_array(dtype_name: str, leaves: list, what: str) -> np.ndarray:
  if dtype_name == parts_lib.BYTES:
    array = np.empty(len(leaves), object)
    array[:] = [_as_bytes(leaf, what) for leaf in leaves]
    return array
  dtype = np.dtype(dtype_name)
  allowed = _TYPES[dtype.kind]
  if not set(map(type, leaves)) <= allowed:
    other = next(one for one in leaves if type(one) not in allowed)
    raise ValueError(
      f'{what} must be {dtype_name}, got {_kind(other)} {_shown(other)}.'
    )
  if dtype.kind == 'f':
    try:
      with np.errstate(over='ignore'):  # What overflows is not finite.
        return np.array(leaves, np.float64).astype(dtype)
    except OverflowError as error:
      raise ValueError(f'{what} holds a number beyond {dtype_name}.') from error
  if dtype.kind in 'iu' and leaves:
    limits = np.iinfo(dtype)
    for extreme in (min(leaves), max(leaves)):
      if not limits.min <= extreme <= limits.max:
        raise ValueError(
          f'{what} = {_shown(extreme)} is no {dtype_name}; send '
          f'{limits.min} to {limits.max}.'
        )
  return np.array(leaves, dtype)


def _as_bytes(value: Any, what: str) -> bytes:
  if isinstance(value, str):
    return value.encode('utf-8', 'surrogatepass')
  if not _is_base64(value):
    raise ValueError(
      f'{what} must be a string or {{"b64": ...}}, got {_kind(value)}.'
    )
  text = value['b64']
  try:
    # The model server's reader takes it without padding too.
    return base64.b64decode(text + '=' * (-len(text) % 4), validate=True)
  except (binascii.Error, ValueError) as error:
    raise ValueError(f'{what} holds no base64: {error}.') from error


def _is_base64(value: Any) -> bool:
  return (
    isinstance(value, dict)
    and value.keys() == {'b64'}
    and isinstance(value['b64'], str)
  )


def _is_object(value: Any) -> bool:
  return isinstance(value, dict) and not _is_base64(value)


def _kind(value: Any) -> str:
  if isinstance(value, bool) or value is None:
    return {True: 'true', False: 'false', None: 'null'}[value]
  names = {
    dict: 'an object',
    list: 'a list',
    np.ndarray: 'a list',
    str: 'a string',
    int: 'a whole number',
    float: 'a number',
  }
  if isinstance(value, list) and not value:
    return 'an empty list'
  return names[type(value)]


def _shown(value: Any) -> str:
  if isinstance(value, int) and value.bit_length() > 200:
    return 'of so many digits'
  text = '' if isinstance(value, (list, dict)) else str(value)
  return text if len(text) <= _SHOWN else text[:_SHOWN] + '...'
