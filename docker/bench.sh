#!/usr/bin/env bash
# Measures the figures of docker/FIGURES.md on this machine: starts RabbitMQ and Elasticsearch in a temporary folder,
# runs the benchmarks, stops the servers. Arguments select benchmarks: embedded, memory, actions, actions-roles,
# pipeline, sink, lanes, quota (or one of quota-rate, quota-idle, quota-lists, quota-struck), desk, export, roles. The
# desk benchmark takes some minutes and 4 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d "${TMPDIR:-/tmp}/ua-bench.XXXXXX")
stop() {
  docker/services/service.sh down "$folder/servers" >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT

docker/services/service.sh up "$folder/servers" rabbitmq-3 rabbitmq-restart rabbitmq-4 elasticsearch-9
set -a
# shellcheck disable=SC1091
. "$folder/servers/env"
set +a
cargo bench --locked --bench figures -- "$@"
if [ $# -eq 0 ]; then
  cargo bench --locked -p zoom --bench fetch
  cargo bench --locked -p indexer --bench map
fi
