import types
from concurrent import futures

import pytest

from awopt_agent.train.launching import plan as plan_lib
from awopt_agent.train.launching import ray_place
from awopt_agent.train.roles import config as roles_config


class FakeRayError(Exception):
  pass


class FakeActorError(FakeRayError):
  pass


class FakeMethod:
  """What `actor.method.remote(...).future()` goes through."""

  def __init__(self, actor, name):
    self._actor, self._name = actor, name

  def remote(self, *args, **kwargs):
    self._actor.calls.append((self._name, args, kwargs))
    return self

  def future(self):
    return getattr(self._actor, f'{self._name}_future')


class FakeActor:
  """Gets its place, and comes to its end, when the test says so.

  Attributes:
    options: That it was asked for with.
    calls: Of its methods, in order.
  """

  def __init__(self, options):
    self.options = options
    self.calls = []
    self.locate_future, self.run_future = futures.Future(), futures.Future()
    for name in ('locate', 'run', 'terminate'):
      setattr(self, name, FakeMethod(self, name))

  def place(self, host='10.0.0.1', has_token=True):
    self.locate_future.set_result((host, 7, has_token))

  def end(self, code, line=''):
    self.run_future.set_result((code, line))
    self.run_future = futures.Future()

  def lose(self):
    error = FakeActorError(
      'The actor died.\n\tpid: 3\nThe actor is dead because its node has died. '
      'Node Id: 3'
    )
    for future in (self.locate_future, self.run_future):
      if not future.done():
        future.set_exception(error)

  def arguments(self):
    """Returns those of the last role that it ran."""
    return [args[0] for name, args, _ in self.calls if name == 'run'][-1]


class FakeClass:
  """What `ray.remote(cls)` returns."""

  def __init__(self, actors, options=None):
    self._actors, self._options = actors, options

  def options(self, **options):
    return FakeClass(self._actors, options)

  def remote(self):
    self._actors.append(FakeActor(self._options))
    return self._actors[-1]


class FakeRay:
  """Ray without nodes.

  Attributes:
    actors: All that were asked for, in order.
    killed: Those that were let go.
  """

  exceptions = types.SimpleNamespace(
    RayError=FakeRayError, RayActorError=FakeActorError
  )
  cloudpickle = types.SimpleNamespace(
    register_pickle_by_value=lambda module: None
  )

  def __init__(self, gpus=0.0):
    self.actors, self.killed = [], []
    self._gpus = gpus

  def remote(self, cls):
    return FakeClass(self.actors)

  def kill(self, actor):
    self.killed.append(actor)

  def cluster_resources(self):
    return {'CPU': 8.0, 'GPU': self._gpus}


class Cast:
  """The roles of a small run, started in order.

  Attributes:
    ray: The fake.
    place: The place under test.
    said: Lines.
    handles: By name.
  """

  def __init__(self, folder, gpus=0.0, **config):
    self.ray = FakeRay(gpus)
    self.said = []
    self.place = ray_place.RayPlace(
      self.ray,
      str(folder),
      roles_config.RayConfig(**config),
      say=self.said.append,
    )
    self.roles = plan_lib.make_plan(
      common=['--root_dir', 'r', '--seed', '0'],
      replay_address=f'{ray_place.PLANNED_HOST}:0',
      collectors=2,
      bellman_updaters=0,
    )
    self.handles = {
      role.name: self.place.start(role.name, role.arguments)
      for role in self.roles
    }
    self.poll()

  def poll(self):
    return {name: handle.poll() for name, handle in self.handles.items()}

  def waiting(self):
    return [name for name, handle in self.handles.items() if handle.waiting]

  def place_all(self):
    for _ in self.roles:
      for actor in self.ray.actors:
        if not actor.locate_future.done():
          actor.place()
      self.poll()

  def actor(self, name):
    return self.ray.actors[list(self.handles).index(name)]


@pytest.fixture(name='cast')
def _cast(tmp_path):
  return Cast(tmp_path)


def test_first_the_replay_then_the_learner_then_all_others_get_a_place(cast):
  assert len(cast.ray.actors) == 1
  cast.actor('replay').place()
  cast.poll()
  cast.poll()
  assert len(cast.ray.actors) == 2
  cast.actor('learner').place()
  cast.poll()
  cast.poll()
  assert len(cast.ray.actors) == 5
  assert cast.waiting() == ['collector-0', 'collector-1', 'evaluator']
  assert set(cast.poll().values()) == {None}


def test_each_role_learns_where_the_replay_is(cast):
  cast.place_all()
  assert cast.waiting() == []
  assert cast.actor('replay').arguments() == [
    *('replay', '--root_dir', 'r', '--seed', '0', '--port', '7')
  ]
  for name in ('learner', 'collector-0', 'collector-1', 'evaluator'):
    arguments = cast.actor(name).arguments()
    address = arguments[arguments.index('--replay_address') + 1]
    assert address == '10.0.0.1:7'


def test_an_address_of_ipv6_is_written_in_brackets(cast):
  cast.actor('replay').place('fd00::1')
  cast.poll()
  cast.poll()
  cast.actor('learner').place()
  cast.poll()
  assert '[fd00::1]:7' in cast.actor('learner').arguments()


def test_the_users_port_is_kept(tmp_path):
  cast = Cast(tmp_path)
  cast.place._port = 4321
  cast.place_all()
  assert cast.actor('replay').arguments()[-2:] == ['--port', '4321']
  assert '10.0.0.1:4321' in cast.actor('learner').arguments()


@pytest.mark.parametrize(
  'gpus, config, expected',
  [
    (0.0, {}, 0),
    (4.0, {}, 1),
    (4.0, {'learner_gpus': 2}, 2),
    (4.0, {'learner_gpus': 0}, 0),
  ],
)
def test_the_learner_takes_a_gpu_where_there_is_one(
  tmp_path, gpus, config, expected
):
  cast = Cast(tmp_path, gpus=gpus, learner_cpus=3, **config)
  cast.place_all()
  asked = [actor.options for actor in cast.ray.actors]
  assert [options['num_gpus'] for options in asked] == [0, expected, 0, 0, 0]
  assert [options['num_cpus'] for options in asked] == [1, 3, 1, 1, 1]


def test_a_role_that_ends_by_itself_keeps_its_place_for_the_next_start(cast):
  cast.place_all()
  cast.actor('learner').end(-9, 'last words')
  assert cast.poll()['learner'] == -9
  assert cast.place.last_line('learner') == 'last words'
  cast.handles['learner'] = cast.place.start('learner', cast.roles[1].arguments)
  cast.poll()
  cast.poll()
  assert cast.handles['learner'].is_running
  assert len(cast.ray.actors) == 5
  assert not cast.ray.killed


def test_a_role_that_is_done_lets_its_place_go(cast):
  cast.place_all()
  cast.actor('collector-0').end(0, 'done')
  assert cast.poll()['collector-0'] == 0
  assert cast.ray.killed == [cast.actor('collector-0')]


def test_a_lost_node_counts_as_a_kill(cast):
  cast.place_all()
  cast.actor('collector-1').lose()
  assert cast.poll()['collector-1'] == -9
  assert cast.said == ['collector-1 is lost: its node has died']
  cast.handles['collector-1'] = cast.place.start(
    'collector-1', cast.roles[3].arguments
  )
  cast.poll()
  assert len(cast.ray.actors) == 6


def test_a_place_that_is_lost_before_it_is_used_counts_as_a_failure(cast):
  cast.actor('replay').lose()
  assert cast.poll()['replay'] == 1
  assert cast.place.last_line('replay') == 'Ray says: its node has died'


def test_all_start_again_when_the_replay_has_lost_its_node(cast):
  cast.place_all()
  cast.actor('evaluator').end(0)
  cast.poll()
  cast.actor('replay').lose()
  cast.poll()
  assert cast.poll() == {
    'replay': -9,
    'learner': -9,
    'collector-0': -9,
    'collector-1': -9,
    'evaluator': 0,
  }
  before = len(cast.ray.actors)
  for role in cast.roles[:2]:
    cast.handles[role.name] = cast.place.start(role.name, role.arguments)
  cast.poll()
  assert len(cast.ray.actors) == before + 1, 'the replay alone asks for a place'
  cast.ray.actors[-1].place('10.0.0.2')
  cast.poll()
  cast.poll()
  cast.ray.actors[-1].place()
  cast.poll()
  assert '10.0.0.2:7' in cast.ray.actors[-1].arguments()


def test_what_waits_gives_up_its_turn_when_the_replay_is_lost(cast):
  for name in ('replay', 'learner'):
    cast.actor(name).place()
    cast.poll()
    cast.poll()
  cast.actor('replay').lose()
  cast.poll()
  assert cast.actor('evaluator') in cast.ray.killed
  assert cast.poll()['evaluator'] is None
  assert cast.handles['evaluator'].waiting


def test_a_collector_makes_room_for_a_learner_that_waits_long(
  cast, monkeypatch
):
  cast.place_all()
  cast.actor('learner').lose()
  cast.poll()
  monkeypatch.setattr(ray_place, '_PATIENCE_S', -1.0)
  cast.handles['learner'] = cast.place.start('learner', cast.roles[1].arguments)
  for _ in range(5):
    codes = cast.poll()
  # One CPU is all that it wants.
  assert codes['collector-1'] == -9
  assert codes['collector-0'] is None
  assert cast.said[-1] == 'collector-1 makes room for the learner'


def test_a_stop_reaches_roles_and_ends_the_wait_of_others(cast):
  cast.actor('replay').place()
  cast.poll()
  cast.handles['replay'].terminate()
  cast.handles['learner'].terminate()
  assert cast.actor('replay').calls[-1][0] == 'terminate'
  assert cast.handles['learner'].poll() == -9
  assert cast.handles['replay'].poll() is None


def test_a_cluster_without_a_token_is_named_once(cast):
  for name in ('replay', 'learner'):
    cast.actor(name).place(has_token=False)
    cast.poll()
    cast.poll()
  assert len(cast.said) == 1
  assert 'asks no one for a token' in cast.said[0]
