# shellcheck shell=bash
# A container engine with Compose and Buildx: the machine's own, or one from Debian's packages. The latter has its
# socket and data folder in the cache, separate from the machine's. Independent of the containers.

# engine_up: makes `docker`, `docker compose` and `docker buildx` work.
engine_up() {
  local home=$UA_CACHE/docker
  mkdir -p "$home"
  if have docker && docker info >/dev/null 2>&1; then
    say "using the container engine that runs here"
  else
    own_engine "$home"
  fi
  if ! docker compose version >/dev/null 2>&1 || ! docker buildx version >/dev/null 2>&1; then own_plugins "$home"; fi
}

own_engine() { # HOME
  local home=$1 i
  [ "$(id -u)" = 0 ] || fail "no container engine answers, and only root can start one; start Docker and try again"
  (ensure dockerd docker.io) || fail "no container engine could be installed"
  export DOCKER_HOST=unix://$home/engine.sock
  if docker info >/dev/null 2>&1; then
    say "using the engine that an earlier call has left"
    return
  fi
  say "starting a container engine"
  : >"$home/output.log"
  # shellcheck disable=SC2016
  launch "$home" bash -euc '
    . "$1/process.sh"
    write_pid "$2"
    exec dockerd --host "unix://$2/engine.sock" --data-root "$2/root" --exec-root "$2/run" --pidfile "$2/engine.pid"
  ' engine "$SERVICES" "$home"
  for ((i = 0; i < 300; i++)); do
    ! docker info >/dev/null 2>&1 || return 0
    alive "$home" || fail_with_log "$home/output.log" "the container engine ended before it was ready"
    sleep 0.2
  done
  fail_with_log "$home/output.log" "the container engine was not ready within a minute"
}

# Stops only an engine that engine_up started.
engine_down() {
  stop "$UA_CACHE/docker" 60
}

# Installs Compose and Buildx as plugins from Debian 13's packages, in a separate configuration folder.
own_plugins() { # HOME
  local plugins=$1/config/cli-plugins
  export DOCKER_CONFIG=$1/config
  compose_plugins "$plugins"
}

compose_plugins() { # FOLDER
  local folder=$1 tree
  [ ! -x "$folder/docker-compose" ] || [ ! -x "$folder/docker-buildx" ] || return 0
  mkdir -p "$folder"
  ensure_tree trixie rabbitmq-server
  tree=$(tree_of trixie rabbitmq-server)
  say "fetching Compose and Buildx from Debian 13"
  # shellcheck disable=SC2016
  (exec_in_tree "$tree" "$folder" /bin/sh -euc '
    cd "$(mktemp -d)"
    apt-get update -qq
    apt-get download -qq docker-compose docker-buildx
    for package in *.deb; do dpkg -x "$package" .; done
    install -m 755 usr/libexec/docker/cli-plugins/* /mnt/
    rm -rf "$PWD"') >"$folder.log" 2>&1 || fail_with_log "$folder.log" "Compose and Buildx could not be fetched"
}
