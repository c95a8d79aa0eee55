# The bot in a container: config and database in /data, nothing else is written. compose.yaml shows how to run it.

FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements.txt .
# Wheels only: nothing that is downloaded runs while the image is built.
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --only-binary=:all: --require-hashes -r requirements.txt

FROM python:3.12-slim
ENV PATH="/venv/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# 1000: the first user of most Linux machines, so that a mounted folder of theirs can be written to.
RUN useradd --uid 1000 --no-create-home parley && install --directory --owner=parley --group=parley /data
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
# The root may be read-only: byte code is made now or never.
RUN python -m compileall -q --invalidation-mode unchecked-hash .
USER 1000:1000
VOLUME /data
STOPSIGNAL SIGTERM
# Asks the address that the container's config has as health.listen.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import http.client as h, sys; c = h.HTTPConnection('127.0.0.1', 8081, timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "bot.py", "--config", "/data/config.yaml"]
