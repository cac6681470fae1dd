from awopt_agent.serving.server import metrics as metrics_lib


def make(version=7, waiting=2):
  return metrics_lib.Metrics(version=lambda: version, waiting=lambda: waiting)


def test_the_page_is_prometheus_text():
  metrics = make()
  metrics.count_request('rest', 'predict', 'OK')
  metrics.count_refusal('rate')
  metrics.observe_seconds('rest', 0.0025)
  metrics.observe_batch(2, 5)
  lines = metrics.page().decode().splitlines()
  for line in (
    'awopt_serve_requests_total'
    '{code="OK",method="predict",protocol="rest"} 1.0',
    'awopt_serve_refused_total{reason="rate"} 1.0',
    'awopt_serve_request_seconds_bucket{le="0.002",protocol="rest"} 0.0',
    'awopt_serve_request_seconds_bucket{le="0.003",protocol="rest"} 1.0',
    'awopt_serve_batch_requests_sum 2.0',
    'awopt_serve_batch_rows_sum 5.0',
    'awopt_serve_version 7.0',
    'awopt_serve_waiting 2.0',
    '# TYPE awopt_serve_request_seconds histogram',
  ):
    assert line in lines


def test_totals_are_of_the_labels_that_are_asked_for():
  metrics = make()
  for protocol, method, code in (
    ('rest', 'predict', 'OK'),
    ('grpc', 'predict', 'OK'),
    ('grpc', 'predict', 'NOT_FOUND'),
    ('rest', 'other', 'OK'),
  ):
    metrics.count_request(protocol, method, code)
  assert metrics.total() == 4
  assert metrics.total(method='predict') == 3
  assert metrics.total(method='predict', code='OK') == 2
  assert metrics.total(protocol='carrier pigeon') == 0


def test_two_servers_count_apart():
  one, two = make(), make()
  one.count_refusal('rate')
  assert b'reason="rate"' not in two.page()
