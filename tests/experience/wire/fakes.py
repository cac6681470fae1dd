"""A Reverb server in this process, and who talks to it."""

import contextlib
import time

import reverb

from awopt_agent.experience.wire import connection as connection_lib


@contextlib.contextmanager
def serving(*tables, port=None):
  """Yields a server, and stops it at the end unless a test did."""
  server = reverb.Server(list(tables), port)
  try:
    yield server
  finally:
    server.stop()


def connect(server, *, limit_s=5.0, **kwargs):
  """Returns a connection to a server."""
  return connection_lib.Connection(
    f'localhost:{server.port}', role='tester', limit_s=limit_s, **kwargs
  )


def force(client, table, columns):
  """Inserts what a table's signature forbids, as only a stranger would."""
  writer = client.trajectory_writer(1, validate_items=False)
  writer.append(columns)
  writer.create_item(
    table, 1.0, {name: writer.history[name][-1] for name in columns}
  )
  writer.flush(timeout_ms=5000)
  writer.close()


def size(client, table):
  """Returns the number of items in a table."""
  return client.server_info(timeout=5)[table].current_size


def wait_until_up(connection, table, limit_s=20.0):
  """Waits until a server that started again answers."""
  end = time.monotonic() + limit_s
  while True:
    try:
      return connection.info(table, limit_s=1.0)
    except TimeoutError:
      if time.monotonic() > end:
        raise
      time.sleep(0.02)
