from awopt_agent.serving.control import episode


def test_an_action_without_a_consequence_is_no_transition():
  trace = episode.Trace()
  assert trace.length == 0
  trace.observations.append('first')
  trace.actions.append('left')
  assert trace.length == 0
  trace.observations.append('second')
  assert trace.length == 1
  trace.actions.append('right')
  assert trace.length == 1
