# Builds the server's image, or with `--target test` an image that runs the tests. docker-compose.yml uses both.

FROM swift:6.3.1-bookworm AS source
RUN apt-get -qq update && apt-get -qq install -y --no-install-recommends \
    libcurl4-openssl-dev libpq-dev libsqlite3-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
RUN swift package resolve
COPY Sources Sources
# The release build does not compile these, but the package is invalid without them.
COPY Benchmarks Benchmarks
COPY Checks Checks
COPY Tests Tests

FROM source AS test
RUN swift build --build-tests
# The tests read these.
COPY .dockerignore Dockerfile README.md docker-compose.yml ./
COPY Scripts Scripts
COPY docs docs
COPY deploy deploy
CMD ["Scripts/test", "--built"]

FROM source AS build
COPY Scripts/build Scripts/
# The cache makes the next build incremental.
RUN --mount=type=cache,target=/src/.build,sharing=locked \
    Scripts/build chat-api \
    && strip -o /usr/local/bin/chat-api .build/release/chat-api

FROM debian:bookworm-slim AS docs
RUN apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Scripts/docs-assets Scripts/
RUN Scripts/docs-assets

# Builds the runtime stage's root file system: the program and the libraries it loads, without a shell.
FROM debian:bookworm-slim AS root
RUN apt-get -qq update && apt-get -qq install -y --no-install-recommends \
    ca-certificates libcurl4 libpq5 libsqlite3-0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY --from=build /usr/local/bin/chat-api /image/usr/local/bin/
COPY --from=docs /src/public/docs /image/usr/local/share/chat-api/docs
COPY Scripts/image-root Scripts/
RUN Scripts/image-root /image /image/usr/local/bin/chat-api

FROM scratch AS runtime
COPY --from=root /image /
ENV PATH=/usr/local/bin
# Fails the build if a library is missing.
RUN ["chat-api", "--version"]

# A numeric id lets an orchestrator verify that it is not root.
USER 10001
WORKDIR /data
VOLUME /data
ENV CHAT_HOST=0.0.0.0 \
    DATABASE_URL=sqlite:////data/chat.db
EXPOSE 8000
# The command has its own timeouts, 8 seconds in total.
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s --retries=3 CMD ["chat-api", "healthcheck"]
ENTRYPOINT ["chat-api"]
CMD ["serve"]
