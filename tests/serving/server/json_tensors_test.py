import base64
import json

import numpy as np
import pytest

from awopt_agent.serving import parts as parts_lib
from awopt_agent.serving import signatures
from awopt_agent.serving.server import json_tensors


def part(name, shape, dtype):
  return parts_lib.Part(name, (name,), shape, dtype)


BOTH = signatures.Signature(
  (part('camera', (2, 1, 3), 'uint8'), part('pose', (2,), 'float32')), ()
)


def one(shape, dtype, **kwargs):
  return signatures.Signature((part('x', shape, dtype),), (), **kwargs)


def decode(document, signature, most_rows=4):
  request = json_tensors.parse(json.dumps(document).encode())
  return json_tensors.decode_inputs(request, signature, most_rows)


ROWS = [
  {'camera': [[[1, 2, 3]], [[4, 5, 255]]], 'pose': [0.25, 1]},
  {'camera': [[[0, 0, 0]], [[0, 0, 0]]], 'pose': [-1, 3e-3]},
]


def test_rows_and_columns_mean_the_same():
  columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
  for document in ({'instances': ROWS}, {'inputs': columns}):
    arrays = decode(document, BOTH)
    assert (arrays['camera'].dtype, arrays['pose'].dtype) == (
      np.uint8,
      np.float32,
    )
    np.testing.assert_array_equal(
      arrays['camera'], [[[[1, 2, 3]], [[4, 5, 255]]], np.zeros((2, 1, 3))]
    )
    np.testing.assert_array_equal(
      arrays['pose'], np.float32([[0.25, 1], [-1, 3e-3]])
    )


def test_one_input_needs_no_name():
  for document in (
    {'instances': [[1, 2], [3, 4]]},
    {'instances': [{'x': [1, 2]}, {'x': [3, 4]}]},
    {'inputs': [[1, 2], [3, 4]]},
    {'inputs': {'x': [[1, 2], [3, 4]]}},
  ):
    arrays = decode(document, one((2,), 'int64'))
    np.testing.assert_array_equal(arrays['x'], [[1, 2], [3, 4]])


def test_columns_may_hold_more_than_the_signature_takes():
  # The model server looks at what it needs alone.
  columns = {'x': [[1, 2]], 'colour': 'red'}
  assert list(decode({'inputs': columns}, one((2,), 'int32'))) == ['x']


def test_a_signature_without_a_batch_takes_a_value():
  signature = one((), 'int32', batched=False)
  assert decode({'inputs': 3}, signature)['x'].shape == ()
  assert decode({'inputs': {'x': 3}}, signature)['x'] == 3


def test_bytes_come_as_base64_or_as_text():
  content = b'\x89PNG\x00\xff\x00'
  text = base64.b64encode(content).decode()
  signature = one((), parts_lib.BYTES)
  for rows in ([{'b64': text}, 'é'], [{'b64': text.rstrip('=')}, 'é']):
    for document in (
      {'instances': rows},
      {'instances': [{'x': row} for row in rows]},
      {'inputs': {'x': rows}},
    ):
      arrays = decode(document, signature)
      assert arrays['x'].tolist() == [content, b'\xc3\xa9']


def test_not_a_number_is_read_as_such():
  # The guard behind it names the input.
  request = json_tensors.parse(b'{"instances": [[NaN, -Infinity]]}')
  arrays = json_tensors.decode_inputs(request, one((2,), 'float32'), 4)
  np.testing.assert_array_equal(arrays['x'], [[np.nan, -np.inf]])


def test_what_is_too_great_for_its_type_is_not_finite():
  arrays = decode({'instances': [[1e39, 0]]}, one((2,), 'float32'))
  assert np.isinf(arrays['x'][0, 0])


@pytest.mark.parametrize(
  ('body', 'message'),
  [
    (b'', 'JSON Parse error'),
    (b'{"instances": [1', 'JSON Parse error'),
    (b'{"instances": [NaN', 'JSON Parse error'),
    (b'\xff\xfe', 'JSON Parse error'),
    (b'[' * 100000, 'JSON Parse error'),
    (b'{"NaN":' + b'[' * 100000, 'JSON Parse error'),
    (b'[1]', 'must be a JSON object, got a list'),
    (b'null', 'must be a JSON object, got null'),
    (b'{}', "Missing 'inputs' or 'instances' key"),
    (b'{"inputs": 1, "instances": 1}', 'only one of'),
    (b'{"signature_name": 7, "inputs": 1}', "'signature_name' key must be a"),
  ],
)
def test_refuses_what_is_no_request(body, message):
  with pytest.raises(ValueError, match=message):
    json_tensors.parse(body)


def test_a_long_list_is_a_list_wherever_it_stands():
  picture = np.arange(600) % 256
  rows = picture.reshape(2, 100, 3).tolist()
  pictures = one((100, 3), 'uint8')
  for document in (
    {'instances': rows},
    {'instances': [{'x': row} for row in rows]},
    {'instances': [{'x': rows[0]}, {'x': rows[1]}], 'left': [rows, rows]},
    {'inputs': rows},
    {'inputs': {'x': rows}},
  ):
    arrays = decode(document, pictures)
    np.testing.assert_array_equal(arrays['x'].ravel(), picture)
  # 1 is no more than a number to a list of floats, and 600 of them to one.
  for shape, dtype in (((100, 3), 'float32'), ((100, 3), 'int64')):
    arrays = decode({'instances': rows}, one(shape, dtype))
    np.testing.assert_array_equal(arrays['x'].ravel(), picture)
  for signature, message in (
    (
      one((2, 3), 'uint8'),
      r'must have shape \[2, 2, 3\]; at level 2 stands 100',
    ),
    (one((100, 3), 'bool'), 'must be bool, got a whole number 0'),
    (one((), 'bytes'), 'must be a string or .*, got a list'),
    (BOTH, "row 0 of 'instances' must be an object .*, got a list"),
  ):
    with pytest.raises(ValueError, match=message):
      decode({'instances': rows}, signature)
  with pytest.raises(ValueError, match="'signature_name' .*, got a list"):
    decode({'signature_name': rows, 'instances': rows}, pictures)
  with pytest.raises(ValueError, match="'inputs' must be an object .* a list"):
    decode({'inputs': rows}, BOTH)


X2 = one((2,), 'float32')


@pytest.mark.parametrize(
  ('document', 'signature', 'message'),
  [
    ({'instances': []}, X2, 'at least one row, got an empty list'),
    ({'instances': 3}, X2, 'at least one row, got a whole number'),
    ({'instances': [[1, 2, 3]]}, X2, r"'x' must have shape \[1, 2\].* 3 inst"),
    ({'instances': [[1], [2, 3]]}, X2, r'at level 2 stands 1 instead of'),
    ({'instances': [[1, 2], 3]}, X2, 'stands a whole number instead of a list'),
    ({'instances': [[[1], [2]]]}, X2, "'x' must be float32, got a list"),
    ({'instances': [['1', 2]]}, X2, "'x' must be float32, got a string 1"),
    ({'instances': [[True, 2]]}, X2, "'x' must be float32, got true"),
    ({'instances': [[None, 2]]}, X2, "'x' must be float32, got null"),
    ({'instances': [[10**400, 2]]}, X2, 'JSON|is no float32|too large'),
    ({'instances': [[1, 2]] * 5}, X2, "'x' has 5 rows; send at most 4"),
    ({'instances': [{'b64': 'AA=='}]}, X2, 'stands an object instead'),
    ({'inputs': {}}, X2, "Missing named input: 'x'"),
    ({'inputs': {'y': 1}}, X2, "Missing named input: 'x'"),
    ({'inputs': 1}, X2, 'must be a list of rows'),
    ({'instances': [[1.5]]}, one((1,), 'int32'), 'must be int32, got a number'),
    ({'instances': [256]}, one((), 'uint8'), '= 256 is no uint8; send 0 to'),
    ({'instances': [-1]}, one((), 'uint8'), '= -1 is no uint8'),
    ({'instances': [2**31]}, one((), 'int32'), 'is no int32'),
    ({'instances': [2**63]}, one((), 'int64'), 'is no int64'),
    ({'instances': [1]}, one((), 'bool'), 'must be bool, got a whole number'),
    ({'instances': [1]}, one((), 'bytes'), 'must be a string or .*b64'),
    ({'instances': [{'b64': '*'}]}, one((), 'bytes'), 'holds no base64'),
    ({'instances': [{'b64': 1}]}, one((), 'bytes'), 'lacks'),
    (
      {'instances': [[1, 2]]},
      BOTH,
      'row 0 .* must be an object .*camera, pose',
    ),
    ({'instances': [ROWS[0], {}]}, BOTH, "row 1 .* lacks 'camera'"),
    ({'instances': [ROWS[0] | {'z': 1}]}, BOTH, "has an unknown 'z'"),
    (
      {'inputs': [1]},
      BOTH,
      "'inputs' must be an object with the inputs camera",
    ),
  ],
)
def test_refuses_values_and_says_which(document, signature, message):
  with pytest.raises(ValueError, match=message) as error:
    decode(document, signature)
  assert len(str(error.value)) < 300 and '\n' not in str(error.value)


def test_uneven_lists_fill_no_memory():
  # NumPy would make 10,000 strings of a megabyte each.
  rows = [0] * 10_000 + ['x' * 1_000_000]
  with pytest.raises(ValueError, match='must be float32, got a string xxx'):
    decode({'inputs': rows}, one((), 'float32'), most_rows=20_000)


def test_answers_have_the_form_of_the_request():
  outputs = {
    'close': np.int32([1, 0]),
    'move': np.float32([[0.1, 1], [-3e-5, 0]]),
  }
  assert json.loads(json_tensors.encode_outputs(outputs, 'instances')) == {
    'predictions': [
      {'close': 1, 'move': [0.1, 1.0]},
      {'close': 0, 'move': [-3e-5, 0.0]},
    ]
  }
  assert json.loads(json_tensors.encode_outputs(outputs, 'inputs')) == {
    'outputs': {'close': [1, 0], 'move': [[0.1, 1.0], [-3e-5, 0.0]]}
  }


def test_one_output_has_no_name():
  outputs = {'move': np.float32([[0.1, 1], [2, 0]])[:, ::-1]}
  values = [[1.0, 0.1], [0.0, 2.0]]
  for form, key in (('instances', 'predictions'), ('inputs', 'outputs')):
    found = json.loads(json_tensors.encode_outputs(outputs, form))
    assert found == {key: values}


@pytest.mark.parametrize(
  ('bad', 'message'),
  [
    ('abc', r'at level 4 stands a string instead of a list of 3'),
    ({'a': 1, 'b': 2, 'c': 3}, r'at level 4 stands an object instead'),
    ([True, 0, 0], "'x' must be uint8, got true"),
    ([0, 1.0, 0], "'x' must be uint8, got a number 1.0"),
    ([0, None, 0], "'x' must be uint8, got null"),
    ([0, 256, 0], "'x' = 256 is no uint8"),
    ([0, 10**12, 0], "'x' = 1000000000000 is no uint8"),
    ([0, 0], r'at level 4 stands 2 instead of a list of 3'),
    (7, r'at level 4 stands a whole number instead'),
  ],
)
def test_one_bad_pixel_of_a_large_picture_is_found(bad, message):
  # So long that it is read without making lists where all is well.
  picture = np.zeros([20, 30, 3], int).tolist()
  sound = decode({'instances': [picture]}, one((20, 30, 3), 'uint8'))
  assert sound['x'].shape == (1, 20, 30, 3)
  picture[11][17] = bad
  with pytest.raises(ValueError, match=message):
    decode({'instances': [picture]}, one((20, 30, 3), 'uint8'))
