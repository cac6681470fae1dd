import io

import numpy as np
import pytest

from awopt_agent.trials.peers.worker import wire


def _sent(message):
  stream = io.BytesIO()
  wire.write(stream, message)
  return stream.getvalue()


def test_a_message_arrives_as_it_was_sent():
  rows = np.arange(6, dtype=np.float32).reshape(2, 3)
  stream = io.BytesIO(
    _sent({'do': 'add', 'rows': rows, 'last': True, 'n': 3, 'share': 0.25})
    + _sent({'empty': np.zeros((0, 2))})
  )
  first = wire.read(stream)
  np.testing.assert_array_equal(first.pop('rows'), rows)
  assert first == {'do': 'add', 'last': True, 'n': 3, 'share': 0.25}
  assert wire.read(stream)['empty'].shape == (0, 2)
  assert wire.read(stream) is None


def test_types_of_arrays_stay():
  for dtype in (np.float32, np.int64, bool):
    stream = io.BytesIO(_sent({'x': np.zeros(2, dtype)}))
    assert wire.read(stream)['x'].dtype == dtype


@pytest.mark.parametrize('kept', [3, 8, 50])
def test_a_message_that_was_cut_is_none(kept):
  assert wire.read(io.BytesIO(_sent({'x': np.zeros(9)})[:kept])) is None


def test_objects_are_refused_where_they_arrive():
  stream = io.BytesIO(_sent({'x': np.array([{}], dtype=object)}))
  with pytest.raises(ValueError, match='allow_pickle'):
    wire.read(stream)


def test_each_request_is_answered_in_turn_and_errors_end_nothing(capsys):
  requests = io.BytesIO(
    _sent({'do': 'double', 'x': 4})
    + _sent({'do': 'double', 'y': 4})
    + _sent({'do': 'double', 'x': np.ones(2)})
  )
  answers = io.BytesIO()
  wire.serve({'double': lambda x: {'x': 2 * x}}, requests, answers)
  answers.seek(0)
  assert wire.read(answers) == {'x': 8}
  refused = wire.read(answers)
  assert refused['error'] == 'TypeError'
  assert "'y'" in refused['reason']
  assert 'Traceback' in capsys.readouterr().err
  np.testing.assert_array_equal(wire.read(answers)['x'], [2, 2])
  assert wire.read(answers) is None
