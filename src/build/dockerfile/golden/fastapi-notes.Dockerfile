# Written by lockstep dockerfile: FastAPI (notes/api.py has app = FastAPI(...))

FROM python:3.14-slim AS build
ENV UV_LINK_MODE="copy"
ENV UV_CACHE_DIR="/cache/uv"
ENV UV_NO_CONFIG="1"
ENV UV_PYTHON_DOWNLOADS="never"
ENV UV_PROJECT_ENVIRONMENT="/opt/venv"
ENV PIP_CACHE_DIR="/cache/pip"
ENV PIP_ROOT_USER_ACTION="ignore"
RUN --mount=type=cache,target=/cache,sharing=locked pip install --quiet uv==0.13.9
WORKDIR /inputs
COPY requirements.txt ./
RUN --mount=type=cache,target=/cache,sharing=locked uv venv /opt/venv --python /usr/local/bin/python3
RUN --mount=type=cache,target=/cache,sharing=locked uv pip install --python /opt/venv/bin/python -r requirements.txt -- uvicorn==0.54.0
RUN /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
WORKDIR /app
COPY . .
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app || true

FROM python:3.14-slim
RUN echo 'app:x:10001:10001::/app:/usr/sbin/nologin' >> /etc/passwd
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH="/opt/venv/bin:$PATH"
ENV PYTHONUNBUFFERED="1"
ENV FLASK_RUN_HOST="0.0.0.0"
ENV UVICORN_HOST="0.0.0.0"
ENV HOME="/tmp"
ENV PORT="8080"
USER 10001:10001
EXPOSE 8080
CMD ["/bin/sh","-c","exec /opt/venv/bin/python -m uvicorn --host 0.0.0.0 --port \"$PORT\" notes.api:app"]
