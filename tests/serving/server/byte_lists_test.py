import json

import numpy as np
import orjson
import pytest

from awopt_agent.serving.server import byte_lists, json_tensors

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (12, 10, 3))
LONG = json.dumps(PICTURE.tolist()).encode()


def restored(body):
  """Returns a request's form and its values, as lists."""
  request = json_tensors.parse(body)
  values = request.values
  if isinstance(values, np.ndarray):
    return request.form, values.tolist()
  plain = lambda row: row.tolist() if isinstance(row, np.ndarray) else row  # noqa: E731
  if isinstance(values, dict):
    values = {name: plain(value) for name, value in values.items()}
  elif isinstance(values, list):
    values = [
      {name: plain(value) for name, value in row.items()}
      if isinstance(row, dict)
      else row
      for row in values
    ]
  return request.form, values


@pytest.mark.parametrize('indent', [None, 2])
@pytest.mark.parametrize('separators', [(',', ':'), (', ', ' : ')])
@pytest.mark.parametrize('shape', [[360], [36, 10], [12, 10, 3]])
def test_takes_a_long_list_out(indent, separators, shape):
  value = PICTURE.reshape(shape)
  document = {'a': [1, 2], 'x': value.tolist(), 'b': {'y': value.tolist()}}
  body = json.dumps(document, indent=indent, separators=separators).encode()
  text, arrays = byte_lists.lift(body)
  assert len(text) < 120
  found = json.loads(text)
  assert found['a'] == [1, 2]
  for key in (found['x'], found['b']['y']):
    assert arrays[key].dtype == np.uint8
    np.testing.assert_array_equal(arrays[key], value)


@pytest.mark.parametrize(
  'body',
  [
    b'',
    b'{"x": [[1, 2], [3, 4]]}',  # As fast in the usual way.
    b'{"x": [%b]}' % (1000 * b' '),
    b'[%b]' % LONG,  # No value of a key.
    b'{"x": %b}' % LONG.replace(b']', b' ', 1),
    b'{"x": %b}' % LONG.replace(b', ', b', 1, ', 1),
    b'{"x": %b}' % LONG.replace(b', ', b', 256, ', 1),
    b'{"x": %b}' % LONG.replace(b', ', b', -1, ', 1),
    b'{"x": %b}' % LONG.replace(b', ', b', true, ', 1),
    b'{"x": %b}' % LONG.replace(b'], [', b'], [[], ', 1),
    b'{"x": %b, "y": "\\u00002"}' % LONG,  # Could be taken for the mark.
    b'{"x": %b, "y": "\\""}' % LONG,
    b'{"x": %b}' % (b'[' * 100_000 + b'1' + b']' * 100_000),
    b'{"x": %b' % (b'[' * 1_000_000),
    b'"' * 1_000_000,
  ],
)
def test_leaves_all_else_where_it_is(body):
  assert byte_lists.lift(body) == (body, {})


@pytest.mark.parametrize(
  ('old', 'new'),
  [
    (b'], [', b']9, ['),
    (b'], [', b'], 9['),
    (b', ', b' '),
    (b', ', b',, '),
    (b', ', b', 0'),
    (b'[', b'[ '),
  ],
)
def test_a_misplaced_character_is_refused_as_before(old, new):
  body = b'{"instances": [{"x": %b}]}' % LONG.replace(old, new, 1)
  try:
    expected = 'instances', orjson.loads(body)['instances']
  except orjson.JSONDecodeError as error:
    with pytest.raises(ValueError) as found:
      restored(body)
    assert str(found.value) == f'JSON Parse error: {error}.'
  else:
    assert restored(body) == expected


def test_a_string_that_looks_like_a_long_list_stays_one():
  for text in (LONG, b'\\": %b, \\"' % LONG, b'\\\\\\": %b, \\"' % LONG):
    body = b'{"inputs": {"x": "%b", "y": %b}}' % (text, LONG)
    assert restored(body) == ('inputs', orjson.loads(body)['inputs'])


def test_whatever_is_changed_is_read_as_before():
  sound = b'{"instances": [{"x": %b, "y": [1]}, {"x": %b}]}' % (LONG, LONG)
  alphabet = [bytes([one]) for one in b'[]{},:"\\ \n019-.et'] + [b'']
  accepted = 0
  for _ in range(3000):
    body = sound
    for _ in range(RNG.integers(1, 3)):
      at = RNG.integers(len(body))
      # Replaces a character, or stands before it.
      change = alphabet[RNG.integers(len(alphabet))]
      body = body[:at] + change + body[at + RNG.integers(2) :]
    try:
      document = orjson.loads(body)
    except orjson.JSONDecodeError:
      document = None
    if isinstance(document, dict) and 'instances' in document:
      accepted += 1
      assert restored(body) == ('instances', document['instances'])
    else:
      with pytest.raises(ValueError, match='JSON Parse error|Missing'):
        restored(body)
  assert 300 < accepted < 2700
