# docker build -t uniformer-lens . && docker run -p 7860:7860 uniformer-lens
# docs/hosting.md says what the two build arguments are for.
FROM python:3.11-slim AS packages
# Where pip looks for everything: pip reads it itself.
ARG PIP_INDEX_URL
# Where it finds torch for the CPU alone, 5 GB smaller, in the versions of the lock.
ARG TORCH_INDEX_URL
WORKDIR /build
COPY requirements.lock .
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
RUN if [ -n "$TORCH_INDEX_URL" ]; then \
        grep -oE '^(torch|torchvision)==[0-9.]+' requirements.lock > torch.txt && \
        pip install --no-cache-dir --index-url "$TORCH_INDEX_URL" -r torch.txt && \
        sed -E '/^(torch==|torchvision==|triton==|cuda-|nvidia-)/,/[^\\]$/d' requirements.lock > rest.lock && \
        pip install --no-cache-dir --no-deps --require-hashes -r rest.lock; \
    else \
        pip install --no-cache-dir --require-hashes -r requirements.lock; \
    fi

FROM python:3.11-slim
RUN useradd --create-home lens
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
USER lens
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    UNIFORMER_LENS_HOST=0.0.0.0 \
    UNIFORMER_LENS_PORT=7860 \
    UNIFORMER_LENS_LOG_LEVEL=info
EXPOSE 7860
HEALTHCHECK --start-period=120s --interval=30s --timeout=5s CMD \
    ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"UNIFORMER_LENS_PORT\"]}/healthz', timeout=4)"]
CMD ["python", "app.py"]
