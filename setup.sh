#!/usr/bin/env bash
# Installs what requirements.lock names into .venv, once; `make` calls it. What is missing ends it with one sentence.
#
#   ./setup.sh       the environment, with the Python that fits this machine; PYTHON_VERSION=3.11 forces one
#   ./setup.sh uv    prints the path of uv, installed below .tools where it is not on the path
set -euo pipefail
cd "$(dirname "$0")"

uv_version=0.13.9
needed_gb=5 # what an environment takes while it is installed
container='or run it in a container: docker compose up demo'

fail() {
  echo "$*" >&2
  exit 1
}

# Prints the versions of Python that the locked wheels run on here, the preferred first.
supported_versions() {
  local system machine glibc
  system=$(uname -s) machine=$(uname -m)
  case $system/$machine in
    Linux/x86_64)
      glibc=$(getconf GNU_LIBC_VERSION 2> /dev/null) ||
        fail "This Linux has no glibc, which TensorFlow's wheels need: use Debian, Ubuntu or Fedora, $container"
      # TFX 1.21's wheels ask for glibc 2.39; older systems get TFX 1.16, which ends at Python 3.11.
      if printf '%s\n' 2.39 "${glibc#glibc }" | sort --check=quiet --version-sort; then
        echo 3.13 3.12 3.11
      else
        echo 3.11
      fi
      ;;
    Darwin/arm64) echo 3.13 3.12 ;;
    MINGW* | MSYS* | CYGWIN*) fail "TFX has no wheels for Windows: work in WSL 2 (Ubuntu 24.04), $container" ;;
    *) fail "TFX has no wheels for $system on $machine: use Linux on x86-64, $container" ;;
  esac
}

find_uv() {
  local uv=.tools/uv/bin/uv
  if command -v uv; then return; fi
  if [[ ! -x $uv ]]; then
    command -v python3 > /dev/null ||
      fail 'Python was not found. On Debian or Ubuntu: apt-get install python3 python3-venv'
    python3 -c 'import ensurepip, venv' 2> /dev/null ||
      fail 'Python cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv'
    rm -rf .tools/uv
    if ! { python3 -m venv .tools/uv &&
      .tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$uv_version; } >&2; then
      rm -rf .tools/uv
      fail "uv $uv_version could not be installed from the package index (above); setting up needs it once"
    fi
  fi
  echo "$uv"
}

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null; }

# Prints the path of the Python to use: the forced version's, else the first that is here, else one that uv downloads.
find_python() {
  local uv=$1 supported=$2 wanted version
  wanted=${PYTHON_VERSION:-$supported}
  if [[ " $supported " != *" $wanted "* && -n ${PYTHON_VERSION:-} ]]; then
    fail "PYTHON_VERSION=$PYTHON_VERSION does not run here; allowed: ${supported// /, }" \
      '(3.12 and 3.13 ask for glibc 2.39 or newer: Debian 13, Ubuntu 24.04)'
  fi
  for version in $wanted; do
    if "$uv" python find --system --no-project --no-python-downloads --quiet "$version" 2> /dev/null; then return; fi
  done
  version=${wanted%% *}
  echo "Python ${wanted// / or } is not on this machine; downloading $version with uv" >&2
  "$uv" python install "$version" >&2 ||
    fail "Python $version could not be downloaded (above): install it from your distribution, $container"
  "$uv" python find --system --no-project --no-python-downloads --quiet "$version"
}

install() {
  local uv=$1 supported=$2 python=.venv/bin/python current available_kb
  current=$(version_of $python || true)
  # An environment stays with the Python that it was made with, unless another is forced.
  if [[ -z $current || (-n ${PYTHON_VERSION:-} && $current != "$PYTHON_VERSION") ]]; then
    local chosen
    chosen=$(find_python "$uv" "$supported")
    "$uv" venv --quiet --no-project --clear --python "$chosen" .venv
  fi
  # By content: a checkout that only touches the file must not need the network again.
  if ! cmp -s requirements.lock .venv/requirements.lock; then
    available_kb=$(df -Pk . | awk 'NR == 2 { print $4 }')
    if [[ ! -e .venv/requirements.lock ]] && ((available_kb < needed_gb * 1000 * 1000)); then
      fail "Only $((available_kb / 1000)) MB of disk are free here; setting up needs $needed_gb GB"
    fi
    echo "Installing what requirements.lock names into .venv for Python $(version_of $python) (once, about 5 GB with downloads)"
    "$uv" pip sync --quiet --compile-bytecode --python $python --require-hashes requirements.lock
    cp requirements.lock .venv/requirements.lock
  fi
  "$uv" pip install --quiet --python $python --no-deps --no-build-isolation --editable .
}

supported=$(supported_versions)
uv=$(find_uv)
case ${1:-} in
  uv) echo "$uv" ;;
  '') install "$uv" "$supported" ;;
  *) fail "setup.sh takes no argument but uv, found: $1" ;;
esac
