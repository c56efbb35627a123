# The server as an image: built in one stage, run in another that holds nothing but the program.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package mainspring-cli

FROM debian:12.11-slim
# Numbers, so that a cluster can see that it is not root. A volume on /data takes its owner from the image.
RUN install -d -m 700 -o 65532 -g 65532 /data
COPY --from=build /src/target/release/mainspring /usr/local/bin/mainspring
USER 65532:65532
WORKDIR /data
# Nobody outside reaches the loopback address of a container. The server does not start at this one until it is told to
# ask and to encrypt, or that it need not: that depends on where the ports are published, which an image cannot know.
# compose.yaml publishes them on 127.0.0.1 only, and sets MAINSPRING_INSECURE_WITHOUT_AUTHENTICATION and _TLS.
ENV MAINSPRING_HOST=0.0.0.0
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
# It asks the port that HEALTH_PORT says, as the server does.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["mainspring", "ready"]
ENTRYPOINT ["mainspring"]
CMD ["serve"]
