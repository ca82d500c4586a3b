# Two images, the service and the example pipeline:
#     docker build --target sidecar --tag pipeline-sidecar .
#     docker build --target worker --tag pipeline-worker .
# Both run as user 10001 with a read-only root; what they write goes to /spool and /output.
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build-sidecar
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY dashboards dashboards
COPY examples examples
COPY pipeline pipeline
COPY sidecar sidecar
RUN python -m venv /opt/pipeline && /opt/pipeline/bin/pip install .

# The SDKs of the providers, which the sidecar has no need of.
FROM build-sidecar AS build-worker
RUN /opt/pipeline/bin/pip install ".[providers,retries]"

FROM ${PYTHON_IMAGE} AS runtime
RUN groupadd --gid 10001 pipeline \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin pipeline \
    # A new volume takes over owner and mode of the directory that it is mounted on.
    && install --directory --owner 10001 --group 10001 --mode 0750 /spool /output
ENV PATH=/opt/pipeline/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 SIDECAR_SPOOL=/spool
WORKDIR /output
USER 10001:10001

FROM runtime AS worker
COPY --from=build-worker /opt/pipeline /opt/pipeline
ENTRYPOINT ["pipeline"]
CMD ["--help"]

FROM runtime AS sidecar
COPY --from=build-sidecar /opt/pipeline /opt/pipeline
# Inside a container 127.0.0.1 is out of everybody's reach.
ENV SIDECAR_LISTEN=0.0.0.0:9747
EXPOSE 9747
# Whether the sidecar lives: a dependency that is down is no reason to restart who watches it.
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["sidecar", "health", "--live"]
ENTRYPOINT ["sidecar"]
CMD ["run"]
