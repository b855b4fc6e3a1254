#!/usr/bin/env bash
# Chaos test on real servers: kills and freezes roles, restarts RabbitMQ and Elasticsearch, and injects faults, all
# drawn from a seed. At the end, the index must equal the simulator's data. Starts its servers in a temporary folder and
# stops them.
#
#   docker/chaos.sh                     run 60 s with a new seed, which is printed
#   docker/chaos.sh --seconds 600       run longer
#   docker/chaos.sh --seed 7            repeat the faults of a seed
#   docker/chaos.sh --seeds 1..20       run seed after seed, until one fails
#   docker/chaos.sh --rabbitmq 4        use RabbitMQ 4 instead of 3
#   docker/chaos.sh --also all          run policy, template, cancel and clock, of which a seed draws two
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
