"""Builds the distribution: the package, its gin files and its data sets."""

import platform
import sys

# Before any import that an old Python lacks, so that this line is what it says.
if sys.version_info[:2] != (3, 11):
  sys.exit(
    'awopt-agent needs Python 3.11 (TensorFlow 2.15 and tf-agents 0.19 '
    'resolve on no other), but this is Python {}: install Python 3.11 and '
    'run python3.11 -m pip.'.format(platform.python_version())
  )
if (platform.system(), platform.machine()) != ('Linux', 'x86_64'):
  sys.exit(
    'awopt-agent needs Linux on x86-64 (dm-reverb has wheels for no other '
    'platform), but this is {} on {}: use such a machine, or a container '
    'of platform linux/amd64.'.format(platform.system(), platform.machine())
  )

import pathlib  # noqa: E402
import re  # noqa: E402
import shutil  # noqa: E402

import setuptools  # noqa: E402
from setuptools.command import build_py  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent
RESOURCES = ('gin', 'data')

CORE = [
  'dm-reverb~=0.14.0',
  'gin-config>=0.5.0',
  'h5py>=3.9',
  'numpy<2',
  'portpicker',
  # 22 and later need NumPy 2, which TensorFlow 2.15 does not take.
  'pyarrow<22',
  'protobuf<5',
  'pybullet>=3.2.7',
  'rlds>=0.1.8',
  # 82 dropped pkg_resources, which TensorBoard 2.15 imports.
  'setuptools<82',
  'tensorflow~=2.15.0',
  'tensorflow-datasets>=4.9.4',
  # 1.17 and later need protobuf 5.
  'tensorflow-metadata<1.17',
  'tensorflow-serving-api~=2.15.1',
  'tf-agents==0.19.0',
  'tqdm',
]
# 1.4 needs a typing_extensions that tf-agents does not take.
GYMNASIUM = ['gymnasium>=1.1,<1.4']
VIDEO = ['imageio[ffmpeg]', 'pillow']
PLOTS = ['matplotlib']
# Older ones ask no one for a token.
RAY = ['ray>=2.52,<3']
# 1.63 and later of the health service need protobuf 5.
SERVE = [
  'grpcio-health-checking<1.63',
  'httptools>=0.6',
  'orjson>=3.10',
  'prometheus-client>=0.20',
  'uvicorn>=0.30',
]
DEV = [
  'packaging',
  'psutil',
  'pytest',
  'pytest-cov',
  'pytest-timeout',
  'pytest-xdist',
  'pyyaml',
  'wheel',
]


class BuildPy(build_py.build_py):
  """Also copies the folders that stand beside the package into it."""

  def run(self):
    """Builds as usual, then copies; an editable install reads in place."""
    super().run()
    if self.editable_mode:
      return
    target = pathlib.Path(self.build_lib, 'awopt_agent', '_resources')
    shutil.rmtree(target, ignore_errors=True)
    for name in RESOURCES:
      if (ROOT / name).is_dir():
        shutil.copytree(
          ROOT / name,
          target / name,
          ignore=shutil.ignore_patterns('__pycache__', '*.pyc', '.*'),
        )


def version():
  """Reads the version as text: importing it would need TensorFlow."""
  text = (ROOT / 'awopt_agent' / '__init__.py').read_text(encoding='utf-8')
  return re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE).group(1)


def long_description():
  """Returns the README, which a bare source tree may lack."""
  readme = ROOT / 'README.md'
  return readme.read_text(encoding='utf-8') if readme.exists() else ''


setuptools.setup(
  name='awopt-agent',
  version=version(),
  description=(
    'AW-Opt for TF-Agents: robot skills from demonstrations, improved by '
    'practice.'
  ),
  long_description=long_description(),
  long_description_content_type='text/markdown',
  license='Apache-2.0',
  python_requires='==3.11.*',
  packages=setuptools.find_packages(include=['awopt_agent', 'awopt_agent.*']),
  cmdclass={'build_py': BuildPy},
  install_requires=CORE,
  extras_require={
    'dev': DEV + GYMNASIUM + VIDEO + PLOTS + RAY + SERVE,
    'gymnasium': GYMNASIUM,
    'plots': PLOTS,
    'ray': RAY,
    'serve': SERVE,
    'video': VIDEO,
  },
  entry_points={
    'console_scripts': [
      'awopt-train = awopt_agent.train.train:main',
      'awopt-evaluate = awopt_agent.train.evaluate:main',
      'awopt-launch = awopt_agent.train.launch:main',
      'awopt-role = awopt_agent.train.role:main',
      'awopt-export = awopt_agent.train.export:main',
      'awopt-demos = awopt_agent.train.demos_cli:main',
      'awopt-serve = awopt_agent.train.serve:main',
      'awopt-report = awopt_agent.trials.report_cli:main',
    ],
  },
)
