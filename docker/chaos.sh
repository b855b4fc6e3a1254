#!/usr/bin/env bash
# Chaos on real servers: roles are killed and frozen, RabbitMQ and Elasticsearch restarted, faults injected by a seed; at
# the end the index has to equal the truth. Starts what it needs in a temporary folder and leaves nothing running.
#
#   docker/chaos.sh                     60 s by a new seed, which is printed
#   docker/chaos.sh --seconds 600       longer
#   docker/chaos.sh --seed 7            the same blows again
#   docker/chaos.sh --seeds 1..20       seed after seed, until one fails
#   docker/chaos.sh --rabbitmq 4        on RabbitMQ 4 in place of 3
#   docker/chaos.sh --also all          also: policy, template, cancel, clock, document
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=60 seeds=() rabbitmq=3 also=
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?--seconds takes a number}; shift 2 ;;
    --seed) seeds=("${2:?--seed takes a number}"); shift 2 ;;
    --seeds) mapfile -t seeds < <(seq "${2%%..*}" "${2##*..}"); shift 2 ;;
    --rabbitmq) rabbitmq=${2:?--rabbitmq takes 3 or 4}; shift 2 ;;
    --also) also=${2:?--also takes names, as in policy,clock}; shift 2 ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
[ ${#seeds[@]} -gt 0 ] || seeds=("$RANDOM")

folder=$(mktemp -d "${TMPDIR:-/tmp}/ua-chaos.XXXXXX")
stop() {
  docker/services/service.sh down "$folder/servers" >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT

docker/services/service.sh up "$folder/servers" "rabbitmq-$rabbitmq" elasticsearch-9
set -a
# shellcheck disable=SC1091
. "$folder/servers/env"
set +a
for seed in "${seeds[@]}"; do
  cargo test --locked -p ua --test chaos -- --seconds "$seconds" --seed "$seed" --rabbitmq "$rabbitmq" --also "$also"
done
