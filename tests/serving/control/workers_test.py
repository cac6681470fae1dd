import threading
import time

import pytest

from awopt_agent.serving.control import workers

# They keep a clock, and so have the machine to themselves.
pytestmark = pytest.mark.programs


def test_returns_and_raises_what_the_function_does():
  worker = workers.Worker('one')
  assert worker.call(divmod, 7, 2, limit_s=5) == (3, 1)
  with pytest.raises(ZeroDivisionError):
    worker.call(divmod, 7, 0, limit_s=5)
  name = worker.call(lambda: threading.current_thread().name, limit_s=5)
  assert name == 'one'
  worker.close()


def test_does_not_wait_for_a_call_that_hangs():
  worker, back = workers.Worker('one'), threading.Event()
  start = time.monotonic()
  with pytest.raises(workers.HungError, match=r'within 0\.05 s'):
    worker.call(back.wait, limit_s=0.05)
  assert 0.05 <= time.monotonic() - start < 0.15
  back.set()
  worker.close()


def test_its_thread_ends():
  worker = workers.Worker('short-lived')
  worker.close()
  deadline = time.monotonic() + 5
  while any(t.name == 'short-lived' for t in threading.enumerate()):
    assert time.monotonic() < deadline
    time.sleep(0.01)
