from awopt_agent.train.launching import plan


def make(**changes):
  return plan.make_plan(
    **{
      'common': ['--root_dir', 'r'],
      'replay_address': 'localhost:7',
      'collectors': 2,
      'bellman_updaters': 1,
      **changes,
    }
  )


def by_name(roles):
  return {role.name: role for role in roles}


def test_the_replay_starts_first_and_stops_last():
  roles = make()
  assert roles[0].kind == 'replay'
  assert [r.kind for r in sorted(roles, key=lambda r: r.stop_order)][-3:] == [
    'learner',
    'bellman_updater',  # The learner waits for its batches while it stops.
    'replay',
  ]


def test_roles_have_numbers_among_their_like():
  assert [role.name for role in make()] == [
    'replay',
    'learner',
    'collector-0',
    'collector-1',
    'bellman_updater-0',
    'evaluator',
  ]
  assert by_name(make())['collector-1'].arguments == (
    'collector',
    '--root_dir',
    'r',
    '--replay_address',
    'localhost:7',
    '--index',
    '1',
  )


def test_the_replay_listens_where_the_others_look():
  roles = by_name(make(replay_address='somewhere:99'))
  assert roles['replay'].arguments[-2:] == ('--port', '99')
  assert 'somewhere:99' in roles['learner'].arguments


def test_targets_come_from_updaters_where_there_are_any():
  assert by_name(make())['learner'].arguments[-1] == 'updaters'
  alone = by_name(make(bellman_updaters=0))['learner']
  assert alone.arguments[-2:] == ('--targets', 'own')


def test_the_run_is_over_with_the_learner_and_the_evaluator():
  deciding = [role.name for role in make() if role.decides]
  assert deciding == ['learner', 'evaluator']
  without = [role.name for role in make(evaluator=False) if role.decides]
  assert without == ['learner']
