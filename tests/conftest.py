"""Settings that must stand before the first import of TensorFlow."""

import os
import signal

# A shell's background job ignores Ctrl-C, and so would the programs that
# tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
  signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests run on the CPU, several at once: no device banner, no GPU memory.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '-1')
os.environ.setdefault('PYGAME_HIDE_SUPPORT_PROMPT', '1')


def pytest_collection_modifyitems(items):
  """Drops `tf.test.TestCase.test_session`, which every subclass inherits."""
  items[:] = [item for item in items if item.name != 'test_session']
