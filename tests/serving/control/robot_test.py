import time

from awopt_agent.serving.control import robot


def test_an_observation_is_a_pair():
  now_s = time.monotonic()
  nest, time_s = robot.Observed({'place': 1}, now_s)
  assert nest == {'place': 1} and time_s == now_s
