"""A data set larger than a reader's memory: read, checked, and pushed.

Pictures of noise, which nothing compresses; the replay is a process of its
own, as its memory is not the reader's.
"""

import contextlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import reverb
from tf_agents.specs import array_spec, tensor_spec
from tf_agents.trajectories import time_step as ts

from awopt_agent import agent as agent_lib
from awopt_agent import quiet, structs
from awopt_agent.demos import audit, mapping, reader, writer
from awopt_agent.experience import labelling, tables
from awopt_agent.learning import networks
from tests.benchmarks import environments

STEPS, LENGTH = 100_000, 100
_PIXELS = 64
_OBSERVATION = {
  'image': array_spec.BoundedArraySpec((_PIXELS, _PIXELS, 3), np.uint8, 0, 255),
  'state': array_spec.BoundedArraySpec((7,), np.float32, -10, 10),
}
_ACTION = array_spec.BoundedArraySpec((7,), np.float32, -1.0, 1.0)
_MB = 2**20


def measure() -> Iterator[environments.Row]:
  """Steps/s and the peak of the reader's memory."""
  context = multiprocessing.get_context('spawn')
  with contextlib.ExitStack() as stack:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    source = os.path.join(folder, 'noise')
    writer.write_episodes(
      _episodes(),
      source,
      time_step_spec=ts.time_step_spec(_OBSERVATION),
      action_spec=_ACTION,
    )
    found = context.SimpleQueue()
    server = context.Process(target=_serve, args=(found,), daemon=True)
    server.start()
    stack.callback(server.kill)
    port = found.get()
    for name, part in (
      ('read', _read),
      ('read and validated', _validate),
      ('read, validated and pushed', _push),
    ):
      work = context.Process(target=_run, args=(part, source, port, found))
      work.start()
      seconds, peak, baseline = found.get()
      work.join()
      yield f'noise of 64 px: {name}', STEPS / seconds, 'steps/s', None
      yield f'noise of 64 px: {name}, peak', peak, 'MB', None
    yield 'the same, libraries alone', baseline, 'MB', None


def _episodes() -> Iterator[structs.Episode]:
  rng = np.random.default_rng(0)
  rows = LENGTH + 1
  for _ in range(STEPS // LENGTH):
    reward, discount = np.zeros(rows, np.float32), np.ones(rows, np.float32)
    reward[-2], discount[-2:] = 1, 0
    yield structs.Episode(
      observation={
        'image': rng.integers(0, 256, (rows, _PIXELS, _PIXELS, 3), np.uint8),
        'state': rng.uniform(-10, 10, (rows, 7)).astype(np.float32),
      },
      action=rng.uniform(-1, 1, (rows, 7)).astype(np.float32),
      reward=reward,
      discount=discount,
      is_terminal=True,
      success=True,
    )


def _agent() -> agent_lib.AwOptAgent:
  return agent_lib.AwOptAgent(
    tensor_spec.from_spec(ts.time_step_spec(_OBSERVATION)),
    tensor_spec.from_spec(_ACTION),
    critic_network=networks.SmallCritic,
    actor_network=networks.SmallActor,
  )


def _serve(found) -> None:
  quiet.drop_native_notices()
  agent = _agent()
  server = reverb.Server(
    tables.make_tables(
      agent.training_data_spec,
      tables.ReplayConfig(),
      steps_per_item=agent.train_sequence_length,
    )
  )
  found.put(server.port)
  server.wait()


def _run(part, source: str, port: int, found) -> None:
  quiet.drop_native_notices()
  agent = _agent()
  baseline = _peak_mb()
  start = time.perf_counter()
  part(source, port, agent)
  found.put((time.perf_counter() - start, _peak_mb(), baseline))


def _peak_mb() -> float:
  with open('/proc/self/status', encoding='utf-8') as file:
    return int(file.read().split('VmHWM:')[1].split()[0]) / 1024


def _read(source: str, port: int, agent) -> None:
  del port, agent
  for _ in reader.read_stored(source):
    pass


def _validate(source: str, port: int, agent) -> None:
  for _ in _audited(source):
    pass
  del port, agent


def _audited(source: str) -> Iterator[structs.Episode]:
  found = audit.Audit()
  mapper = mapping.EpisodeMapper(mapping.Mapping())
  both = reader.read_both(source, mapping=mapper)
  for index, (stored, episode) in enumerate(both):
    found.add('train', index, stored, episode)
    yield episode
  if found.findings():
    raise ValueError(f'the set should be good: {found}')


def _push(source: str, port: int, agent) -> None:
  writing = tables.EpisodeWriter(
    reverb.Client(f'localhost:{port}'),
    agent.training_data_spec,
    steps_per_item=agent.train_sequence_length,
  )
  info = agent.collect_data_spec.policy_info
  info = tensor_spec.to_nest_array_spec(info)
  for number, episode in enumerate(_audited(source)):
    filler = _zeros(info, episode.length + 1)
    writing(
      labelling.label_episode(episode, episode_id=number, policy_info=filler)
    )
  writing.close()


def _zeros(spec, rows: int):
  return type(spec)(*(np.zeros([rows, *s.shape], s.dtype) for s in spec))
