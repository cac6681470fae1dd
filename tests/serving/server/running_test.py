import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from awopt_agent.serving import limits
from awopt_agent.serving.server import running
from tests.serving.server import fakes

ROOT = pathlib.Path(__file__).parent.parent.parent.parent
OBSERVATION = fakes.observe(1)


def start(*arguments):
  return subprocess.Popen(
    [sys.executable, '-m', 'awopt_agent.train.serve', *arguments],
    cwd=ROOT,
    # As much of TensorFlow's notices as a user would see.
    env=os.environ | {'PYTHONPATH': str(ROOT), 'TF_CPP_MIN_LOG_LEVEL': '3'},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def ask(url):
  rows = {'instances': fakes.as_rows(OBSERVATION)}
  request = urllib.request.Request(
    f'{url}:predict', json.dumps(rows).encode(), method='POST'
  )
  with urllib.request.urlopen(request, timeout=30) as response:
    return json.load(response)['predictions'][0]['move']


def test_serves_follows_and_drains(policies, tmp_path):
  shutil.copytree(policies[30], tmp_path / 'policies' / '30')
  (tmp_path / 'limits.json').write_text(
    '{"part": "move", "greatest_step_m": 0.1}'
  )
  process = start(
    *('--root_dir', str(tmp_path), '--rest_port', '0', '--grpc_port', '0'),
    *('--every_s', '0.1', '--action_limits', str(tmp_path / 'limits.json')),
  )
  try:
    line = process.stdout.readline()
    found = re.fullmatch(
      r'awopt-serve: version 30 on (http://127\.0\.0\.1:\d+/v1/models/policy)'
      r' and gRPC (127\.0\.0\.1:\d+)\n',
      line,
    )
    assert found, line + process.stderr.read()
    # Half of what the gripper is at, and no longer than it may be.
    x, y = ask(found[1])
    assert (x**2 + y**2) ** 0.5 == pytest.approx(0.1, abs=1e-6)
    with grpc.insecure_channel(found[2]) as channel:
      stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
      response = stub.Predict(fakes.request_of(OBSERVATION), timeout=30)
      assert response.outputs['move'].float_val[0] == pytest.approx(x, abs=1e-6)
    (tmp_path / '.new').mkdir()
    shutil.copytree(policies[40], tmp_path / '.new' / '40')
    (tmp_path / '.new' / '40').rename(tmp_path / 'policies' / '40')
    _wait_for_version(found[1], '40')
    # Asked without a pause, and stopped: nobody who was let in is dropped.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
      futures = [pool.submit(_ask_on, found[1]) for _ in range(4)]
      time.sleep(0.5)
      process.send_signal(signal.SIGTERM)
      answers = [future.result(30) for future in futures]
    output, errors = process.communicate(timeout=30)
  finally:
    process.kill()
  assert process.returncode == 0, errors
  count = sum(answers) + 2
  assert output == (
    f'awopt-serve: answered {count} of {_total(output)} requests for actions, '
    'the last by version 40.\n'
  )
  assert re.fullmatch(r'awopt-serve: \S+/40: serves from now on\n', errors)


def _wait_for_version(url, version):
  end = time.monotonic() + 30
  while True:
    with urllib.request.urlopen(url, timeout=30) as response:
      states = json.load(response)['model_version_status']
    if states[0] | {'status': None} == {
      'version': version,
      'state': 'AVAILABLE',
      'status': None,
    }:
      return
    assert time.monotonic() < end
    time.sleep(0.05)


def _ask_on(url):
  """Asks until the server stops; returns the number of answers."""
  answers = 0
  while True:
    try:
      ask(url)
    except urllib.error.HTTPError as error:
      assert error.code == 503
      return answers
    except urllib.error.URLError as error:
      # Before it was let in: an answer that was begun would not end so.
      assert isinstance(error.reason, ConnectionError)
      return answers
    except ConnectionError:  # In the queue of a socket that was closed.
      return answers
    answers += 1


def _total(output):
  return re.search(r'of (\d+) requests', output)[1]


@pytest.mark.parametrize(
  ('arguments', 'code', 'message'),
  [
    (['--policies', 'nowhere'], 1, 'awopt-serve: nowhere is no folder; '),
    ([], 2, 'awopt-serve: one of the arguments --root_dir --policies is req'),
    (
      ['--policies', '.', '--host', '0.0.0.0'],
      2,
      'awopt-serve: --host 0.0.0.0 lets other machines ask for actions, '
      'without a password; give --open_to_network too',
    ),
  ],
)
def test_bad_usage_gets_a_line(arguments, code, message):
  process = start(*arguments)
  _, errors = process.communicate(timeout=60)
  assert process.returncode == code
  assert errors.startswith(message) and errors.count('\n') == 1, errors


def test_reads_limits_of_actions(tmp_path):
  path = tmp_path / 'limits.json'
  assert running.read_action_limits(None) is None
  path.write_text(
    '{"part": "move", "box_m": [[0, 0], [1, 2]], "greatest_step_m": 0.05, '
    '"position_m": {"part": "gripper", "indices": [0, 1]}}'
  )
  assert running.read_action_limits(str(path)) == limits.ActionLimits(
    part='move',
    box_m=[[0, 0], [1, 2]],
    greatest_step_m=0.05,
    position_m=limits.ObservedPosition('gripper', [0, 1]),
  )


@pytest.mark.parametrize(
  'text',
  [
    '',
    '[]',
    '{"part": "move", "speed": 1}',
    '{}',
    '{"part": "a", "greatest_step_m": -1}',
  ],
)
def test_refuses_what_are_no_limits(tmp_path, text):
  path = tmp_path / 'limits.json'
  path.write_text(text)
  with pytest.raises(ValueError, match=f'{path}: .*; write a JSON object'):
    running.read_action_limits(str(path))
