#!/usr/bin/env bash
# Installs the emulators of BigQuery and Cloud Storage into .tools/bigquery-emulator, once. local-bigquery needs
# Python 3.13, so they have an environment of their own; the versions are those of bigquery-requirements.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=.tools/bigquery-emulator
requirements=tests/emulators/bigquery-requirements.txt

if cmp -s "$requirements" "$target/installed.txt"; then exit 0; fi

uv=$(command -v uv || true)
if [[ -z $uv && -x .tools/uv/bin/uv ]]; then uv=.tools/uv/bin/uv; fi

# A pyenv shim is on the path even where it runs nothing, so each candidate is tried.
find_python() {
  local candidate
  for candidate in "$(command -v python3.13)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python \
    "$([[ -z $uv ]] || UV_PYTHON_DOWNLOADS=never "$uv" python find --no-project --quiet 3.13 2> /dev/null || true)"; do
    if [[ -n $candidate && -x $candidate ]] &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2> /dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

python=$(find_python) || {
  echo 'Python 3.13, which the BigQuery emulator needs, was not found: install it with uv python install 3.13,' \
    'pyenv or your distribution' >&2
  exit 1
}
rm -rf "$target"
if [[ -n $uv ]]; then
  "$uv" venv --quiet --no-project --python "$python" "$target"
  "$uv" pip sync --quiet --python "$target/bin/python" --require-hashes "$requirements"
else
  "$python" -m venv "$target"
  "$target/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
fi
# DuckDB looks for its extensions below the home folder, and would download those that are not there.
mkdir -p "$target/home"
HOME=$PWD/$target/home "$target/bin/python" - << 'PYTHON'
import duckdb
from duckdb_extensions import import_extension

with duckdb.connect() as connection:
    for name in ("icu", "ducklake", "json", "spatial", "avro", "httpfs"):
        import_extension(name, con=connection)
PYTHON
cp "$requirements" "$target/installed.txt"
