#!/usr/bin/env bash
# Starts and stops real servers on 127.0.0.1 for tests and trials, without containers.
set -euo pipefail

SERVICES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
UA_CACHE=${UA_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ua}
ALL=(rabbitmq-3 rabbitmq-restart rabbitmq-4 elasticsearch-7 elasticsearch-9 opensearch-2 opensearch-3)
START_SECONDS=${UA_SERVICES_START_SECONDS:-240}
STOP_SECONDS=30

for part in process debian java rabbitmq search; do
  # shellcheck source=/dev/null
  . "$SERVICES/$part.sh"
done

usage() {
  cat <<TEXT
usage: service.sh COMMAND DIR [NAME...]

commands:
  up       fetch what is missing, start the servers side by side, wait until each answers, write DIR/env
  down     stop them
  start, stop, restart, crash   the same for servers that were up before: same port, same data
  freeze, thaw                  suspend their processes (SIGSTOP) and resume them
  status   a line per server
  env      print what is in DIR/env (shell syntax, to be sourced)

names (all of them when none is given): ${ALL[*]}
Data, logs, ports and pids are in DIR/NAME. What is fetched goes to $UA_CACHE (set by UA_CACHE).
TEXT
}

main() {
  [ $# -ge 2 ] || { usage >&2; exit 2; }
  local command=$1 name
  mkdir -p "$2"
  DIR=$(cd "$2" && pwd)
  shift 2
  for name in "$@"; do kind_of "$name" >/dev/null; done
  [ $# -gt 0 ] || set -- "${ALL[@]}"
  case $command in
    up) up "$@" ;;
    start) each start_one "$@" ;;
    down | stop) each stop_one "$@" ;;
    restart) each restart_one "$@" ;;
    crash) each crash_one "$@" ;;
    freeze) each freeze_one "$@" ;;
    thaw) each thaw_one "$@" ;;
    status) for name in "$@"; do status_one "$name"; done ;;
    env) cat "$DIR/env" ;;
    serve) serve "$1" ;;
    *) usage >&2; exit 2 ;;
  esac
}

kind_of() {
  case $1 in
    rabbitmq-3 | rabbitmq-4 | rabbitmq-restart) echo rabbitmq ;;
    elasticsearch-7 | elasticsearch-9 | opensearch-2 | opensearch-3) echo search ;;
    *) say "error: there is no server called $1; there are: ${ALL[*]}"; exit 2 ;;
  esac
}

# each FUNCTION NAME...: runs FUNCTION for all names concurrently; fails if one failed.
each() {
  local function=$1 name pids=() status=0 pid
  shift
  for name in "$@"; do
    # Never call `each` in a condition: bash would then ignore `set -e` here, too.
    (set -e; "$function" "$name") &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=1; done
  return "$status"
}

up() {
  local status
  ensure curl curl
  ensure ss iproute2
  ensure ps procps
  set +e
  each up_one "$@"
  status=$?
  set -e
  write_env
  return "$status"
}

up_one() {
  local name=$1 home=$DIR/$1 kind
  kind=$(kind_of "$name")
  "${kind}_fetch" "$name"
  mkdir -p "$home"
  # shellcheck disable=SC2046
  choose_ports "$home" $("${kind}_ports")
  start_one "$name"
}

start_one() {
  local name=$1 home=$DIR/$1 kind begin=$SECONDS
  kind=$(kind_of "$name")
  [ -s "$home/ports" ] || fail "$name was never up in $DIR; begin with: service.sh up $DIR $name"
  alive "$home" || launch "$home" bash "$SERVICES/service.sh" serve "$DIR" "$name"
  until "${kind}_healthy" "$name" "$home" >/dev/null; do
    alive "$home" || fail_with_log "$home/output.log" "$name ended before it was ready"
    ((SECONDS - begin < START_SECONDS)) || fail_with_log "$home/output.log" "$name was not ready within $START_SECONDS s"
    sleep 0.3
  done
  printf '%-17s ready in %3d s  %s\n' "$name" $((SECONDS - begin)) "$("${kind}_version" "$name" "$home") on $(tr '\n' ' ' <"$home/ports")"
}

# Runs as the launched process: writes its pid and executes the server.
serve() {
  local name=$1 home=$DIR/$1
  cd "$home"
  write_pid "$home"
  "$(kind_of "$name")_run" "$name" "$home"
}

stop_one() {
  local begin=$SECONDS
  [ -s "$DIR/$1/pid" ] || return 0
  stop "$DIR/$1" "$STOP_SECONDS"
  printf '%-17s stopped in %d s\n' "$1" $((SECONDS - begin))
}

crash_one() {
  crash "$DIR/$1"
}

freeze_one() {
  signal_all "$DIR/$1" STOP
}

thaw_one() {
  signal_all "$DIR/$1" CONT
}

restart_one() {
  stop_one "$1"
  start_one "$1"
}

status_one() {
  local name=$1 home=$DIR/$1 kind state=stopped
  kind=$(kind_of "$name")
  if [ ! -s "$home/ports" ]; then
    state="never up"
  elif alive "$home"; then
    state=unhealthy
    ! "${kind}_healthy" "$name" "$home" >/dev/null || state=ready
  fi
  printf '%-17s %s\n' "$name" "$state"
}

# Writes a variable for every running server of DIR. A missing variable means that the server does not run.
write_env() {
  local name
  {
    echo "export UA_TEST_SERVICES='$DIR'"
    for name in "${ALL[@]}"; do
      ! alive "$DIR/$name" || "$(kind_of "$name")_env" "$name" "$DIR/$name"
    done
  } >"$DIR/env.part"
  mv "$DIR/env.part" "$DIR/env"
}

ask() {
  curl --fail --silent --max-time 5 --noproxy '*' "$1"
}

main "$@"
