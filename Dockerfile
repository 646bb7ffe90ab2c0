# Build:  docker build -t tocsin .
# Run:    docker run --read-only --tmpfs /tmp -v tocsin-data:/data -p 8000:8000 tocsin
FROM python:3.12-slim AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
WORKDIR /source
# The lock alone first: a change of code then reuses the layer with the dependencies.
COPY requirements.lock .
RUN /venv/bin/python -m pip install --require-hashes --requirement requirements.lock
COPY . .
RUN /venv/bin/python -m pip install --no-deps --no-build-isolation .


FROM python:3.12-slim

RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin tocsin \
    && install --directory --owner=tocsin --group=tocsin --mode=700 /data
COPY --from=build /venv /venv

# The root file system may be read-only: bytecode was compiled by pip, state goes to /data.
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER tocsin
WORKDIR /data
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=4)"]

# The exec form: SIGTERM reaches the server, which drains before it stops.
ENTRYPOINT ["tocsin"]
CMD ["serve", "--host", "0.0.0.0", "--data", "/data"]
