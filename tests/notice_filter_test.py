import subprocess
import sys

import pytest

from awopt_agent import notice_filter


def passed_on(text):
  """Runs the program as `quiet` does; returns what it passes on."""
  done = subprocess.run(
    [sys.executable, '-I', '-S', notice_filter.__file__],
    input=text,
    capture_output=True,
    check=True,
  )
  assert done.stdout == b''
  return done.stderr


@pytest.mark.parametrize(
  'notice',
  [
    b'[reverb/cc/platform/default/server.cc:71] Started replay server on 3',
    b'[2026-11-23 08:11:15,216 W 4036 4036] rpc_client.h:153: Failed to',
    b'Corrupt JPEG data: premature end of data segment',
  ],
)
def test_a_notice_is_dropped_and_its_neighbours_are_not(notice):
  assert passed_on(b'before\n' + notice + b'\nafter\n') == b'before\nafter\n'


def test_what_is_no_text_and_has_no_end_passes_whole():
  assert passed_on(b'\xff\x00one\ntwo') == b'\xff\x00one\ntwo'
