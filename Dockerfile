# syntax=docker/dockerfile:1
# One image for the steps of the pipelines on Vertex AI and for the workers of Dataflow; docs/google_cloud.md tells
# what is in it. A digest in place of a tag (--build-arg PYTHON=python@sha256:...) makes a build repeatable to the byte.
ARG PYTHON=python:3.13-slim-trixie
# The version of apache-beam in requirements.lock; a test compares the two.
ARG BEAM=apache/beam_python3.13_sdk:2.77.0

FROM ${BEAM} AS beam


FROM ${PYTHON} AS dependencies
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    TF_CPP_MIN_LOG_LEVEL=2 \
    TF_USE_LEGACY_KERAS=1
WORKDIR /build
COPY requirements.lock ./
# What comes as source, all of it Python, is built by the lock's setuptools, not by the newest one.
RUN awk '/^[^ ]/ { wanted = /^(setuptools|wheel)==/ } wanted' requirements.lock > build.lock \
 && pip install --require-hashes --no-deps --no-compile -r build.lock \
 && pip install --require-hashes --no-deps --no-compile --no-build-isolation -r requirements.lock
COPY deploy/image/prune.py deploy/image/imports.py ./
# Importing writes the bytecode of what is imported, and of that only.
RUN python prune.py /opt/venv \
 && python -W ignore imports.py


FROM dependencies AS project
COPY pyproject.toml README.md ./
COPY components components
COPY newsletter_bandit newsletter_bandit
COPY pipelines pipelines
COPY serving serving
COPY configs configs
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist .


FROM ${PYTHON}
# Dataflow starts a worker by this; Vertex AI puts a step's command in its place.
COPY --from=beam /opt/apache/beam /opt/apache/beam
COPY --from=dependencies /opt/venv /opt/venv
# Beam's boot would otherwise make a virtual environment at each start of a worker.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1 \
    GRPC_VERBOSITY=ERROR \
    TF_CPP_MIN_LOG_LEVEL=2 \
    TF_USE_LEGACY_KERAS=1
WORKDIR /app
COPY configs configs
# A change of our own code changes this small layer only.
RUN --mount=type=bind,from=project,source=/build,target=/build \
    pip install --no-deps --no-index --no-cache-dir /build/dist/*.whl \
 && python -W ignore /build/imports.py project \
 && useradd --create-home --uid 1000 bandit
ARG RUN_AS=bandit
USER ${RUN_AS}
ENTRYPOINT ["/opt/apache/beam/boot"]
