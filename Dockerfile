# The service against a PostgreSQL of its own: see docker-compose.yml.
FROM rust:1.95-bookworm AS build
# The system's libpq, which speaks TLS to the database, instead of the one that a first run builds for itself.
RUN apt-get update && apt-get install -y --no-install-recommends libpq-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY migrations migrations
COPY data data
COPY openapi openapi
COPY benches benches
RUN cargo build --release --locked --no-default-features

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libpq5 ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --no-log-init --uid 10001 ricolloca
COPY --from=build /build/target/release/ricolloca /usr/local/bin/ricolloca
USER 10001
EXPOSE 8080
ENV RICOLLOCA_BIND=0.0.0.0:8080 RICOLLOCA_DEMO=off RICOLLOCA_LOG_FORMAT=json
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["curl", "-fsS", "http://127.0.0.1:8080/health/ready"]
ENTRYPOINT ["/usr/local/bin/ricolloca"]
