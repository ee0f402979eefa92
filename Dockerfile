# docker build -t uniformer-lens . && docker run -p 7860:7860 uniformer-lens
FROM python:3.11-slim AS packages
WORKDIR /build
COPY requirements.lock .
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock

FROM python:3.11-slim
RUN useradd --uid 1000 --create-home lens
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
USER 1000
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    UNIFORMER_LENS_HOST=0.0.0.0 \
    UNIFORMER_LENS_PORT=7860 \
    UNIFORMER_LENS_LOG_LEVEL=info
EXPOSE 7860
HEALTHCHECK --start-period=120s --interval=30s --timeout=5s CMD \
    ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"UNIFORMER_LENS_PORT\"]}/healthz', timeout=4)"]
CMD ["python", "app.py"]
