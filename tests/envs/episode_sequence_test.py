from awopt_agent.envs import episode_sequence


def test_a_state_is_given_back_and_a_seed_begins_anew():
  sequence = episode_sequence.EpisodeSequence()
  sequence.set_state({'seed': 3, 'episodes_begun': 7})
  assert sequence.get_state() == {'seed': 3, 'episodes_begun': 7}
  sequence.seed(4)
  assert sequence.get_state() == {'seed': 4, 'episodes_begun': 0}
