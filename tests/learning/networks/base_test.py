import pytest

from awopt_agent.learning import networks


@pytest.mark.parametrize('kind', [networks.Critic, networks.Actor])
def test_both_functions_must_be_there(kind):
  class Half(kind):
    def encode(self, observation):
      return observation

  with pytest.raises(TypeError, match='abstract'):
    Half()
