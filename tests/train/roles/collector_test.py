import pytest

from awopt_agent.experience.wire import weights
from awopt_agent.train.roles import collector
from tests.train import fakes as train_fakes
from tests.train.roles import casts


@pytest.fixture(name='agent', scope='module')
def _agent():
  return train_fakes.make_agent()


@pytest.fixture(name='cast')
def _cast(tmp_path, agent, monkeypatch):
  casts.use_even_env(monkeypatch, collector)
  agent.train_step_counter.assign(0)
  return casts.make_context(tmp_path, agent=agent, practice_episodes=1000)


@pytest.fixture(name='role')
def _role(cast):
  role = casts.serve(cast)
  yield role
  role.close()


def publisher(role, cast):
  return weights.Publisher(
    role.connect(), weights.ACTING, cast.agent.acting_variables
  )


def collect(role, cast, *, until, flags=None):
  """Runs a collector until a condition of the counters."""
  reader = role.reader()
  made = collector.Collector(
    cast,
    flags or casts.flags(role),
    stop_requested=lambda: until(reader.read_now()),
  )
  try:
    made.collect()
    return made
  finally:
    made.close()


def test_practises_until_there_is_enough(role, cast):
  cast.agent.train_step_counter.assign(100)
  publisher(role, cast).publish()
  collect(role, cast, until=lambda record: record['episodes'] >= 6)
  record = role.reader().read_now()
  assert record['episodes'] >= 6
  # Episodes of 2 to 4 steps, all of the first collector.
  assert 2 * record['episodes'] <= record['steps'] <= 4 * record['episodes']
  assert record['received'] == {'1': record['episodes']}


def test_waits_for_pre_training(role, cast):
  cast.agent.train_step_counter.assign(3)
  publisher(role, cast).publish()
  looks = iter(range(20))
  collect(role, cast, until=lambda _: next(looks, None) is None)
  assert role.reader().read_now()['episodes'] == 0


def test_ends_when_the_learner_is_done(role, cast):
  publisher(role, cast).publish(finished=True)
  collect(role, cast, until=lambda _: False)


def test_the_next_process_goes_on_with_other_episodes(role, cast):
  cast.agent.train_step_counter.assign(100)
  publisher(role, cast).publish()
  first = collect(role, cast, until=lambda record: record['episodes'] >= 2)
  begun = first._env.get_state()[0]['episodes_begun']
  episodes = role.reader().read_now()['episodes']
  second = collect(
    role, cast, until=lambda record: record['episodes'] > episodes
  )
  assert second._env.get_state()[0]['episodes_begun'] >= begun
  record = role.reader().read_now()
  assert record['received'] == {'1': record['episodes']}


def test_collectors_have_seeds_and_ids_of_their_own(role, cast):
  both = [
    collector.Collector(cast, casts.flags(role, index=index))
    for index in (0, 1)
  ]
  try:
    seeds = [state['seed'] for one in both for state in one._env.get_state()]
    assert len(set(seeds)) == 4
    assert both[0]._ids.take() != both[1]._ids.take()
  finally:
    for one in both:
      one.close()


def test_a_second_one_of_the_same_index_is_refused(role, cast):
  first = collector.Collector(cast, casts.flags(role))
  try:
    with pytest.raises(OSError, match='give this one another --index'):
      collector.Collector(cast, casts.flags(role))
  finally:
    first.close()


def test_what_the_replay_could_not_take_waits_on_disk(role, cast):
  cast.agent.train_step_counter.assign(100)
  publisher(role, cast).publish()
  made = collector.Collector(cast, casts.flags(role))
  try:
    made._listen()
    # Nobody delivers yet.
    made._practice.start_round()()
    stored = len(made._spool)
    assert stored > 0
    assert role.reader().read_now()['episodes'] == 0
  finally:
    made.close()
  collect(role, cast, until=lambda record: record['episodes'] >= stored)


@pytest.mark.parametrize(
  ('changes', 'roles', 'rounds'),
  [
    # Two rounds of 20 steps are more than 30 ahead.
    ({}, {'max_lead_steps': 30}, 2),
    # Two environments end at most ten episodes in a round, and at least four.
    ({'practice_episodes': 4}, {}, 1),
  ],
)
def test_practice_does_not_run_ahead_of_a_replay_that_takes_nothing(
  role, cast, changes, roles, rounds
):
  cast = casts.make_context(
    cast.folder.path,
    agent=cast.agent,
    roles=roles,
    **{'practice_episodes': 1000, **changes},
  )
  cast.agent.train_step_counter.assign(4)
  publisher(role, cast).publish()
  role.pause()
  made = collector.Collector(cast, casts.flags(role))
  try:
    made._listen()
    practised = 0
    while practised < 10 and made._may_practise():
      made._practice.start_round()()
      practised += 1
    assert practised == rounds
    # What has arrived counts once.
    role.start()
    made._delivery.start()
    assert made._delivery.finish(20) == 0
    made._counters = role.reader().read_now()
    assert made._with_what_is_on_the_way() == {
      'episodes': made._counters['episodes'],
      'steps': made._counters['steps'],
    }
  finally:
    made.close()


def test_a_server_that_never_comes_is_an_error_that_names_it(cast):
  cast = casts.make_context(
    cast.folder.path, agent=cast.agent, roles={'wait_limit_s': 0.5}
  )

  class Nowhere:
    class replay:  # noqa: N801
      port = 1

  with pytest.raises(TimeoutError, match="collector 0: .*'board'.*localhost:1"):
    collector.Collector(cast, casts.flags(Nowhere))
