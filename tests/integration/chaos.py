"""Kills roles of a launched run at random, and checks what must survive.

Short in `faults_test.py`; by hand, with 30 kills:
`python -m tests.benchmarks.chaos`.
"""

import dataclasses
import json
import math
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import time

import numpy as np

from awopt_agent.experience import contents
from awopt_agent.experience.wire import inbox
from awopt_agent.train import checkpoints
from awopt_agent.train.roles import replay_service, reports

ROOT = pathlib.Path(__file__).parent.parent.parent
KINDS = ('replay', 'learner', 'collector', 'bellman_updater', 'evaluator')

GIN = """
include 'base/state.gin'
include 'task/green_bowl.gin'
include 'variant/awopt.gin'
MlpCritic.layers = (16,)
MlpActor.layers = (16,)
policy/CemConfig.samples = 8
policy/CemConfig.elites = 4
target/CemConfig.samples = 8
TrainConfig.split = 'train[:4]'
TrainConfig.pretrain_steps = 100
TrainConfig.replay_ratio = 0.5
TrainConfig.batch_size = 16
TrainConfig.num_envs = 4
TrainConfig.eval_every = 500
TrainConfig.eval_episodes = 4
TrainConfig.final_eval_episodes = 4
TrainConfig.summary_every = 1000
RolesConfig.max_lead_steps = 400
"""


@dataclasses.dataclass
class Kill:
  """One kill, and what came of it.

  Attributes:
    role: Its name.
    at: Seconds since 1970.
    saving: Whether a checkpoint was being written.
    count: What the role had counted.
    back_s: Seconds until it counted on from there.
  """

  role: str
  at: float
  saving: bool
  count: float
  back_s: float | None = None


class Chaos:
  """A launched run whose roles are killed.

  Attributes:
    kills: Those so far.
    stored: By source, the most episodes that were ever reported as stored.
    history: What `stored` was at times, seconds since 1970.
    durable: By source, the most that were reported as in a checkpoint.
    stands: When the learner took no step beyond those before, from and to, be
      it that another role was gone or that steps were taken again.
  """

  def __init__(self, folder, *, seed, gin='', collectors=2, updaters=1):
    """Writes the gin file; starts nothing.

    Args:
      folder: For all files.
      seed: Of the kills.
      gin: Further bindings.
      collectors: How many.
      updaters: How many.
    """
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    self.root = pathlib.Path(folder) / 'run'
    self._gin = pathlib.Path(folder) / 'chaos.gin'
    self._gin.write_text(GIN + gin, encoding='utf-8')
    self._log = pathlib.Path(folder) / 'launch.log'
    self._random = random.Random(seed)
    self._counts = collectors, updaters
    self.kills: list[Kill] = []
    self.stored: dict[str, int] = {}
    self.history: list[tuple[float, dict[str, int]]] = []
    self.durable: dict[str, int] = {}
    self.stands: list[tuple[float, float]] = []
    self._saved: dict[str, float] = {}
    self._learnt = (-1.0, 0.0)
    self.process = None

  def start(self):
    """Starts awopt-launch."""
    collectors, updaters = self._counts
    command = [sys.executable, '-m', 'awopt_agent.train.launch']
    command += ['--gin_file', str(self._gin), '--root_dir', str(self.root)]
    command += ['--collectors', str(collectors)]
    command += ['--bellman_updaters', str(updaters)]
    with open(self._log, 'ab') as log:
      self.process = subprocess.Popen(
        command,
        cwd=self._gin.parent,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
      )

  def pids(self):
    """Returns the pid of each role's process, by its name."""
    found = {}
    path = f'/proc/{self.process.pid}/task/{self.process.pid}/children'
    for pid in pathlib.Path(path).read_text().split():
      try:
        words = pathlib.Path(f'/proc/{pid}/cmdline').read_text().split('\0')
      except OSError:
        continue  # It has just ended.
      kind = next((word for word in words if word in KINDS), None)
      if kind:
        index = words[words.index('--index') + 1] if '--index' in words else ''
        found[f'{kind}-{index}' if index else kind] = int(pid)
    return found

  def reports(self):
    """Returns the roles' reports, and keeps the most that they promised."""
    try:
      found = reports.read_all(str(self.root))
    except (OSError, json.JSONDecodeError):
      return {}
    now = time.time()
    for role, report in found.items():
      if role.startswith('collector'):
        source = str(int(role.split('-')[1]) + 1)
        for kept, name in (
          (self.stored, 'received'),
          (self.durable, 'durable'),
        ):
          kept[source] = max(kept.get(source, 0), report[name])
    self.history.append((now, dict(self.stored)))
    self._note_learner(found.get('learner', {}).get('count', -1.0), now)
    self.is_saving()  # Notes what was saved.
    return found

  def _note_learner(self, count, now):
    most, at = self._learnt
    if count <= most:
      return
    if most >= 0 and not self.is_over():
      self.stands.append((at, now))
    self._learnt = count, now

  def worst_stand(self):
    """Returns the stand that lost most time a kill: its seconds, its kills."""

    def kills_in(stand):
      return sum(stand[0] <= kill.at <= stand[1] for kill in self.kills)

    # One kill may come before the learner is back from another.
    found = [(end - at, kills_in((at, end))) for at, end in self.stands]
    return max(found, key=lambda one: one[0] / max(1, one[1]))

  def interval_s(self):
    """Returns the usual time between two checkpoints."""
    times = sorted(self._saved.values())
    return statistics.median(np.diff(times)) if len(times) > 1 else 0.0

  def wait_for(self, condition, limit_s, what):
    """Waits, while the run goes on."""
    end = time.monotonic() + limit_s
    while not condition():
      if self.process.poll() is not None:
        raise AssertionError(f'the run ended before {what}: {self.output()}')
      if time.monotonic() > end:
        raise AssertionError(f'no {what} in {limit_s} s: {self.output()}')
      time.sleep(0.02)

  def extend(self, gin):
    """Stops the run, as Ctrl-C does, and goes on with further bindings."""
    os.killpg(self.process.pid, signal.SIGINT)
    self.process.wait(400)
    with open(self._gin, 'a', encoding='utf-8') as file:
      file.write(gin)
    self._learnt = (math.inf, 0.0)  # A start of all is no standstill.
    self.start()

  def is_saving(self):
    """Tells whether a checkpoint is being written."""
    folder = self.root / 'checkpoints'
    names = os.listdir(folder) if folder.is_dir() else []
    for name in names:
      if name.isdecimal():
        self._saved.setdefault(name, time.time())
    return any(name.endswith('.part') for name in names)

  def kill(self, *, while_saving):
    """Kills a random role; of those that save, while they do.

    Args:
      while_saving: Whether to wait for a checkpoint's beginning.
    """
    roles = ['replay', 'learner'] if while_saving else sorted(self.pids())
    role = self._random.choice(roles)
    if while_saving:
      self.wait_for(self.is_saving, 120, 'checkpoint')
      time.sleep(self._random.uniform(0, 0.1))
    pid = self.pids().get(role)
    if pid is None:
      return  # It is just now starting again.
    count = self.reports().get(role, {}).get('count', 0)
    saving = self.is_saving()
    os.kill(pid, signal.SIGKILL)
    self.kills.append(Kill(role, time.time(), saving, count))

  def wait_until_back(self, limit_s=180):
    """Waits until the role that was killed last counts on.

    An evaluator counts anew, and so does an updater: a report will do.
    """
    if not self.kills or self.kills[-1].back_s is not None:
      return
    kill = self.kills[-1]

    # Those of a run that is over have nothing to count.
    def is_back():
      if self.is_over():
        return True
      report = self.reports().get(kill.role, {})
      if report.get('time', 0) <= kill.at + 1:
        return False
      anew = kill.role.startswith(('evaluator', 'bellman'))
      return anew or report['count'] >= kill.count

    self.wait_for(is_back, limit_s, f'return of {kill.role}')
    kill.back_s = time.time() - kill.at

  def is_over(self):
    """Tells whether the learner is done."""
    return 'learner: finished' in self.output()

  def output(self):
    """Returns what the launcher printed."""
    return self._log.read_text(encoding='utf-8', errors='replace')

  def finish(self, limit_s):
    """Waits for the run's end; returns its exit code."""
    end = time.monotonic() + limit_s
    while self.process.poll() is None and time.monotonic() < end:
      self.reports()
      time.sleep(0.1)
    if self.process.poll() is None:
      raise AssertionError(f'no end in {limit_s} s: {self.output()}')
    return self.process.returncode

  def close(self):
    """Ends what is left."""
    if self.process and self.process.poll() is None:
      os.killpg(self.process.pid, signal.SIGTERM)
      try:
        self.process.wait(60)
      except subprocess.TimeoutExpired:
        os.killpg(self.process.pid, signal.SIGKILL)


def _raise_to(found, source, count):
  found[source] = max(found.get(source, 0), count)


@dataclasses.dataclass
class Survey:
  """What the last checkpoint's replay holds.

  Attributes:
    episodes: By source, the sequence numbers of its whole episodes.
    torn: Ids of episodes of which a step is missing.
    doubled: Ids of episodes of which a step is there twice.
    counters: That were saved with it.
  """

  episodes: dict[str, set[int]]
  torn: list[int]
  doubled: list[int]
  counters: replay_service.Counters


def _replay_folder(root):
  return checkpoints.replay_folder(
    checkpoints.latest(str(pathlib.Path(root) / 'checkpoints'))
  )


def survey(root, step_spec, steps_per_item):
  """Reads the newest checkpoint of a run."""
  folder = _replay_folder(root)
  labels = contents.read_labels(
    folder, step_spec, steps_per_item=steps_per_item
  )
  steps: dict[int, list[int]] = {}
  lengths: dict[int, int] = {}
  for label in labels.values():
    for identity, step, length in zip(
      label.episode_id.tolist(),
      label.step.tolist(),
      label.length.tolist(),
      strict=True,
    ):
      steps.setdefault(identity, []).append(step)
      lengths[identity] = length
  found = Survey({}, [], [], replay_service.read_counters(folder))
  for identity, seen in steps.items():
    if len(set(seen)) != len(seen):
      found.doubled.append(identity)
    if set(seen) != set(range(lengths[identity])):
      found.torn.append(identity)
      continue
    source = str(inbox.source_of(identity))
    numbers = found.episodes.setdefault(source, set())
    numbers.add(inbox.sequence_of(identity))
  return found


def check(chaos, step_spec, steps_per_item):
  """Checks what must hold after the run's end, and returns the survey."""
  found = survey(chaos.root, step_spec, steps_per_item)
  assert not found.torn, found.torn
  assert not found.doubled, found.doubled
  # The replay role promises nothing while it saves, and writes this at the end.
  saved = os.path.getmtime(_replay_folder(chaos.root) + '/counters.json')
  before = [stored for at, stored in chaos.history if at < saved]
  for source, count in before[-1].items():
    missing = set(range(count)) - found.episodes.get(source, set())
    assert not missing, f'source {source}: {sorted(missing)}'
  # What was stored after the last checkpoint is still on a collector's disk.
  for source, count in chaos.stored.items():
    folder = chaos.root / 'collectors' / str(int(source) - 1) / 'episodes'
    on_disk = {int(path.stem) for path in folder.glob('*.npz')}
    missing = set(range(count)) - found.episodes.get(source, set()) - on_disk
    assert not missing, f'source {source}: {sorted(missing)}'
    assert chaos.durable[source] <= count
  practised = sum(
    len(numbers) for source, numbers in found.episodes.items() if source != '0'
  )
  assert practised == found.counters.episodes
  steps = _policy_steps(chaos)
  assert np.all(np.diff(steps) >= 0), 'weights were evaluated out of order'
  return found


def _policy_steps(chaos):
  records = [
    json.loads(line)
    for line in (chaos.root / 'metrics.jsonl').read_text().splitlines()
  ]
  return [
    record['learner_step']
    for record in records
    if record['phase'] in ('pretrain', 'end')
  ]


def restarts(chaos):
  """Returns how often the launcher started a role again."""
  return len(re.findall('is started again', chaos.output()))
