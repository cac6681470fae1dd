"""Speeds of the roles, as programs: `python -m tests.benchmarks.distributed`.

Collectors with the learner paused; the learner with targets of its own and of
a Bellman updater, each process on a core of its own; the limit of the replay
role with synthetic episodes. Each pair is measured in turns, in one run.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import portpicker
import psutil
import tensorflow as tf

from awopt_agent import quiet, structs
from awopt_agent.experience import labelling, packing
from awopt_agent.experience.wire import board, connection, inbox, weights
from awopt_agent.train import command_line
from awopt_agent.train.roles import context as context_lib
from awopt_agent.train.roles import reports

ROOT = pathlib.Path(__file__).parent.parent.parent
_GIN = 'run/quickstart.gin'
# Its targets are about half of a step, as those of pictures are.
_UPDATER_GIN = 'run/green_bowl_image.gin'
# Nobody waits for another: it is speed that is measured.
_FREE = [
  'RolesConfig.max_lead_steps = 1000000000',
  'TrainConfig.checkpoint_every = 1000000',
  'TrainConfig.practice_episodes = 100000000',
]
_PAUSED = [*_FREE, 'TrainConfig.pretrain_steps = 0']
_ENDLESS = [*_FREE, 'TrainConfig.pretrain_steps = 100000000']
_WARM_S = 15.0
_WARM_LIMIT_S = 60.0
_WARM_COUNT = 1300
_SETTLE_S = 1.0
_LENGTH = 12


class Roles:
  """Programs of roles, joined by a replay server."""

  def __init__(self, folder, bindings, gin=_GIN):
    """Starts the replay role."""
    self._gin = gin
    self.root = os.path.join(folder, 'run')
    os.makedirs(self.root)
    self._bindings = bindings
    port = portpicker.pick_unused_port()
    self.address = f'localhost:{port}'
    self._processes = []
    self.start('replay', '--port', str(port))
    self.connection = connection.Connection(
      self.address, role='bench', limit_s=60
    )
    self.board = board.BoardReader(self.connection, every_s=0)
    self.board.read_now(limit_s=60)

  def start(self, role, *arguments, core=None):
    """Starts a role, on one core or on all."""
    command = [sys.executable, '-u', '-m', 'awopt_agent.train.role', role]
    command += ['--gin_file', self._gin, '--root_dir', self.root, *arguments]
    for binding in self._bindings:
      command += ['--gin_bindings', binding]
    if role != 'replay':
      command += ['--replay_address', self.address]
    if core is not None:
      command = ['taskset', '-c', str(core), *command]
    with open(os.path.join(self.root, f'{role}.log'), 'ab') as log:
      process = subprocess.Popen(
        command,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdout=log,
        stderr=subprocess.STDOUT,
      )
    self._processes.append(process)
    return process

  def cpu_s(self):
    """Returns the core seconds that the replay role has used."""
    times = psutil.Process(self._processes[0].pid).cpu_times()
    return times.user + times.system

  def close(self):
    """Ends all."""
    for process in self._processes:
      process.kill()
      process.wait()


@contextlib.contextmanager
def _roles(bindings, gin=_GIN):
  with tempfile.TemporaryDirectory() as folder:
    roles = Roles(folder, bindings, gin)
    try:
      yield roles
    finally:
      roles.close()


def _flags(bindings, root):
  return argparse.Namespace(
    role='learner',
    gin_file=[_GIN],
    gin_bindings=bindings,
    root_dir=root,
    seed=0,
  )


def _rate(count, seconds):
  """Returns how fast a count grows, once it does so steadily."""
  while not count():
    time.sleep(0.2)
  # What is traced at first, and after 1,000 learner steps, is behind then.
  time.sleep(_WARM_S)
  end = time.monotonic() + _WARM_LIMIT_S
  while count() < _WARM_COUNT and time.monotonic() < end:
    time.sleep(0.2)
  began, before = time.monotonic(), count()
  time.sleep(seconds)
  return (count() - before) / (time.monotonic() - began)


def collectors(seconds, turns):
  """Yields episodes/s of one collector, and of two, with the learner paused.

  The second is halted and goes on in turns: what else happens on the machine
  within a minute is the same for both.
  """
  with _roles(_PAUSED) as roles:
    context = context_lib.build(_flags(_PAUSED, roles.root))
    weights.Publisher(
      roles.connection, weights.ACTING, context.agent.acting_variables
    ).publish()
    started = [
      roles.start('collector', '--index', str(index)) for index in range(2)
    ]

    def count():
      return roles.board.read_now()['episodes']

    _rate(count, seconds)
    for turn in range(turns):
      order = (1, 2) if turn % 2 == 0 else (2, 1)
      rates = {
        number: _rate_of_turn(started[1], number, count, seconds)
        for number in order
      }
      yield rates[1], rates[2]


def _rate_of_turn(second, number, count, seconds):
  """Returns the rate while the second collector stands, or works too."""
  send = signal.SIGSTOP if number == 1 else signal.SIGCONT
  tree = psutil.Process(second.pid)
  for process in (tree, *tree.children(recursive=True)):
    process.send_signal(send)
  time.sleep(_SETTLE_S)
  began, before = time.monotonic(), count()
  time.sleep(seconds)
  return (count() - before) / (time.monotonic() - began)


def learner(seconds, *, updaters, gin):
  """Returns learner steps/s, the learner on core 0, all else on core 1."""
  with _roles(_ENDLESS, gin) as roles:
    os.sched_setaffinity(roles._processes[0].pid, {1})
    targets = 'updaters' if updaters else 'own'
    roles.start('learner', '--targets', targets, core=0)
    if updaters:
      roles.start('bellman_updater', core=1)

    def steps():
      return reports.read_all(roles.root).get('learner', {}).get('count', 0)

    rate = _rate(steps, seconds)
    return rate, reports.read_all(roles.root)['learner']


def saturation(seconds, senders=(1, 4)):
  """Returns what the replay role takes from synthetic senders.

  The senders are threads of this process, and take cores of this machine: so
  the role's own time is what tells its limit.

  Returns:
    By number of senders, steps/s, and core milliseconds of the role a step.
  """
  rates = {}
  for number in senders:
    with _roles(_PAUSED) as roles:
      context = context_lib.build(_flags(_PAUSED, roles.root))
      stop = threading.Event()
      threads = [
        threading.Thread(
          target=_send, args=(roles, context, source, stop), daemon=True
        )
        for source in range(1, number + 1)
      ]
      for thread in threads:
        thread.start()
      used = []

      def steps(roles=roles, used=used):
        count = roles.board.read_now()['steps']
        used.append((roles.cpu_s(), count))
        return count

      rate = _rate(steps, seconds)
      (cpu_s, count), (cpu_end_s, count_end) = used[-2:]
      rates[number] = rate, 1e3 * (cpu_end_s - cpu_s) / (count_end - count)
      stop.set()
      for thread in threads:
        thread.join(30)
  return rates


def polls(count=500):
  """Returns core ms of the replay role for a look at the board, and a pull."""
  with _roles(_PAUSED) as roles:
    context = context_lib.build(_flags(_PAUSED, roles.root))
    variables = context.agent.acting_variables
    weights.Publisher(roles.connection, weights.ACTING, variables).publish()
    subscriber = weights.Subscriber(roles.connection, weights.ACTING, variables)

    def pull():
      subscriber._seen = 0  # As if they were newer each time.
      subscriber.pull()

    costs = []
    idle = roles.cpu_s()
    time.sleep(5)
    idle = (roles.cpu_s() - idle) / 5
    for function in (roles.board.read_now, pull):
      function()
      before, began = roles.cpu_s(), time.monotonic()
      for _ in range(count):
        function()
      used = roles.cpu_s() - before - idle * (time.monotonic() - began)
      costs.append(1e3 * used / count)
    size = sum(variable.numpy().nbytes for variable in variables)
    return (*costs, size)


def _send(roles, context, source, stop):
  """Sends one episode after the other, as a collector does."""
  link = connection.Connection(roles.address, role='sender', limit_s=30)
  columns = _episode(context)
  pack = packing.StepPacking(context.agent.training_data_spec)
  for sequence in range(10**9):
    if stop.is_set():
      return
    identity = inbox.episode_id(source, sequence)
    label = columns.label._replace(
      episode_id=np.full_like(columns.label.episode_id, identity)
    )
    inbox.send(link, [pack.pack(columns._replace(label=label))], limit_s=30)


def _episode(context):
  """Returns an episode of the task's specs, all zeros, of `_LENGTH` steps."""
  observation, action = tf.nest.map_structure(
    lambda spec: np.zeros([_LENGTH + 1, *spec.shape], spec.dtype),
    (context.time_step_spec.observation, context.action_spec),
  )
  zeros = np.zeros(_LENGTH + 1, np.float32)
  episode = structs.Episode(
    observation, action, zeros, zeros + 1, is_terminal=True, success=False
  )
  experience = labelling.label_episode(
    episode,
    episode_id=0,
    policy_info=labelling.no_policy_info(
      context.agent.collect_data_spec.policy_info, episode.length
    ),
  )
  source = np.full_like(experience.label.source, 1)
  return experience._replace(label=experience.label._replace(source=source))


def main():
  """Prints a line for each measurement."""
  parser = command_line.Parser('distributed', description=__doc__)
  parser.add_argument('--seconds', type=float, default=30)
  parser.add_argument('--repeats', type=int, default=3)
  parser.add_argument('--learner_gin', default=_UPDATER_GIN)
  parser.add_argument('--only', choices=('collectors', 'learner', 'saturation'))
  flags = parser.parse_args()
  quiet.drop_native_notices()
  if flags.only in (None, 'collectors'):
    _print_collectors(flags)
  if flags.only in (None, 'learner'):
    _print_learner(flags)
  if flags.only in (None, 'saturation'):
    for number, (rate, ms) in saturation(flags.seconds).items():
      print(
        f'{number} senders: {rate:.0f} steps/s, {ms:.3f} core ms of the replay '
        f'role a step: {1e3 / ms:.0f} steps/s a core',
        flush=True,
      )
    look, pull, size = polls()
    print(
      f'core ms of the replay role: {look:.2f} for a look at the board, '
      f'{pull:.2f} for weights of {size / 2**20:.1f} MB',
      flush=True,
    )


def _print_collectors(flags):
  turns = list(collectors(flags.seconds, flags.repeats))
  one, two = (sum(rates) / len(turns) for rates in zip(*turns, strict=True))
  ratios = [two / one for one, two in turns]
  print(
    f'collectors: 1 {one:.1f}, 2 {two:.1f} episodes/s: {two / one:.2f} times '
    f'(single turns {min(ratios):.2f} to {max(ratios):.2f})',
    flush=True,
  )


def _print_learner(flags):
  ratios = []
  for _ in range(flags.repeats):
    gin = flags.learner_gin
    own, _ = learner(flags.seconds, updaters=False, gin=gin)
    given, report = learner(flags.seconds, updaters=True, gin=gin)
    ratios.append(given / own)
    print(
      f'learner: targets of its own {own:.1f}, of an updater {given:.1f} '
      f'steps/s: {given / own:.2f} times; targets {report["target_age"]:.0f} '
      f'steps old, at most {report["target_age_max"]}',
      flush=True,
    )
  print(f'learner: median {statistics.median(ratios):.2f} times', flush=True)


if __name__ == '__main__':
  main()
