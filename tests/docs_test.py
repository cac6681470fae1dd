"""What the pages and manifests say about many processes, held to the code."""

import dataclasses
import itertools
import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from awopt_agent.train import launch, role, serve, train_config
from awopt_agent.train.roles import config as roles_config
from awopt_agent.trials import report_cli

yaml = pytest.importorskip('yaml')

ROOT = pathlib.Path(__file__).parent.parent
DEPLOY = ROOT / 'docs' / 'deploy'
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md'))]
MANIFESTS = ('roles.yaml', 'network-policy.yaml', 'kuberay.yaml')
PARSERS = {
  'awopt-launch': launch._parse,
  'awopt-role': role._parse,
  'awopt-serve': serve._parse,
  'awopt-report': report_cli._parse,
}


def parse(monkeypatch, argv):
  """Reads a command line as its program would; returns its flags."""
  monkeypatch.setattr(sys, 'argv', argv)
  try:
    return PARSERS[argv[0]]()
  except SystemExit:
    pytest.fail(f'{shlex.join(argv)}: bad usage')


def load(name):
  return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def objects(*names):
  """Returns the Kubernetes objects of manifests, by kind and name."""
  found = itertools.chain.from_iterable(map(load, names))
  return {(one['kind'], one['metadata']['name']): one for one in found}


def templates(*names):
  """Returns the pod templates of manifests, by the name of their owner."""
  found = {}
  for (kind, name), one in objects(*names).items():
    if kind == 'RayCluster':
      spec = one['spec']
      found[f'{name}-head'] = spec['headGroupSpec']['template']
      for group in spec['workerGroupSpecs']:
        found[f'{name}-{group["groupName"]}'] = group['template']
    elif 'template' in one.get('spec', {}):
      found[name] = one['spec']['template']
  return found


def container(template):
  (only,) = template['spec']['containers']
  return only


def argv_of(template):
  """Returns a container's command line, for pod 0 of an indexed job."""
  one = container(template)
  line = [*one['command'], *one['args']]
  return [word.replace('$(JOB_COMPLETION_INDEX)', '0') for word in line]


def selects(selector, template):
  """Tells whether a label selector selects a template's pods."""
  labels = template['metadata']['labels']
  return selector.get('matchLabels', {}).items() <= labels.items() and all(
    (labels.get(one['key']) in one['values']) == (one['operator'] == 'In')
    for one in selector.get('matchExpressions', ())
  )


ROLE_PODS = templates('roles.yaml')
RAY_PODS = templates('kuberay.yaml')
POLICIES = {
  name: one['spec'] for (_, name), one in objects('network-policy.yaml').items()
}
SERVICE = objects('roles.yaml')['Service', 'awopt-replay']


@pytest.mark.parametrize('name', MANIFESTS)
def test_each_object_says_what_it_is(name):
  names = []
  for one in load(name):
    assert re.fullmatch(r'[a-z0-9.]*/?v1', one['apiVersion'])
    names.append((one['kind'], one['metadata']['name']))
  assert len(set(names)) == len(names)


@pytest.mark.parametrize(
  'template',
  [*ROLE_PODS.values(), *RAY_PODS.values()],
  ids=[*ROLE_PODS, *RAY_PODS],
)
def test_what_is_mounted_is_there(template):
  spec = template['spec']
  volumes = {one['name']: one for one in spec.get('volumes', ())}
  mounts = container(template).get('volumeMounts', ())
  assert {one['name'] for one in mounts} == set(volumes)
  claims = objects('roles.yaml', 'kuberay.yaml')
  for volume in volumes.values():
    claim = claims[
      'PersistentVolumeClaim', volume['persistentVolumeClaim']['claimName']
    ]
    assert claim['spec']['accessModes'] == ['ReadWriteMany']


def test_each_role_of_kubernetes_is_started_as_it_is_meant(monkeypatch):
  found = {}
  for name, template in ROLE_PODS.items():
    flags = parse(monkeypatch, argv_of(template))
    found[flags.role] = flags
    assert (flags.gin_file, flags.root_dir) == (
      ['run/quickstart.gin'],
      '/runs/quickstart',
    )
    if flags.role != 'replay':
      assert flags.replay_address == f'{SERVICE["metadata"]["name"]}:7000', name
  assert set(found) == set(role._ROLES)
  assert found['learner'].targets == 'updaters'


def test_the_service_leads_to_the_replay_alone():
  (port,) = SERVICE['spec']['ports']
  assert port['port'] == 7000
  selector = {'matchLabels': SERVICE['spec']['selector']}
  chosen = [name for name, one in ROLE_PODS.items() if selects(selector, one)]
  assert chosen == ['awopt-replay']
  (named,) = container(ROLE_PODS['awopt-replay'])['ports']
  assert (named['name'], named['containerPort']) == (port['targetPort'], 7000)
  assert '--port=7000' in argv_of(ROLE_PODS['awopt-replay'])


def test_selectors_select_the_pods_of_their_own_template():
  owner = objects('roles.yaml')['StatefulSet', 'awopt-replay']['spec']
  assert selects(owner['selector'], owner['template'])
  assert owner['serviceName'] == SERVICE['metadata']['name']


def test_jobs_of_many_pods_number_them():
  for (kind, name), one in objects('roles.yaml').items():
    spec = one['spec']
    indexed = '--index=$(JOB_COMPLETION_INDEX)' in str(spec)
    if kind == 'Job' and 'parallelism' in spec:
      assert spec['completionMode'] == 'Indexed' and indexed, name
      assert spec['parallelism'] == spec['completions'], name
    else:
      assert not indexed, name


def test_no_job_has_a_pod_twice_at_once():
  jobs = [
    one['spec']
    for (kind, _), one in objects('roles.yaml').items()
    if kind == 'Job'
  ]
  # Learner, collectors, updaters, evaluator.
  assert [job['podReplacementPolicy'] for job in jobs] == ['Failed'] * 4


def test_only_workers_reach_each_other():
  policy = POLICIES['awopt-workers']
  (rule,) = policy['ingress']
  assert rule['from'] == [{'podSelector': policy['podSelector']}]
  assert rule['ports'] == [{'protocol': 'TCP', 'port': 2222}]
  chosen = [
    n
    for n, one in ROLE_PODS.items()
    if selects(rule['from'][0]['podSelector'], one)
  ]
  assert chosen == ['awopt-learner']


def test_only_pods_of_the_run_reach_the_replays_port():
  policy = POLICIES['awopt-replay']
  chosen = [
    name
    for name, one in ROLE_PODS.items()
    if selects(policy['podSelector'], one)
  ]
  assert chosen == ['awopt-replay']
  (rule,) = policy['ingress']
  (port,) = rule['ports']
  assert port == {
    'protocol': 'TCP',
    'port': SERVICE['spec']['ports'][0]['port'],
  }
  (peer,) = rule['from']
  # Peers of this namespace alone: no other selector beside that of pods.
  assert set(peer) == {'podSelector'}
  assert all(selects(peer['podSelector'], one) for one in ROLE_PODS.values())
  assert not any(selects(peer['podSelector'], one) for one in RAY_PODS.values())


def test_nobody_reaches_the_other_roles():
  policy = POLICIES['awopt-clients']
  assert policy['policyTypes'] == ['Ingress'] and 'ingress' not in policy
  chosen = {
    name
    for name, one in ROLE_PODS.items()
    if selects(policy['podSelector'], one)
  }
  assert chosen == set(ROLE_PODS) - {'awopt-replay'}


def test_rays_pods_talk_to_each_other_alone():
  policy = POLICIES['awopt-ray']
  ((peer,),) = [rule['from'] for rule in policy['ingress']]
  assert set(peer) == {'podSelector'}
  for selector in (policy['podSelector'], peer['podSelector']):
    assert all(selects(selector, one) for one in RAY_PODS.values())
    assert not any(selects(selector, one) for one in ROLE_PODS.values())


def test_rays_token_is_on_everywhere():
  for name, template in RAY_PODS.items():
    env = {one['name']: one for one in container(template)['env']}
    assert env['RAY_AUTH_MODE']['value'] == 'token', name
    secret = env['RAY_AUTH_TOKEN']['valueFrom']['secretKeyRef']
    assert secret == {'name': 'awopt-ray', 'key': 'auth_token'}, name


def test_kuberay_runs_the_pinned_ray_and_has_room_for_all_roles(monkeypatch):
  cluster = objects('kuberay.yaml')['RayCluster', 'awopt-ray']['spec']
  assert (
    f'ray=={cluster["rayVersion"]}' in (ROOT / 'constraints.txt').read_text()
  )
  script = container(RAY_PODS['awopt-launch'])['args'][0]
  (command,) = commands(script.replace('exec ', ''))
  flags = parse(monkeypatch, command)
  assert flags.ray_address == 'auto'
  # Replay, learner and evaluator beside them.
  wanted = 3 + flags.collectors + flags.bellman_updaters
  (group,) = cluster['workerGroupSpecs']
  cpus = container(group['template'])['resources']['limits']['cpu']
  assert group['replicas'] * int(cpus) >= wanted


def test_one_image_for_all():
  compose = load('compose.yaml')[0]['services'].values()
  pods = [container(one) for one in (ROLE_PODS | RAY_PODS).values()]
  images = {one['image'] for one in [*pods, *compose]}
  (image,) = images
  assert (
    f'docker build -t {image} -f docs/deploy/Dockerfile .'
    in (DEPLOY / 'Dockerfile').read_text()
  )


def test_compose_publishes_no_port(monkeypatch):
  (compose,) = load('compose.yaml')
  assert compose['networks'] == {'run': {'internal': True}}
  services = compose['services']
  ports = {}
  for name, one in services.items():
    assert 'ports' not in one and 'network_mode' not in one, name
    assert one['networks'] == ['run']
    assert set(one.get('depends_on', ())) <= set(services)
    flags = parse(monkeypatch, one['command'])
    if flags.role == 'replay':
      ports[name] = flags.port
  for name, one in services.items():
    if name not in ports:
      flags = parse(monkeypatch, one['command'])
      host, port = flags.replay_address.split(':')
      assert ports[host] == int(port), name
      assert host in one['depends_on'], 'it is stopped before the replay'
  build = services['replay']['build']
  context = (DEPLOY / build['context']).resolve()
  assert (context / build['dockerfile']).samefile(DEPLOY / 'Dockerfile')


def test_the_model_server_serves_the_same_folder(monkeypatch):
  (compose,) = load('model-server.yaml')
  (server,) = compose['services'].values()
  (pin,) = re.findall(
    r'^tensorflow-serving-api==(\S+)$',
    (ROOT / 'constraints.txt').read_text(),
    re.MULTILINE,
  )
  # No registry's host, and the version that exports are tested with.
  assert server['image'] == f'tensorflow/serving:{pin}'
  flags = parse(monkeypatch, ['awopt-serve', '--root_dir', 'runs/quickstart'])
  name = server['environment']['MODEL_NAME']
  assert name == flags.model_name
  (volume,) = server['volumes']
  policies, target, mode = volume.rsplit(':', 2)
  assert (target, mode) == (f'/models/{name}', 'ro')
  default = re.fullmatch(r'\$\{POLICIES:-(.*)\}', policies)[1]
  found = (DEPLOY / default).resolve()
  assert found == (ROOT / flags.root_dir / 'policies').resolve()
  # On the ports of awopt-serve, and for this machine alone.
  assert sorted(server['ports']) == [
    f'{flags.host}:{port}:{port}' for port in (flags.grpc_port, flags.rest_port)
  ]
  assert (server['cap_drop'], server['read_only']) == (['ALL'], True)


def test_the_image_is_made_of_what_there_is():
  text = (DEPLOY / 'Dockerfile').read_text()
  assert '\nFROM python:3.11-' in text
  for line in re.findall(r'^COPY (.*)$', text, re.MULTILINE):
    *sources, _ = line.split()
    assert all((ROOT / source).exists() for source in sources), line
  extras = re.search(r"'\.\[(.*)\]'", text)[1].split(',')
  declared = (ROOT / 'setup.py').read_text()
  assert all(f"    '{name}':" in declared for name in extras)


def commands(text):
  """Returns the command lines of our programs in shell text."""
  lines = text.replace('\\\n', ' ').splitlines()
  words = [shlex.split(line, comments=True) for line in lines]
  return [line for line in words if line and line[0] in PARSERS]


def blocks(page):
  return re.findall(r'^```\w*\n(.*?)^```', page, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize('page', PAGES, ids=lambda path: path.name)
def test_each_command_of_a_page_has_the_flags_it_uses(page, monkeypatch):
  for block in blocks(page.read_text(encoding='utf-8')):
    if not block.startswith('#!'):
      for command in commands(block):
        parse(monkeypatch, command)


def scripts():
  page = (DEPLOY / 'slurm.md').read_text()
  return [block for block in blocks(page) if block.startswith('#!')]


_STAND_IN = """#!/bin/sh
case $0 in */srun) while [ "${1#--}" != "$1" ]; do shift; done ;; esac
case $1 in show) echo node-1 ;; esac
echo "${0##*/} $*" >> "$CALLS"
# The script stops all others when these two have ended.
case $* in "awopt-role learner"*|"awopt-role evaluator"*)
  while [ "$(grep -c ^srun "$CALLS")" -lt 7 ]; do sleep 0.05; done ;;
esac
"""


@pytest.mark.parametrize('number', [0, 1])
def test_the_scripts_for_slurm_start_what_they_should(
  number, tmp_path, monkeypatch
):
  for name in ('srun', 'scontrol', 'ray', 'awopt-launch', 'openssl'):
    (tmp_path / name).write_text(_STAND_IN)
    (tmp_path / name).chmod(0o755)
  calls = tmp_path / 'calls'
  env = {
    'PATH': f'{tmp_path}:{os.environ["PATH"]}',
    'HOME': str(tmp_path),
    'CALLS': str(calls),
    'SLURM_JOB_NODELIST': 'node-[1-2]',
    'SLURM_JOB_ID': '1',
    'SLURM_NNODES': '2',
    'SLURM_CPUS_PER_TASK': '8',
    'SLURMD_NODENAME': 'node-1',
  }
  subprocess.run(
    ['bash', '-c', scripts()[number]], env=env, check=True, timeout=60
  )
  started = [
    line.removeprefix('srun ') for line in calls.read_text().splitlines()
  ]
  found = [
    parse(monkeypatch, command) for command in commands('\n'.join(started))
  ]
  if number == 1:
    (flags,) = found
    assert flags.ray_address == 'auto'
    return
  roles = sorted(flags.role for flags in found)
  assert roles == sorted([*role._ROLES, 'collector', 'collector'])
  assert {
    flags.replay_address for flags in found if flags.role != 'replay'
  } == {'node-1:7000'}
  tasks = re.search(r'--ntasks=(\d+)', scripts()[0])[1]
  assert int(tasks) == len(found)


def test_each_binding_of_the_page_exists():
  page = (ROOT / 'docs' / 'distributed.md').read_text()
  page += ''.join(path.read_text() for path in DEPLOY.glob('*.md'))
  for config in (
    train_config.TrainConfig,
    roles_config.RolesConfig,
    roles_config.RayConfig,
  ):
    named = set(re.findall(rf'`{config.__name__}\.(\w+)`', page))
    assert named, config.__name__
    assert named <= {field.name for field in dataclasses.fields(config)}


@pytest.mark.parametrize('page', PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
  text = page.read_text(encoding='utf-8')
  for link in re.findall(r'\]\(([^)#:]+)\)', text):
    assert (page.parent / link).exists(), link
