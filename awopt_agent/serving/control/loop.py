"""Runs a policy on a robot at a fixed rate, and stops the robot in time."""

import contextlib
import dataclasses
import gc
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, Protocol

import numpy as np
import tree

from awopt_agent.serving import checks, parts
from awopt_agent.serving.control import (
  detectors,
  faults,
  practice,
  stops,
  takeover,
  timing,
  watchdog,
  workers,
)
from awopt_agent.serving.control import episode as episode_lib
from awopt_agent.serving.control import robot as robot_lib

__all__ = ['ControlLoop', 'LoopConfig', 'Recorder']

_Kind = faults.Kind
_say = logging.getLogger(__name__).warning
# The detector, of an episode that is over.
_ASK_EVERY_S = 0.02


class Recorder(Protocol):
  """Keeps episodes, such as `recording.Recording`."""

  def add(self, played: episode_lib.Played) -> None:
    """Keeps one; the robot stands meanwhile."""


@dataclasses.dataclass(frozen=True)
class LoopConfig:
  """How fast a loop runs, and what it puts up with.

  The defaults fit 10 Hz: whatever happens, the robot is told to stop within
  150 ms.

  Attributes:
    max_steps: Actions an episode, at most; its end is terminal, as the
      horizon of a task.
    control_hz: Actions a second.
    max_age_s: Age from which what the robot sees is too old; longer than a
      step, since it grows older by one until the next comes.
    same_clock: Whether `Observed.time_s` is this machine's
      `time.monotonic()`. Else only its changes count.
    observe_limit_s: How long `Robot.observe` may take.
    policy_limit_s: How long policy and human may take.
    act_limit_s: How long `Robot.act` may take.
    late_limit_s: How much later than its deadline a step may be done; more is
      a fault.
    most_misses: So many deadlines missed in a row are a fault.
    verdict_limit_s: How long the detector is asked about an episode that ended
      by itself, such as by `max_steps`, until it says something; the robot
      stands meanwhile. 0 asks once.
  """

  max_steps: int
  control_hz: float = 10.0
  max_age_s: float = 0.15
  same_clock: bool = True
  observe_limit_s: float = 0.05
  policy_limit_s: float = 0.1
  act_limit_s: float = 0.1
  late_limit_s: float = 0.05
  most_misses: int = 3
  verdict_limit_s: float = 0.0

  def __post_init__(self):
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      if field.name == 'verdict_limit_s' and value == 0:
        continue
      if field.name != 'same_clock' and not 0 < value < math.inf:
        raise ValueError(f'LoopConfig.{field.name} must be > 0, got {value}.')
    for name in ('max_steps', 'most_misses'):
      value = getattr(self, name)
      if not isinstance(value, int):
        raise ValueError(
          f'LoopConfig.{name} must be a whole number, got {value!r}.'
        )
    if self.max_age_s <= self.period_s:
      raise ValueError(
        f'LoopConfig.max_age_s is {self.max_age_s:g}, but what the robot sees '
        f'grows {self.period_s:g} s older in a step; allow more.'
      )

  @property
  def period_s(self) -> float:
    """Length of a step."""
    return 1 / self.control_hz


class ControlLoop:
  """Runs episodes of a policy on a robot.

  The robot stands between episodes, and stops at the first fault; that ends
  the run, for somebody has to look.
  """

  def __init__(
    self,
    robot: robot_lib.Robot,
    policy: Any,
    config: LoopConfig,
    *,
    detector: detectors.Detector | None = None,
    is_last: Callable[[Any], bool] | None = None,
    human: robot_lib.Human | None = None,
    practise: bool = False,
    stop_buttons: Sequence[stops.Button] = (),
    recorder: Recorder | None = None,
    report: Callable[[str], None] = _say,
  ):
    """Prepares; nothing moves.

    Args:
      robot: What acts.
      policy: A `Predictor`, or a `Follower`, which looks for a newer version
        before each episode; make it with `every_s=None`, so that it loads
        none meanwhile.
      config: Rate and limits.
      detector: Says when an episode is over, and whether it succeeded;
        without one, none does.
      is_last: Tells of an action whether it ends the episode, as
        `lambda action: action['terminate']`.
      human: May take over.
      practise: Whether the policy explores, by its signature `practice`.
      stop_buttons: Functions that tell whether somebody wants the robot to
        stop; asked 50 times a second, between episodes too.
      recorder: Keeps the episodes, those with a fault too.
      report: Receives one line for a fault.
    """
    self._robot, self._policy, self._config = robot, policy, config
    self._detector = detector or (lambda trace, ended: None)
    self._is_last = is_last or (lambda action: False)
    self._human = human
    self._practise = practise
    self._stop_buttons = tuple(stop_buttons)
    self._recorder = recorder
    self._report = report

  def run(
    self, episodes: int, prepare: Callable[[], None] | None = None
  ) -> Iterator[episode_lib.Played]:
    """Runs episodes, one each time that the next is asked for, until a fault.

    Args:
      episodes: How many, at most.
      prepare: Called before each: lets the robot move again, brings it home,
        waits for somebody to lay things out. Signals and buttons stop the
        robot meanwhile, again and again until it returns, but nothing else is
        watched.

    Yields:
      Episodes; only the last may have a fault. An exception of `prepare` or of
      the recorder is raised; the robot stands then.
    """
    for _ in range(episodes):
      played = self.run_episode(prepare)
      yield played
      if played.fault:
        return

  def run_episode(
    self, prepare: Callable[[], None] | None = None
  ) -> episode_lib.Played:
    """Runs one episode; see `run`."""
    guard = faults.Guard(self._robot, report=self._report)
    with self._guarded(guard):
      policy = self._newest_policy()
      with _no_pauses():
        if prepare is not None and not guard.tripped:
          with guard.holding():
            prepare()
        play = _Play(self, policy, guard)
        play.run()
    fault = guard.settle()
    played = episode_lib.Played(
      trace=play.trace,
      success=play.success and fault is None,
      fault=fault,
      timing=play.timing.read(),
      policy=policy.policy,
      version=policy.version,
    )
    if self._recorder is not None:
      self._recorder.add(played)
    return played

  @contextlib.contextmanager
  def _guarded(self, guard: faults.Guard) -> Iterator[None]:
    """Stops the robot by signals and buttons, and in any case at the end."""

    def hear(name: str) -> None:
      guard.trip(_Kind.SIGNAL, f'this process received {name}.')

    def press(line: str) -> None:
      guard.trip(_Kind.HUMAN, line)

    try:
      with stops.Signals(hear), stops.Buttons(self._stop_buttons, press):
        yield
    finally:
      problem = guard.stop()
      if problem is not None:
        guard.trip(_Kind.CONNECTION, 'at the end of the episode.')

  def _newest_policy(self) -> robot_lib.Policy:
    policy = self._policy
    if hasattr(policy, 'refresh'):
      policy.refresh()
      policy = policy.predictor
    return practice.Practice(policy) if self._practise else policy


class _FaultError(Exception):
  """There was a fault: the episode is over."""


class _Play:
  """One episode.

  Attributes:
    trace: What happened so far.
    success: Whether the detector said so.
    timing: Of the steps so far.
  """

  def __init__(
    self, loop: ControlLoop, policy: robot_lib.Policy, guard: faults.Guard
  ):
    self.trace = episode_lib.Trace()
    self.success = False
    self.timing = timing.Timing()
    self._robot, self._config = loop._robot, loop._config
    self._detector, self._is_last = loop._detector, loop._is_last
    self._guard = guard
    self._observation_spec = policy.observation_spec
    self._choose = takeover.Chooser(policy, loop._human)
    self._freshness = watchdog.Freshness(
      self._config.max_age_s, same_clock=self._config.same_clock
    )
    self._ending = False
    self._misses_in_row = 0
    self._workers = {
      name: workers.Worker(name) for name in ('observe', 'policy', 'act')
    }

  def run(self) -> None:
    """Plays until the end, or until a fault."""
    try:
      with watchdog.Watchdog(self._guard.trip) as dog:
        has_verdict = self._steps(dog)
      if not has_verdict:
        self._judge()
    except _FaultError:
      pass
    except Exception as error:
      self._guard.trip(_Kind.LOOP, _one_line(error))
    except BaseException as error:  # It is raised, but the robot comes first.
      self._guard.trip(_Kind.LOOP, _one_line(error))
      raise
    finally:
      for worker in self._workers.values():
        worker.close()

  def _judge(self) -> None:
    """Asks about an episode that ended by itself, without haste."""
    self._guard.stop()
    end_s = time.monotonic() + self._config.verdict_limit_s
    while True:
      verdict = self._detector(self.trace, True)
      left_s = end_s - time.monotonic()
      if verdict is not None or left_s <= 0:
        break
      self._guard.wait(time.monotonic() + min(_ASK_EVERY_S, left_s))
      self._check_fault()
    self.success = bool(verdict)

  def _steps(self, dog: watchdog.Watchdog) -> bool:
    """Steps until the end; returns whether the detector has judged it."""
    self._check_fault()
    due_s = began_s = time.monotonic()
    while True:
      self._expect_step(dog, due_s)
      ended, has_verdict = self._step(dog)
      done_s = time.monotonic()
      self._check_fault()
      if ended:
        return has_verdict
      next_s = self._count(due_s, began_s, done_s)
      self._expect_step(dog, next_s)
      self._guard.wait(next_s)
      self._check_fault()
      due_s, began_s = next_s, time.monotonic()

  def _expect_step(self, dog: watchdog.Watchdog, due_s: float) -> None:
    late_s = self._config.late_limit_s
    dog.expect(
      'step',
      due_s + self._config.period_s + late_s,
      _Kind.DEADLINE,
      f'a step was not done {1e3 * late_s:g} ms after its deadline.',
    )

  def _count(self, due_s: float, began_s: float, done_s: float) -> float:
    """Counts a step; returns when the next one is due.

    That is a whole number of periods after this one was, so that nothing
    drifts; what a step that took too long has covered is left out.
    """
    period_s = self._config.period_s
    missed = done_s > due_s + period_s
    self.timing.add(began_s - due_s, done_s - due_s, missed=missed)
    self._misses_in_row = self._misses_in_row + 1 if missed else 0
    if self._misses_in_row >= self._config.most_misses:
      self._fail(
        _Kind.DEADLINE, f'{self._misses_in_row} deadlines missed in a row.'
      )
    return due_s + period_s * max(1, math.ceil((done_s - due_s) / period_s))

  def _step(self, dog: watchdog.Watchdog) -> tuple[bool, bool]:
    """Observes and acts; returns whether it is over, and judged."""
    trace = self.trace
    observation = self._observe(dog)
    if self._ending or len(trace.actions) >= self._config.max_steps:
      return True, False
    verdict = self._detector(trace, False)
    if verdict is not None:
      self.success = bool(verdict)
      return True, True
    choice = self._call(
      'policy', self._choose, observation, limit_s=self._config.policy_limit_s
    )
    # A human's device, or the robot, may fill the same arrays at each step.
    trace.actions.append(tree.map_structure(np.array, choice.action))
    trace.sources.append(choice.source)
    self._call(
      'act',
      self._guard.act,
      choice.action,
      limit_s=self._config.act_limit_s,
    )
    self._ending = bool(self._is_last(trace.actions[-1]))
    return False, False

  def _observe(self, dog: watchdog.Watchdog) -> Any:
    seen = self._call(
      'observe', self._robot.observe, limit_s=self._config.observe_limit_s
    )
    try:
      nest, time_s = seen[0], float(seen[1])
      observation = _copy(self._observation_spec, nest)
    except (TypeError, ValueError) as error:
      self._fail(_Kind.OBSERVATION, _one_line(error))
    try:
      old_s = self._freshness.update(time_s, time.monotonic())
    except watchdog.StaleError as error:
      self._fail(_Kind.CAMERA, _one_line(error))
    dog.expect(
      'camera',
      old_s,
      _Kind.CAMERA,
      f'nothing was seen for {self._config.max_age_s:g} s; look after the '
      'camera.',
    )
    self.trace.observations.append(observation)
    self.trace.times_s.append(time_s)
    return observation

  def _call(self, name: str, function, *args: Any, limit_s: float) -> Any:
    """Calls in a thread of its own; what goes wrong is a fault."""
    try:
      result = self._workers[name].call(function, *args, limit_s=limit_s)
    except Exception as error:  # Whatever the robot's, or another's, code has.
      who = '' if name == 'policy' else f'{name}: '
      self._fail(_kind_of(name, error), f'{who}{_one_line(error)}')
    self._check_fault()
    return result

  def _check_fault(self) -> None:
    if self._guard.tripped:
      raise _FaultError

  def _fail(self, kind: faults.Kind, reason: str) -> NoReturn:
    self._guard.trip(kind, reason)
    raise _FaultError


def _kind_of(name: str, error: Exception) -> faults.Kind:
  if name != 'policy':
    return _Kind.CONNECTION
  if isinstance(error, workers.HungError):
    return _Kind.HANG
  if isinstance(error, takeover.HumanActionError):
    return _Kind.HUMAN
  # The policy's own check is as strict as ours, and has the limits' besides.
  if isinstance(error, ValueError):
    return _Kind.OBSERVATION
  return _Kind.POLICY


def _copy(spec: Sequence[parts.Part], nest: Any) -> Any:
  """Checks an observation; a robot may fill the same arrays at each step."""
  values = parts.flatten(spec, nest, 'observation')
  values = checks.check_one(spec, values, 'observation')
  return parts.pack(
    spec, {name: np.array(value) for name, value in values.items()}
  )


def _one_line(error: BaseException) -> str:
  lines = str(error).strip().splitlines()
  name = type(error).__name__
  if isinstance(error, ValueError | FloatingPointError) and lines:
    return lines[0]
  return f'{name}: {lines[0]}' if lines else f'{name}.'


@contextlib.contextmanager
def _no_pauses() -> Iterator[None]:
  """Keeps Python's garbage collector from walking through TensorFlow.

  With all that a policy loads, that takes as long as some steps, and no thread
  runs meanwhile.
  """
  gc.collect()
  gc.freeze()
  try:
    yield
  finally:
    gc.unfreeze()
