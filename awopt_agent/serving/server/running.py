"""awopt-serve from its flags to its last line."""

import argparse
import asyncio
import json
import os
import signal
import sys
from typing import Any

from awopt_agent.serving import follower
from awopt_agent.serving import limits as action_limits
from awopt_agent.serving import predictor as predictor_lib
from awopt_agent.serving.server import limits as limits_lib
from awopt_agent.serving.server import listening, warming
from awopt_agent.serving.server import service as service_lib

__all__ = ['read_action_limits', 'run']


def run(flags: argparse.Namespace) -> str:
  """Serves until SIGTERM or Ctrl-C.

  Args:
    flags: Of `awopt-serve`.

  Returns:
    A line about what was done.

  Raises:
    ValueError: If there is no good version, or flags do not fit it.
    OSError: If an address cannot be had.
  """
  limits = limits_lib.Limits(
    request_bytes=int(flags.max_request_mib * 2**20),
    rows=flags.max_rows,
    batch=flags.max_batch,
    waiting=flags.max_waiting,
    connections=flags.max_connections,
    time_s=flags.time_limit,
    rate_per_s=flags.rate,
    burst=flags.burst,
  )
  source = follower.Follower(
    flags.policies or os.path.join(flags.root_dir, 'policies'),
    limits=read_action_limits(flags.action_limits),
    every_s=flags.every_s,
    report=_report,
  )
  service = service_lib.Service(
    source,
    name=flags.model_name,
    labels=flags.version_label,
    limits=limits,
    prepare=_prepare,
    report=_report,
  )
  server = listening.Server(
    service,
    host=flags.host,
    rest_port=flags.rest_port,
    grpc_port=flags.grpc_port,
  )
  try:
    asyncio.run(_serve(server, service))
  finally:
    service.close()
  metrics = service.metrics
  return (
    f'awopt-serve: answered {metrics.total(method="predict", code="OK")} of '
    f'{metrics.total(method="predict")} requests for actions, the last by '
    f'version {service.served.version}.'
  )


def read_action_limits(path: str | None) -> action_limits.ActionLimits | None:
  """Reads limits of actions from a JSON file with the record's fields.

  Args:
    path: Of the file; None for no limits.

  Raises:
    ValueError: If it holds something else.
    OSError: If it cannot be read.
  """
  if path is None:
    return None
  with open(path, encoding='utf-8') as file:
    try:
      fields: Any = json.load(file)
      position = fields.pop('position_m', None)
      if position is not None:
        position = action_limits.ObservedPosition(**position)
      return action_limits.ActionLimits(**fields, position_m=position)
    except (AttributeError, TypeError, ValueError) as error:
      raise ValueError(
        f'{path}: {error}; write a JSON object with the fields of '
        'ActionLimits, and of ObservedPosition in position_m.'
      ) from error


async def _serve(
  server: listening.Server, service: service_lib.Service
) -> None:
  stop = asyncio.Event()
  loop = asyncio.get_running_loop()
  for number in (signal.SIGTERM, signal.SIGINT):
    loop.add_signal_handler(number, stop.set)
  await server.start()
  print(
    f'awopt-serve: version {service.served.version} on {server.rest_url} and '
    f'gRPC {server.grpc_address}',
    flush=True,
  )
  await stop.wait()
  # A second Ctrl-C does not wait for anybody.
  loop.remove_signal_handler(signal.SIGINT)
  await server.drain()


def _prepare(predictor: predictor_lib.Predictor) -> None:
  warming.warm(predictor)
  warming.settle_memory()


def _report(line: str) -> None:
  print(f'awopt-serve: {line}', file=sys.stderr, flush=True)
