"""Peers in tests, and the Python that has d3rlpy, where there is one."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

from awopt_agent.trials.peers import peer as peer_lib
from awopt_agent.trials.peers import process as process_lib

NEAREST = [sys.executable, str(pathlib.Path(__file__).parent / 'nearest.py')]
D3RLPY = os.environ.get('D3RLPY', '')
needs_d3rlpy = pytest.mark.skipif(
  not D3RLPY, reason='D3RLPY names no Python that has d3rlpy'
)
_WORKER = pathlib.Path(process_lib.__file__).parent / 'worker'


@contextlib.contextmanager
def start_peer(env, folder, *, name='iql', seed=0, argv=NEAREST):
  """Yields a peer for an environment, in a process that ends afterwards."""
  process = process_lib.PeerProcess(argv, log=str(folder / 'peer.log'))
  try:
    yield peer_lib.Peer(name, process, env, batch_size=16, seed=seed)
  finally:
    process.close()


def run_with_d3rlpy(code):
  """Returns the JSON that code prints beside the worker's modules."""
  done = subprocess.run(
    [D3RLPY, '-c', code],
    env={**os.environ, 'PYTHONPATH': str(_WORKER)},
    stdout=subprocess.PIPE,
    check=True,
    text=True,
  )
  return json.loads(done.stdout.splitlines()[-1])
