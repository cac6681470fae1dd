import base64
import http.client
import json
import socket
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from awopt_agent.serving.server import limits
from tests.serving.server import fakes

PATH = '/v1/models/policy'
OBSERVATION = fakes.observe(3)
# The gripper, times a half.
MOVES = 0.5 * OBSERVATION['gripper']


def rows(count=3):
  return fakes.as_rows(OBSERVATION)[:count]


def moves_of(answer):
  return np.array([row['move'] for row in answer['predictions']])


@pytest.mark.parametrize(
  'path',
  [
    PATH,
    f'{PATH}/versions/30',
    f'{PATH}/labels/stable',
    PATH.replace('models', 'MODELS'),  # The model server's pattern says so.
  ],
)
def test_rows_get_rows(server, path):
  status, answer = server.post({'instances': rows()}, f'{path}:predict')
  assert status == 200 and list(answer) == ['predictions']
  assert [set(row) for row in answer['predictions']] == [{'move', 'close'}] * 3
  np.testing.assert_allclose(moves_of(answer), MOVES, atol=1e-6)


def test_columns_get_columns(server):
  columns = {name: value.tolist() for name, value in OBSERVATION.items()}
  status, answer = server.post({'inputs': columns})
  assert status == 200 and list(answer) == ['outputs']
  np.testing.assert_allclose(answer['outputs']['move'], MOVES, atol=1e-6)
  assert (
    answer['outputs']['close']
    == server.service.served.predictor.run('actor', OBSERVATION)[
      'close'
    ].tolist()
  )


def test_one_output_comes_without_its_name(server):
  asked = [
    row | {'action_move': [0.5, 0.25], 'action_close': 1} for row in rows()
  ]
  document = {'signature_name': 'q_values', 'instances': asked}
  status, answer = server.post(document)
  expected = OBSERVATION['gripper'] @ np.float32([0.5, 0.25])
  assert status == 200
  np.testing.assert_allclose(answer['predictions'], expected, atol=1e-6)


def test_pictures_come_as_files(server):
  for encode in (tf.io.encode_png, tf.io.encode_jpeg):
    files = [encode(pixels).numpy() for pixels in OBSERVATION['camera']]
    asked = [
      row | {'camera': {'b64': base64.b64encode(file).decode()}}
      for row, file in zip(rows(), files, strict=True)
    ]
    status, answer = server.post(
      {'signature_name': 'action_encoded', 'instances': asked}
    )
    assert status == 200, answer
    np.testing.assert_allclose(moves_of(answer), MOVES, atol=1e-6)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'gripper': [float('nan'), 0]}, "input 'gripper' holds NaN or infinity"),
    ({'gripper': [1.5, 0]}, "input 'gripper' = 1.5 .*above its bound 1.0"),
    ({'gripper': [0]}, r"input 'gripper' must have shape \[1, 2\]"),
    ({'gripper': 'left'}, "input 'gripper' .*stands a string"),
    ({'camera': [[[256] * 3] * 6] * 4}, "input 'camera' = 256 is no uint8"),
    ({'camera': None}, "input 'camera' .*stands null"),
  ],
)
def test_a_bad_observation_gets_no_action_but_a_reason(server, change, message):
  status, answer = server.post({'instances': [rows(1)[0] | change]})
  assert status == 400 and list(answer) == ['error']
  with pytest.raises(ValueError, match=message):
    raise ValueError(answer['error'])


@pytest.mark.parametrize(
  ('path', 'document', 'status', 'message'),
  [
    (f'{PATH}:predict', b'{"instances": [', 400, 'JSON Parse error'),
    (f'{PATH}:predict', {}, 400, "Missing 'inputs' or 'instances'"),
    (
      f'{PATH}:predict',
      {'signature_name': 'fly', 'instances': [1]},
      400,
      'Serving signature name: "fly" not found',
    ),
    (
      '/v1/models/half:predict',
      {'instances': [1]},
      404,
      'Servable not found for request: Latest(half); here is',
    ),
    (
      f'{PATH}/versions/7:predict',
      {'instances': [1]},
      404,
      'Servable not found for request: Specific(policy, 7); here is',
    ),
    (
      f'{PATH}/labels/canary:predict',
      {'instances': [1]},
      400,
      'Unrecognized servable version label: canary',
    ),
    (f'{PATH}:classify', {'examples': [1]}, 501, 'nothing to classify'),
    (f'{PATH}:fly', {}, 400, 'Malformed request: POST'),
    ('/v2/models', {}, 404, 'Malformed request: POST'),
  ],
)
def test_errors_have_the_model_servers_codes(
  server, path, document, status, message
):
  found, answer = server.post(document, path)
  assert (found, list(answer)) == (status, ['error'])
  assert answer['error'].startswith(message) or message in answer['error']
  assert '\n' not in answer['error']


def test_a_damaged_picture_is_refused_by_name(server):
  file = tf.io.encode_png(OBSERVATION['camera'][0]).numpy()
  for content, message in (
    (file[:60], "input 'camera', row 0, cannot be decoded"),
    (b'hello', "input 'camera', row 0, is no JPEG or PNG file"),
    (
      tf.io.encode_png(np.zeros([5, 6, 3], np.uint8)).numpy(),
      'of 5 x 6 pixels; pass one of 4 x 6',
    ),
  ):
    row = rows(1)[0]
    row['camera'] = {'b64': base64.b64encode(content).decode()}
    status, answer = server.post(
      {'signature_name': 'action_encoded', 'instances': [row]}
    )
    assert status == 400 and message in answer['error'], answer


def test_an_answer_that_is_not_finite_is_none(server):
  status, answer = server.post(
    {'instances': [rows(1)[0] | {'gripper': [1, 1]}]}
  )
  assert status == 500 and 'not finite' in answer['error']


def test_tells_its_status(server):
  versions = [
    {
      'version': '30',
      'state': 'AVAILABLE',
      'status': {'error_code': 'OK', 'error_message': ''},
    }
  ]
  for path in (PATH, f'{PATH}/versions/30', f'{PATH}/labels/stable'):
    assert server.get(path) == (200, {'model_version_status': versions})
  assert server.get(f'{PATH}/versions/31')[0] == 404
  assert server.get('/v1/models/half')[0] == 404


def test_tells_its_signatures(server):
  status, answer = server.get(f'{PATH}/metadata')
  assert status == 200
  assert answer['model_spec'] == {
    'name': 'policy',
    'signature_name': '',
    'version': '30',
  }
  found = answer['metadata']['signature_def']['signature_def']
  predictor = server.service.served.predictor
  assert set(predictor.signatures) <= set(found)
  camera = found['serving_default']['inputs']['camera']
  assert camera['dtype'] == 'DT_UINT8'
  sizes = [one['size'] for one in camera['tensor_shape']['dim']]
  assert sizes == ['-1', '4', '6', '3']
  assert server.get(f'{PATH}/versions/31/metadata')[0] == 404


def test_tells_health_version_and_metrics(server):
  for path, body in (('/healthz', b'ok\n'), ('/readyz', b'ready\n')):
    assert server.ask('GET', path)[:2] == (200, body)
  status, answer = server.get('/version')
  assert (status, answer['version'], answer['model']) == (200, 30, 'policy')
  assert answer['tensorflow'] == tf.__version__
  before = server.service.metrics.total(method='predict', code='OK')
  server.post({'instances': rows()})
  status, page, headers = server.ask('GET', '/monitoring/prometheus/metrics')
  assert status == 200 and headers['Content-Type'].startswith('text/plain')
  line = (
    'awopt_serve_requests_total{code="OK",method="predict",protocol="rest"} '
  )
  (found,) = [one for one in page.decode().splitlines() if line in one]
  assert float(found.removeprefix(line)) >= before + 1


def test_a_connection_serves_many_requests(server):
  connection = server.connect()
  for _ in range(3):
    connection.request('POST', f'{PATH}:predict', json.dumps({'inputs': 1}))
    response = connection.getresponse()
    assert response.status == 400
    response.read()
  connection.close()


def test_a_compressed_body_is_refused(server):
  status, body, _ = server.ask(
    'POST', f'{PATH}:predict', b'{}', {'Content-Encoding': 'gzip'}
  )
  assert status == 415 and b'Content-Encoding' in body


def test_what_is_no_http_is_refused(server):
  with socket.create_connection(('127.0.0.1', server.port)) as client:
    client.sendall(b'\x00\x01 hello\r\n\r\n')
    assert client.recv(1000).startswith(b'HTTP/1.1 400')
  assert server.ask('GET', '/healthz')[0] == 200


def test_a_large_request_is_refused_and_its_body_not_read(predictor):
  small = limits.Limits(request_bytes=1000)
  with fakes.serving(fakes.Source(predictor), limits=small) as running:
    status, answer = running.post(b' ' * 1001)
    assert status == 413
    assert 'more than 1000 bytes' in answer['error']
    # A gigabyte is announced, and none of it sent.
    with socket.create_connection(('127.0.0.1', running.port)) as client:
      client.sendall(
        f'POST {PATH}:predict HTTP/1.1\r\nHost: a\r\n'
        'Content-Length: 1000000000\r\n\r\n'.encode()
      )
      assert client.recv(1000).startswith(b'HTTP/1.1 413')
    assert running.post(b' ' * 1000)[0] == 400


def pause_then(chunks):
  for chunk in chunks:
    yield chunk
    time.sleep(0.05)


@pytest.mark.parametrize(
  'chunks',
  [
    [b' ' * 600] * 8,  # Refused at the second, while the others come.
    [b' ' * 2**20] * 20,  # More than the sockets' buffers hold.
  ],
)
def test_who_still_sends_a_large_request_reads_why(predictor, chunks):
  small = limits.Limits(request_bytes=1000)
  with fakes.serving(fakes.Source(predictor), limits=small) as running:
    connection = running.connect()
    # No length is announced.
    connection.request(
      'POST',
      f'{PATH}:predict',
      pause_then(chunks),
      encode_chunked=True,
      headers={'Transfer-Encoding': 'chunked'},
    )
    assert connection.getresponse().status == 413
    connection.close()
    # At once, and a length is.
    assert running.post(b' ' * (20 * 2**20))[0] == 413


def test_too_many_rows_are_refused(predictor):
  few = limits.Limits(rows=2)
  with fakes.serving(fakes.Source(predictor), limits=few) as running:
    status, answer = running.post({'instances': rows(3)})
    assert status == 400 and 'has 3 rows; send at most 2' in answer['error']


def test_the_rate_is_limited(predictor):
  slow = limits.Limits(rate_per_s=0.01, burst=2)
  with fakes.serving(fakes.Source(predictor), limits=slow) as running:
    found = [running.post({'instances': rows(1)})[0] for _ in range(3)]
    assert found == [200, 200, 429]
    status, _, headers = running.ask('POST', f'{PATH}:predict', b'')
    assert status == 429 and 90 < int(headers['Retry-After']) <= 100
    # Only requests for actions are counted.
    assert running.get(PATH)[0] == 200


def test_a_request_takes_no_longer_than_it_may(predictor):
  slow = fakes.Slow(predictor)
  short = limits.Limits(time_s=0.2)
  with fakes.serving(fakes.Source(slow), limits=short) as running:
    status, answer = running.post({'instances': rows(1)})
    assert status == 504 and 'within 0.2 s' in answer['error']
    # Half a body, and then nothing.
    with socket.create_connection(('127.0.0.1', running.port)) as client:
      client.sendall(
        f'POST {PATH}:predict HTTP/1.1\r\nHost: a\r\n'
        'Content-Length: 100\r\n\r\n{"inst'.encode()
      )
      assert client.recv(1000).startswith(b'HTTP/1.1 504')
    slow.go.set()
    assert running.post({'instances': rows(1)})[0] == 200


def test_who_finds_the_queue_full_is_told_so(predictor):
  slow = fakes.Slow(predictor)
  few = limits.Limits(waiting=1)
  with fakes.serving(fakes.Source(slow), limits=few) as running:
    found = []

    def ask():
      found.append(running.post({'instances': rows(1)})[0])

    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    slow.entered.acquire()
    threads[1].start()
    fakes.wait_for(lambda: b'_waiting 1.0' in running.service.metrics.page())
    status, answer = running.post({'instances': rows(1)})
    assert status == 429 and 'too many requests wait' in answer['error']
    slow.go.set()
    for thread in threads:
      thread.join()
    assert found == [200, 200]
    assert b'reason="queue_full"} 1.0' in running.service.metrics.page()


def test_a_head_of_nothing_is_no_answer(server):
  connection = http.client.HTTPConnection('127.0.0.1', server.port)
  connection.request('DELETE', PATH)
  assert connection.getresponse().status == 400
  connection.close()


def test_what_is_under_way_is_bounded_and_health_is_told(predictor):
  slow = fakes.Slow(predictor)
  few = limits.Limits(connections=1)
  with fakes.serving(fakes.Source(slow), limits=few) as running:
    asking = threading.Thread(
      target=lambda: running.post({'instances': rows(1)})
    )
    asking.start()
    slow.entered.acquire()
    status, answer = running.post({'instances': rows(1)})
    assert status == 503 and 'more than 1 requests' in answer['error']
    assert running.ask('GET', '/healthz')[0] == 200
    slow.go.set()
    asking.join()
    assert running.post({'instances': rows(1)})[0] == 200
    assert b'reason="connections"} 1.0' in running.service.metrics.page()


def test_health_tells_of_a_policy_that_hangs(predictor):
  slow = fakes.Slow(predictor)
  short = limits.Limits(time_s=0.1)
  with fakes.serving(fakes.Source(slow), limits=short) as running:
    assert running.post({'instances': rows(1)})[0] == 504
    fakes.wait_for(lambda: running.ask('GET', '/healthz')[0] == 503)
    assert running.ask('GET', '/readyz')[0] == 503
    slow.go.set()
    fakes.wait_for(lambda: running.ask('GET', '/healthz')[0] == 200)


def test_text_that_no_utf8_can_hold_is_refused_with_its_reason(server):
  # NaN makes it Python's own JSON, which takes half a surrogate pair.
  body = b'{"signature_name": "\\ud800", "instances": [NaN]}'
  status, answer = server.post(body)
  assert status == 400 and 'ud800' in answer['error']
