import pytest

from awopt_agent.serving.server import addresses


@pytest.mark.parametrize(
  'host', ['127.0.0.1', '127.8.9.10', '::1', 'localhost']
)
def test_this_machine_alone_reaches_loopback(host):
  assert addresses.is_loopback(host)


@pytest.mark.parametrize(
  'host', ['0.0.0.0', '::', '192.168.0.7', '10.1.2.3', 'cell.example', '']
)
def test_others_reach_the_rest(host):
  assert not addresses.is_loopback(host)
