# Image of the server: one stage builds the program, the other contains only the program.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package mainspring-cli

FROM debian:12.11-slim
# Numeric ids, so that Kubernetes can verify that the user is not root. A new volume on /data takes its owner from the
# image.
RUN install -d -m 700 -o 65532 -g 65532 /data
COPY --from=build /src/target/release/mainspring /usr/local/bin/mainspring
USER 65532:65532
WORKDIR /data
# The loopback address of a container is not reachable from outside. On any other address the server starts only with
# authentication and TLS, or with flags that waive them: the image does not know where the ports are published.
# compose.yaml publishes them on 127.0.0.1 only and sets MAINSPRING_INSECURE_WITHOUT_AUTHENTICATION and
# MAINSPRING_INSECURE_WITHOUT_TLS.
ENV MAINSPRING_HOST=0.0.0.0
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
# `ready` reads HEALTH_PORT, as the server does.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["mainspring", "ready"]
ENTRYPOINT ["mainspring"]
CMD ["serve"]
