import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from awopt_agent.envs import vector_env
from tests.envs import fakes

_MOVE = {'move': np.ones((3, 1), np.float32)}


@pytest.fixture(name='env')
def _env():
  env = vector_env.ProcessEnv(fakes.make_vector_env)
  yield env
  env.close()


def _two_processes():
  """The same three environments, the last one in a process of its own."""
  return vector_env.ProcessEnv(
    lambda: fakes.make_vector_env(2, 0), lambda: fakes.make_vector_env(1, 2)
  )


_MAKERS = {
  'here': fakes.make_vector_env,
  'process': lambda: vector_env.ProcessEnv(fakes.make_vector_env),
  'processes': _two_processes,
}


@pytest.fixture(name='either', params=_MAKERS)
def _either(request):
  env = _MAKERS[request.param]()
  yield env
  env.close()


def _process_of(env):
  return env._processes[0]._process


def _is_alive(pid):
  """Tells whether a process runs; one that only waits to be reaped does not."""
  try:
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
      return file.read().rpartition(')')[2].split()[0] not in 'ZX'
  except (FileNotFoundError, ProcessLookupError):
    return False


def _wait_until(condition, seconds=20):
  end = time.monotonic() + seconds
  while not condition() and time.monotonic() < end:
    time.sleep(0.1)
  return condition()


def test_specs_are_of_one_environment_and_steps_of_a_batch(either):
  assert (either.batched, either.batch_size) == (True, 3)
  one = fakes.EvenEnv()
  assert either.observation_spec() == one.observation_spec()
  assert either.action_spec() == one.action_spec()
  assert either.time_step_spec() == one.time_step_spec()
  step = either.reset()
  assert step.observation['x'].shape == (3, 1)
  assert step.reward.dtype == np.float32


def test_each_environment_starts_its_next_episode_by_itself():
  env = fakes.make_vector_env(2)
  # The second is one episode ahead, whose episodes last 2, 3 and 4 steps.
  env.set_state([{'seed': 0, 'episodes_begun': n} for n in (0, 1)])
  env.reset()
  first, last, episodes = [], [], []
  for _ in range(5):
    step = env.step({'move': np.ones((2, 1), np.float32)})
    first.append(step.is_first().tolist())
    last.append(step.is_last().tolist())
    episodes.append(fakes.episode_of(step).tolist())
  assert last == [
    [False, False],
    [True, False],
    [False, True],
    [False, False],
    [False, False],
  ]
  assert first == [
    [False, False],
    [False, False],
    [True, False],
    [False, True],
    [False, False],
  ]
  assert episodes == [[0, 1], [0, 1], [1, 1], [1, 2], [1, 2]]


def test_processes_give_the_steps_that_the_batch_gives_here(either):
  """Episodes of 2, 3 and 4 steps, so that they end at different times."""
  here = fakes.make_vector_env()
  states = [{'seed': n, 'episodes_begun': n} for n in range(3)]
  either.set_state(states)
  here.set_state(states)
  left, right = either.reset(), here.reset()
  # Each environment gets its own action: the second alone fails.
  move = {'move': np.array([[1], [-1], [1]], np.float32)}
  for _ in range(9):
    for field in ('step_type', 'reward', 'discount'):
      np.testing.assert_array_equal(getattr(left, field), getattr(right, field))
    np.testing.assert_array_equal(left.observation['x'], right.observation['x'])
    left, right = either.step(move), here.step(move)


def test_states_go_out_and_in(either):
  states = [{'seed': 5 + n, 'episodes_begun': 3 * n} for n in range(3)]
  either.reset()
  either.set_state(states)
  assert either.get_state() == states
  assert fakes.episode_of(either.reset()).tolist() == [0, 3, 6]


def test_after_a_new_state_a_step_begins_its_episodes(either):
  either.reset()
  either.step(_MOVE)
  either.set_state([{'seed': 5, 'episodes_begun': 7}] * 3)
  step = either.step(_MOVE)
  assert step.is_first().all()
  assert fakes.episode_of(step).tolist() == [7, 7, 7]


def test_states_of_another_number_of_environments_are_refused(either):
  # From a process, errors come as text.
  with pytest.raises(Exception, match='2 environments for 3'):
    either.set_state([{'seed': 0, 'episodes_begun': 0}] * 2)


def test_one_environment_can_be_pictured(either):
  either.reset()
  either.step(_MOVE)
  for index in range(3):
    picture = either.render_one(index)
    assert (picture.shape, picture.dtype) == ((16, 24, 3), np.uint8)
    assert picture[0, 0].tolist() == [50, 0, 0]


def test_workers_step_their_own_environments_alone(either):
  states = [{'seed': n, 'episodes_begun': n} for n in range(3)]
  either.set_state(states)
  sizes = [worker.batch_size for worker in either.workers]
  assert sum(sizes) == 3
  *others, last = either.workers
  assert fakes.episode_of(last.reset())[-1] == 2
  last.step({'move': np.ones((sizes[-1], 1), np.float32)})
  waiting = 3 - sizes[-1]  # Environments that nobody has stepped.
  begun = [state['episodes_begun'] for state in either.get_state()]
  assert begun == [0, 1, 2][:waiting] + [1, 2, 3][waiting:]
  for worker in others:
    worker.reset()
  begun = [state['episodes_begun'] for state in either.get_state()]
  assert begun == [1, 2, 3]


def test_each_process_is_a_worker():
  env = _two_processes()
  assert [worker.batch_size for worker in env.workers] == [2, 1]
  env.close()


def test_after_its_workers_a_batch_takes_new_states(either):
  for worker in either.workers:
    worker.reset()
  either.set_state([{'seed': 5, 'episodes_begun': 7}] * 3)
  assert fakes.episode_of(either.step(_MOVE)).tolist() == [7, 7, 7]


def test_closing_ends_the_process_and_may_be_repeated():
  env = vector_env.ProcessEnv(fakes.make_vector_env)
  pid = _process_of(env).pid
  env.close()
  env.close()
  assert not _is_alive(pid)


def test_closing_closes_the_environments():
  env = fakes.make_vector_env()
  env.close()
  assert all(one.closed for one in env.envs)


class _Sleeper(fakes.EvenEnv):
  def _step(self, action):
    time.sleep(60)


def test_closing_ends_a_process_that_hangs(monkeypatch):
  env = vector_env.ProcessEnv(lambda: vector_env.VectorEnv([_Sleeper()]))
  env.reset()
  env._processes[0].call('step', {'move': np.ones((1, 1), np.float32)})
  began = time.monotonic()
  pid = _process_of(env).pid
  env.close()
  assert time.monotonic() - began < 20
  assert not _is_alive(pid)


def test_no_answer_in_time_is_an_error(monkeypatch):
  monkeypatch.setattr(vector_env, '_ANSWER_LIMIT_S', 15)
  env = vector_env.ProcessEnv(lambda: vector_env.VectorEnv([_Sleeper()]))
  env.reset()
  monkeypatch.setattr(vector_env, '_ANSWER_LIMIT_S', 0.2)
  with pytest.raises(TimeoutError, match='no answer'):
    env.step({'move': np.ones((1, 1), np.float32)})
  _process_of(env).kill()
  env.close()


@pytest.mark.parametrize('when', ['between steps', 'in a step'])
def test_a_process_that_dies_is_one_clear_error(when):
  def make():
    return vector_env.VectorEnv([_Sleeper()])

  env = vector_env.ProcessEnv(make)
  move = {'move': np.ones((1, 1), np.float32)}
  env.reset()
  answer = None
  if when == 'in a step':
    answer = env._processes[0].call('step', move)
  os.kill(_process_of(env).pid, signal.SIGKILL)
  assert _wait_until(lambda: not _process_of(env).is_alive())
  # Never a BrokenPipeError: that means a reader of our output which left.
  with pytest.raises(ChildProcessError, match='exit code -9') as raised:
    answer() if answer else env.step(move)
  assert len(str(raised.value).splitlines()) == 1
  with pytest.raises(ChildProcessError):
    env.get_state()
  env.close()


def _fail():
  raise ValueError('no such table')


def test_when_one_process_cannot_build_none_is_left():
  with pytest.raises(ValueError, match='^no such table$'):
    vector_env.ProcessEnv(fakes.make_vector_env, _fail)
  children = multiprocessing.active_children()
  assert not [child for child in children if child.is_alive()]


def test_an_environment_that_cannot_be_built_tells_why_and_leaves_nothing():
  with pytest.raises(ValueError, match='^no such table$'):
    vector_env.ProcessEnv(_fail)


class _Picky(fakes.EvenEnv):
  def _step(self, action):
    if np.isnan(action['move'][0]):
      raise ValueError("action 'move' must be a number, got nan; clip it.")
    return {}['no such key']


def test_an_error_in_a_process_is_raised_here_in_one_line():
  def make():
    return vector_env.VectorEnv([_Picky()])

  for value, kind, message in (
    (np.nan, ValueError, "^action 'move' must be a number, got nan; clip it.$"),
    (1.0, RuntimeError, "failed: KeyError: 'no such key'"),
  ):
    env = vector_env.ProcessEnv(make)
    env.reset()
    with pytest.raises(kind, match=message):
      env.step({'move': np.full((1, 1), value, np.float32)})
    env.close()


def test_a_process_leaves_interrupts_to_its_parent(env):
  pid = _process_of(env).pid
  env.reset()
  for number in (signal.SIGINT, signal.SIGTERM):
    os.kill(pid, number)
    assert env.step(_MOVE).step_type.shape == (3,)
  assert env.get_state()[0]['episodes_begun'] == 1


_PARENT = """
import sys, time
from awopt_agent.envs import vector_env
from tests.envs import fakes
{body}
if __name__ == '__main__':
  env = vector_env.ProcessEnv(fakes.make_vector_env)
  env.reset()
  print(env._processes[0]._process.pid, flush=True)
  {end}
"""


def _start_parent(tmp_path, end, body=''):
  script = tmp_path / 'parent.py'
  script.write_text(_PARENT.format(body=body, end=end))
  root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
  return subprocess.Popen(
    [sys.executable, str(script)],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    env={**os.environ, 'PYTHONPATH': root},
    start_new_session=True,
  )


def _members_of(group):
  """Returns the processes of a group that still run."""
  found = []
  for name in filter(str.isdigit, os.listdir('/proc')):
    try:
      if os.getpgid(int(name)) == group and _is_alive(name):
        found.append(name)
    except ProcessLookupError:
      continue
  return found


def test_a_killed_parent_leaves_no_process(tmp_path):
  parent = _start_parent(tmp_path, 'time.sleep(300)')
  child = int(parent.stdout.readline())
  assert _is_alive(child)
  parent.kill()
  parent.communicate()
  assert _wait_until(lambda: not _members_of(parent.pid))


def test_a_program_that_forgets_to_close_ends(tmp_path):
  parent = _start_parent(tmp_path, 'sys.exit(3)')
  _, err = parent.communicate(timeout=60)
  assert parent.returncode == 3
  assert _wait_until(lambda: not _members_of(parent.pid))
  assert b'Traceback' not in err


def test_ctrl_c_lets_the_parent_ask_once_more(tmp_path):
  end = """
  try:
    print('ready', flush=True)
    while True:  # A signal may reach another thread, and end no sleep.
      time.sleep(0.1)
  except KeyboardInterrupt:
    print(env.get_state()[0]['episodes_begun'], flush=True)
    env.close()
  """
  parent = _start_parent(tmp_path, end.strip('\n').lstrip())
  parent.stdout.readline()
  assert parent.stdout.readline() == b'ready\n'
  os.killpg(parent.pid, signal.SIGINT)  # As a terminal does.
  out, _ = parent.communicate(timeout=60)
  assert (parent.returncode, out) == (0, b'1\n')
