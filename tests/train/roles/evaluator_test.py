import json
import os

import pytest

from awopt_agent.experience.wire import weights
from awopt_agent.train import checkpoints, stopping
from awopt_agent.train.roles import evaluator
from tests.train import fakes as train_fakes
from tests.train.roles import casts

_KINDS = {'actor', 'cem', 'cem_with_candidate'}


@pytest.fixture(name='agent', scope='module')
def _agent():
  return train_fakes.make_agent()


@pytest.fixture(name='cast')
def _cast(tmp_path, agent, monkeypatch):
  casts.use_even_env(monkeypatch, evaluator)
  agent.train_step_counter.assign(0)
  # Each look is at the counters of now.
  roles = {'pull_every_s': 1e-6}
  return casts.make_context(tmp_path, agent=agent, roles=roles)


@pytest.fixture(name='role')
def _role(cast):
  role = casts.serve(cast)
  yield role
  role.close()


@pytest.fixture(name='start')
def _start(role, cast):
  made = []

  def start(**kwargs):
    made.append(evaluator.Evaluator(cast, casts.address(role), **kwargs))
    return made[-1]

  yield start
  for one in made:
    one.close()


def publish(role, cast, step, **kwargs):
  cast.agent.train_step_counter.assign(step)
  weights.Publisher(
    role.connect(), weights.ACTING, cast.agent.acting_variables
  ).publish(**kwargs)


def records(cast):
  with open(cast.folder.metrics, encoding='utf-8') as file:
    return [json.loads(line) for line in file]


def test_looks_first_when_pre_training_is_over(role, cast, start):
  looking = start()
  publish(role, cast, 3)
  assert not looking._look()
  publish(role, cast, 4)
  assert looking._look()
  (record,) = records(cast)
  assert record['phase'] == 'pretrain'
  assert record['learner_step'] == 4
  assert record['success'].keys() == _KINDS
  assert record['success']['actor']['n'] == 3
  assert not looking._look()  # Not twice.


def test_looks_again_after_so_many_episodes(role, cast, start):
  looking = start()
  publish(role, cast, 4)
  looking._look()
  role.service.counters.episodes = 3
  role.service._post()
  assert looking._look()
  assert records(cast)[-1]['phase'] == 'practice'
  assert records(cast)[-1]['episodes'] == 3
  assert records(cast)[-1]['success']['actor']['n'] == 2


def test_the_next_process_measures_nothing_twice(role, cast, start):
  publish(role, cast, 4)
  start()._look()
  assert not start()._look()
  assert len(records(cast)) == 1


def test_measures_and_exports_the_last_checkpoint(cast, start, role):
  cast.agent.train_step_counter.assign(9)
  cast.folder.claim('', 0)
  store = checkpoints.CheckpointStore(cast.folder.checkpoints, cast.agent)
  state = {'practised': 6, 'practised_steps': 20, 'finished': True}
  store.save(9, train_fakes.FakeReplay(), state)
  cast.agent.train_step_counter.assign(0)  # Those of the checkpoint count.
  line = start().run()
  assert line.startswith('learnt: success ')
  assert line.endswith(
    f'of 3 after 6 episodes of practice; policy in '
    f'{os.path.join(cast.folder.policies, "9")}'
  )
  assert records(cast)[-1]['phase'] == 'end'
  assert records(cast)[-1]['learner_step'] == 9


def test_a_run_that_goes_on_is_not_over(cast, start):
  store = checkpoints.CheckpointStore(cast.folder.checkpoints, cast.agent)
  state = {'practised': 5, 'practised_steps': 20, 'finished': True}
  store.save(9, train_fakes.FakeReplay(), state)
  # It was over with five episodes; now there are to be six.
  assert start()._finished_checkpoint() is None


def test_a_stop_ends_it(start):
  with pytest.raises(stopping.Stopped):
    start(stop_requested=lambda: True).run()
