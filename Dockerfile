# The server and its command line client, built from the sources beside this file.
#
#   docker build -t millrace .                          for a PostgreSQL outside: set DATABASE_URL
#   docker build -t millrace:trial --target trial .     with a PostgreSQL inside, for trying it out
#
# Debian's packages are the only thing that is fetched.
ARG DEBIAN=debian:bookworm-slim

FROM ${DEBIAN} AS build
WORKDIR /src
COPY scripts/install-dependencies scripts/packages.txt scripts/
RUN scripts/install-dependencies build
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY proto proto
COPY server server
COPY tasks tasks
COPY client client
RUN cmake --preset release -DMILLRACE_BUILD_TESTS=OFF -DMILLRACE_BUILD_BENCH=OFF \
 && cmake --build --preset release --target millrace-server millrace \
 && strip build/release/bin/millrace-server build/release/bin/millrace
# The packages that hold the shared libraries of the two programs. A package may know a library below /lib or /usr/lib.
RUN ldd build/release/bin/millrace-server build/release/bin/millrace | awk '$2 == "=>" {print $3}' | sort -u > libraries \
 && (sed 'p; s|^|/usr|' libraries | xargs dpkg-query --search 2>/dev/null || true) | sed 's/:.*//' | sort -u > runtime-packages \
 && test -s runtime-packages

FROM ${DEBIAN} AS runtime
COPY --from=build /src/runtime-packages /usr/share/doc/millrace/runtime-packages
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive xargs -a /usr/share/doc/millrace/runtime-packages \
    apt-get install -qq -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin millrace
COPY --from=build /src/build/release/bin/millrace-server /src/build/release/bin/millrace /usr/local/bin/
COPY LICENSE /usr/share/doc/millrace/
# A container is reached through its own addresses. Nothing is encrypted there, so that the server does not start until
# MILLRACE_ALLOW_PLAINTEXT=true says that its network may be trusted.
ENV MILLRACE_LISTEN=0.0.0.0:50051 MILLRACE_METRICS_LISTEN=0.0.0.0:9464
EXPOSE 50051 9464
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["millrace-server"]

# Runs without any setting, on a database of its own in the volume /var/lib/millrace. For trying it out, so its network is trusted.
FROM runtime AS trial
USER 0
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql-common \
 && sed -i -E 's/^#? *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql-15 \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/millrace
ENV MILLRACE_DATA_DIR=/var/lib/millrace MILLRACE_ALLOW_PLAINTEXT=true
VOLUME /var/lib/millrace
USER 10001:10001

# What is built unless another target is named.
FROM runtime AS millrace
