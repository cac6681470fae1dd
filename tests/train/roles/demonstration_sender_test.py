import pytest

from awopt_agent.train.roles import demonstration_sender
from tests.train import fakes as train_fakes
from tests.train.roles import casts, fakes


@pytest.fixture(name='cast', scope='module')
def _cast(tmp_path_factory):
  return casts.make_context(
    tmp_path_factory.mktemp('run'),
    agent=train_fakes.make_agent(),
    roles={'wait_limit_s': 0.5},
  )


@pytest.fixture(name='role')
def _role(cast):
  role = casts.serve(cast)
  yield role
  role.close()


@pytest.fixture(autouse=True)
def _three(monkeypatch):
  casts.give(monkeypatch, casts.Demonstrations())


def make(role, cast):
  return demonstration_sender.DemonstrationSender(
    cast, role.connect(), role.reader()
  )


def test_each_is_delivered_once_and_counted(role, cast, capsys):
  counters = make(role, cast).deliver()
  assert counters['demonstrations'] == 3
  assert role.steps() == fakes.whole(0, range(3), table='success')
  assert 'learner: 3 demonstrations\n' in capsys.readouterr().out


@pytest.mark.parametrize('there', [2, 3])
def test_those_that_the_replay_has_are_not_sent_again(role, cast, there):
  casts.demonstrations(role, cast, count=there)
  make(role, cast).deliver()
  assert role.steps() == fakes.whole(0, range(3), table='success')
  assert role.service.counters.demonstrations == 3


def test_a_replay_that_is_gone_ends_it(role, cast):
  sender = make(role, cast)
  role.close()
  with pytest.raises(TimeoutError, match="'board'"):
    sender.deliver()
