#!/usr/bin/env bash
# Builds stand-ins for public images on a machine without access to an image registry, from Debian's packages, the
# installed Rust toolchain and the tests' servers.
# They are named ua-standin/..., so they cannot be mistaken for the public images. docker-compose.yml uses them through
# its IMAGE_ variables.
#
#   docker/standins.sh                 build missing images, print the variables
#   docker/standins.sh --without-rust  skip the image that compiles
#   docker/standins.sh --opensearch    build OpenSearch instead of Elasticsearch
#
# Needs a running engine (docker/engine.sh up) and, as root, debootstrap.
set -euo pipefail

SERVICES=$(cd "$(dirname "${BASH_SOURCE[0]}")/services" && pwd)
UA_CACHE=${UA_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ua}
for part in process debian java search; do
  # shellcheck source=/dev/null
  . "$SERVICES/$part.sh"
done

# Increase it when a recipe below changes.
TAG=1

main() {
  local rust=yes opensearch=false
  while [ $# -gt 0 ]; do
    case $1 in
      --without-rust) rust="" ;;
      --opensearch) opensearch=true ;;
      *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
  done
  work=$(mktemp -d "${TMPDIR:-/tmp}/ua-standins.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  [ -z "$rust" ] || rust=$(cd "$SERVICES/../.." && rustc --version | cut -d' ' -f2)
  standin bookworm "$TAG" bookworm
  standin trixie "$TAG" trixie
  [ -z "$rust" ] || standin rust "$rust-$TAG" rust
  standin rabbitmq "4.0-$TAG" rabbitmq
  if $opensearch; then
    standin opensearch "3.5.0-$TAG" opensearch
    echo "IMAGE_OPENSEARCH=ua-standin/opensearch:3.5.0-$TAG"
  else
    standin elasticsearch "9.2.0-$TAG" elasticsearch
    echo "IMAGE_ELASTICSEARCH=ua-standin/elasticsearch:9.2.0-$TAG"
  fi
  standin prometheus "2.53-$TAG" prometheus
  [ -z "$rust" ] || echo "IMAGE_RUST=ua-standin/rust:$rust-$TAG"
  cat <<ENV
IMAGE_BASE=ua-standin/bookworm:$TAG
IMAGE_RABBITMQ=ua-standin/rabbitmq:4.0-$TAG
IMAGE_PROMETHEUS=ua-standin/prometheus:2.53-$TAG
ENV
}

standin() { # NAME VERSION RECIPE
  local image=ua-standin/$1:$2 begin=$SECONDS
  ! docker image inspect "$image" >/dev/null 2>&1 || return 0
  say "making $image"
  mkdir -p "$work/$1"
  "make_$3" "$image" "$work/$1" >"$work/$1.log" 2>&1 || fail_with_log "$work/$1.log" "$image could not be made"
  rm -rf "${work:?}/$1"
  say "made $image ($((SECONDS - begin)) s)"
}

make_bookworm() { # IMAGE FOLDER
  ensure debootstrap debootstrap
  debootstrap --variant=minbase bookworm "$2/tree"
  rm -f "$2"/tree/var/cache/apt/archives/*.deb
  import "$1" "$2/tree"
}

# Uses the tree of the tests' RabbitMQ 4.
make_trixie() {
  ensure_tree trixie rabbitmq-server
  import "$1" "$(tree_of trixie rabbitmq-server)"
}

import() { # IMAGE TREE
  tar -C "$2" --exclude ./proc/* --exclude ./dev/* --exclude ./var/lib/rabbitmq/* -c . | docker import - "$1"
}

# Includes the machine's CA bundle, because cargo in a build must trust the same certificates as outside.
make_rust() {
  local toolchain
  toolchain=$(cd "$SERVICES/../.." && rustc --print sysroot)
  mkdir -p "$2/toolchain"
  cp -r "$toolchain/bin" "$toolchain/lib" "$toolchain/libexec" "$2/toolchain/"
  cp /etc/ssl/certs/ca-certificates.crt "$2/"
  cat >"$2/Dockerfile" <<DOCKERFILE
FROM ua-standin/bookworm:$TAG
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev pkg-config ca-certificates && rm -rf /var/lib/apt/lists/*
COPY toolchain /usr/local/rust
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV PATH=/usr/local/rust/bin:\$PATH CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt
DOCKERFILE
  docker build -t "$1" "$2"
}

make_rabbitmq() {
  cat >"$2/Dockerfile" <<DOCKERFILE
FROM ua-standin/trixie:$TAG
RUN rabbitmq-plugins enable --offline rabbitmq_management && mkdir -p /var/lib/rabbitmq /var/log/rabbitmq && chown -R rabbitmq: /var/lib/rabbitmq /var/log/rabbitmq
ENV HOME=/var/lib/rabbitmq LANG=C.UTF-8 RABBITMQ_LOGS=-
USER rabbitmq
VOLUME /var/lib/rabbitmq
CMD ["/usr/lib/rabbitmq/bin/rabbitmq-server"]
DOCKERFILE
  docker build -t "$1" "$2"
}

# Environment variables named like settings set them, as in Elastic's image.
make_elasticsearch() {
  search_fetch elasticsearch-9
  cp -r "$(distribution_in "$(artifacts_of elasticsearch-9)")" "$2/elasticsearch"
  cat >"$2/start" <<'START'
#!/bin/bash
while IFS= read -rd '' variable; do
  [[ $variable != [a-z]*.*=* ]] || set -- "$@" "-E$variable"
done < <(env -0)
exec /usr/share/elasticsearch/bin/elasticsearch "$@"
START
  chmod 755 "$2/start"
  cat >"$2/Dockerfile" <<DOCKERFILE
FROM ua-standin/trixie:$TAG
RUN mkdir -p /usr/share/man/man1 && apt-get update && apt-get install -y --no-install-recommends openjdk-21-jre-headless curl && rm -rf /var/lib/apt/lists/* && useradd --uid 1000 elasticsearch
COPY --chown=1000 elasticsearch /usr/share/elasticsearch
RUN install -d -o 1000 /usr/share/elasticsearch/data /usr/share/elasticsearch/logs
COPY start /usr/local/bin/start
ENV ES_JAVA_HOME=/usr/lib/jvm/java-21-openjdk-amd64
WORKDIR /usr/share/elasticsearch
USER 1000
ENTRYPOINT ["start"]
DOCKERFILE
  docker build -t "$1" "$2"
}

# Uses the tests' jars and starter class, which adds 1 to the base port; settings as above.
make_opensearch() {
  search_fetch opensearch-3
  cp -rL "$(artifacts_of opensearch-3)" "$2/lib"
  cat >"$2/start" <<'START'
#!/bin/bash
data=/usr/share/opensearch/data
mkdir -p "$data/node_1/config"
while IFS= read -rd '' variable; do
  [[ $variable != [a-z]*.*=* ]] || echo "${variable%%=*}: ${variable#*=}"
done < <(env -0) >"$data/node_1/config/opensearch.yml"
# shellcheck disable=SC2086
exec java ${OPENSEARCH_JAVA_OPTS-} --enable-native-access=ALL-UNNAMED \
  --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/sun.nio.ch=ALL-UNNAMED \
  -cp '/usr/share/opensearch/lib/*' org.codelibs.opensearch.runner.OpenSearchRunner \
  -basePath "$data" -clusterName ua -numOfNode 1 -baseHttpPort 9199
START
  chmod 755 "$2/start"
  cat >"$2/Dockerfile" <<DOCKERFILE
FROM ua-standin/trixie:$TAG
RUN mkdir -p /usr/share/man/man1 && apt-get update && apt-get install -y --no-install-recommends openjdk-21-jre-headless curl && rm -rf /var/lib/apt/lists/* && useradd --uid 1000 opensearch
COPY lib /usr/share/opensearch/lib
RUN install -d -o 1000 /usr/share/opensearch/data
COPY start /usr/local/bin/start
WORKDIR /usr/share/opensearch
USER 1000
ENTRYPOINT ["start"]
DOCKERFILE
  docker build -t "$1" "$2"
}

make_prometheus() {
  cat >"$2/Dockerfile" <<DOCKERFILE
FROM ua-standin/trixie:$TAG
RUN apt-get update && apt-get install -y --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/* && install -d -o 65534 /prometheus
USER 65534
WORKDIR /prometheus
ENTRYPOINT ["prometheus"]
DOCKERFILE
  docker build -t "$1" "$2"
}

main "$@"
