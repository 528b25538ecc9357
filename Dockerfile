# One image for hub, worker and gateway: `docker run meterhub serve`, `... worker`, `... gateway --device ...`.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements/server.lock requirements/gateway.lock requirements/
RUN python -m venv /opt/meterhub \
 && /opt/meterhub/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/server.lock \
 && /opt/meterhub/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/gateway.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY migrations migrations
RUN /opt/meterhub/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /var/lib/meterhub --groups dialout meterhub
COPY --from=build /opt/meterhub /opt/meterhub
ENV PATH=/opt/meterhub/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    METERHUB_MODE=production
USER meterhub
WORKDIR /var/lib/meterhub
EXPOSE 8000
ENTRYPOINT ["meterhub"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
