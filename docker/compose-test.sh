#!/usr/bin/env bash
# Tests the composed stack: builds the image; starts RabbitMQ, Elasticsearch, Prometheus, simulated Zoom and Opencast, 4
# zoom, 2 index and 1 opencast workers, a scheduler and the console; runs a backfill of 20 dates. Meanwhile scales zoom
# 4 -> 8 -> 1 -> 4, kills a container of each role and restarts RabbitMQ. At the end, the index must equal the
# simulators' data, with no call over quota and all containers healthy. Removes everything. The last line is `N passed,
# N failed`.
#
#   docker/compose-test.sh                   build the image from the sources
#   docker/compose-test.sh --binary FILE     build the image with this program
#   docker/compose-test.sh --opensearch      use OpenSearch instead of Elasticsearch, with the override file
#   docker/compose-test.sh --public          use public images instead of stand-ins (docker/standins.sh)
#   docker/compose-test.sh --dev             test `ua dev` only
#
# Without a container engine it fails if CI is set; otherwise it prints the reason and exits with 0.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SERVICES=$ROOT/docker/services
export UA_CACHE=${UA_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ua}
DATES=20
# The last date. A meeting of yesterday may end during the test, so that only some responses would contain it.
LAST=$(date -u -d '2 days ago' +%F)
# Timeout of a step in seconds, generous for slow machines.
PATIENCE=300

for part in process debian engine; do
  # shellcheck source=/dev/null
  . "$SERVICES/$part.sh"
done

passed=0 failed=0 work="" own_engine=false project="ua-test-$$" binary="" public=false opensearch=false dev=false run="" runs=() mark=0

main() {
  while [ $# -gt 0 ]; do
    case $1 in
      --binary) binary=$(realpath "${2:?--binary takes a file}"); shift 2 ;;
      --public) public=true; shift ;;
      --opensearch) opensearch=true; shift ;;
      --dev) dev=true; shift ;;
      *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
  done
  cd "$ROOT"
  work=$(mktemp -d "${TMPDIR:-/tmp}/ua-compose.XXXXXX")
  engine
  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  step "stand-ins" images
  step "image" image
  step "the image by itself" alone
  step "files" files
  if $dev; then
    step "ua dev" developed
    return
  fi
  step "stack of 4 zoom, 2 index" stack_up
  step "ports are published on 127.0.0.1 only" ports
  step "plan of $DATES dates" plan
  # Opencast is first because its run is shorter.
  step "the opencast container killed" killed_amid opencast
  step "zoom 4 -> 8" scale 8
  step "zoom 8 -> 1" scale 1
  step "zoom 1 -> 4" scale 4
  step "a zoom container killed" killed zoom
  step "an index container killed" killed index
  step "the schedule container killed" killed schedule
  step "the console container killed" killed console
  step "RabbitMQ restarted" restarted
  step "the guide's commands" guide
  step "the backfill ends complete" complete
  step "index equals truth, 0 over quota" truth
  step "everything healthy" healthy
  step "dashboard and alerts on Prometheus" observed
}

# A missing engine is a failure only if CI is set.
engine() {
  local status=0
  ! docker info >/dev/null 2>&1 || { engine_up; return 0; }
  # An engine that another call has started is not stopped.
  DOCKER_HOST=unix://$UA_CACHE/docker/engine.sock docker info >/dev/null 2>&1 || own_engine=true
  (engine_up) || status=$?
  if [ "$status" != 0 ]; then
    rm -rf "$work"
    [ -n "${CI-}" ] || { echo "left out: no container engine"; echo "0 passed, 0 failed"; exit 0; }
    echo "0 passed, 1 failed"
    exit 1
  fi
  engine_up
}

images() {
  local others=()
  ! $opensearch || others=(--opensearch)
  if $public; then
    echo "public images"
    : >"$work/images"
  else
    docker/standins.sh ${binary:+--without-rust} "${others[@]}" >"$work/images"
    sed 's/=/ is /' "$work/images"
  fi
}

image() {
  local arguments=() context=$ROOT base size
  # shellcheck disable=SC1091
  . "$work/images"
  arguments=(--build-arg "RUST_IMAGE=${IMAGE_RUST:-rust:1.95-bookworm}" --build-arg "BASE_IMAGE=${IMAGE_BASE:-debian:bookworm-slim}"
    --build-arg FEATURES=demo)
  if [ -n "$binary" ]; then
    context=$work/context
    mkdir -p "$context"
    cp "$binary" "$context/ua"
    cp /etc/ssl/certs/ca-certificates.crt "$context/"
    arguments+=(--build-arg BUILD=prebuilt)
  fi
  docker build --progress plain -f docker/Dockerfile -t "$project" "${arguments[@]}" "$context" >"$work/build.log" 2>&1 ||
    { tail -n 30 "$work/build.log"; return 1; }
  base=$(docker image inspect -f '{{.Size}}' "${IMAGE_BASE:-debian:bookworm-slim}")
  size=$(docker image inspect -f '{{.Size}}' "$project")
  echo "image: $(((size - base) / 1000000)) MB over its base of $((base / 1000000)) MB"
  # The limit of 60 MB is for release builds only; --binary may be a debug build.
  [ -n "$binary" ] || [ $((size - base)) -le 60000000 ]
}

# Tests the image without Compose.
alone() {
  local about container begin=$SECONDS health
  about=$(docker image inspect -f '{{.Config.User}} {{json .Config.Entrypoint}} {{index .Config.Labels "org.opencontainers.image.title"}} {{index .Config.Labels "org.opencontainers.image.version"}}' "$project")
  echo "user, entry point, labels: $about"
  [[ $about =~ ^[1-9][0-9]*:[1-9][0-9]*\ \[\"ua\"\]\ ua\ [0-9.]+$ ]]
  # Without servers it uses the file in its volume; the rest of its file system is read-only.
  container=$(docker run -d --read-only --cap-drop ALL -v /data "$project" work index)
  until health=$(docker inspect -f '{{.State.Status}} {{.State.Health.Status}}' "$container") && [ "$health" = "running healthy" ]; do
    [ $((SECONDS - begin)) -lt 60 ] || { echo "$health"; docker logs --tail 5 "$container"; docker rm -fv "$container" >/dev/null; return 1; }
    sleep 0.5
  done
  begin=$SECONDS
  docker stop --time 30 "$container" >/dev/null
  health=$(docker inspect -f '{{.State.ExitCode}}' "$container")
  docker rm -v "$container" >/dev/null
  echo "healthy by its own check; told to stop it ended with $health after $((SECONDS - begin)) s"
  [ "$health" = 0 ] && [ $((SECONDS - begin)) -lt 30 ]
}

# Writes the .env of a user, with free ports and the simulators' addresses.
files() {
  local name
  mkdir -p "$work/ports"
  choose_ports "$work/ports" RABBITMQ MANAGEMENT ELASTICSEARCH PROMETHEUS SIMULATOR LECTURES KIBANA GRAFANA CONSOLE
  {
    cat "$work/images"
    sed 's/^/PORT_/' "$work/ports/ports"
    cat <<ENV
IMAGE_UA=$project
ENV_FILE=$work/env
RABBITMQ_PASSWORD=$(tr -dc a-z0-9 </dev/urandom | head -c 16 || true)
ZOOM_ACCOUNT_ID=simulated-account
ZOOM_CLIENT_ID=simulated-client
ZOOM_CLIENT_SECRET=simulated-secret
ZOOM_API_URL=http://simulator:8765/v2
ZOOM_OAUTH_URL=http://simulator:8765/oauth/token
ZOOM_QUOTA_SPEED=2
OPENCAST_ENGAGE_URL=http://simulator:8766
OPENCAST_ADMIN_URL=http://simulator:8766
OPENCAST_USER=simulated_system_account
OPENCAST_PASSWORD=simulated-password
OPENCAST_CALLS_PER_SECOND=2
UA_SCHEDULE='30 $(date -u -d '6 hours' +%-H) * * *'
UA_SCHEDULE_TZ=Europe/Zurich
ENV
  } >"$work/env"
  compose config --quiet
}

plain() { # the arguments of `docker compose` in docker/README.md
  local files=(-f docker/docker-compose.yml -f docker/docker-compose.test.yml)
  ! $opensearch || files+=(-f docker/docker-compose.opensearch.yml)
  docker compose -p "$project" --env-file "$work/env" "${files[@]}" "$@"
}

compose() {
  plain --profile deps --profile workers --profile observe --profile test "$@"
}

stack_up() {
  local begin=$SECONDS
  compose up -d --no-build --wait --wait-timeout "$PATIENCE" --scale zoom=4 --scale index=2 \
    rabbitmq elasticsearch simulator schedule zoom opencast index console prometheus >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; return 1; }
  echo "up in $((SECONDS - begin)) s: $(count zoom) zoom, $(count index) index, $(count schedule) schedule"
  [ "$(count zoom) $(count index) $(count schedule)" = "4 2 1" ]
}

count() { # SERVICE
  compose ps -q --status running "$1" | wc -l
}

ports() {
  local published
  published=$(compose ps -q | xargs docker inspect -f '{{range .NetworkSettings.Ports}}{{range .}}{{println .HostIp}}{{end}}{{end}}' | grep . | sort -u)
  echo "published on: $published"
  [ "$published" = 127.0.0.1 ]
}

dates() {
  local day
  for ((day = DATES - 1; day >= 0; day--)); do date -u -d "$LAST $day days ago" +%F; done
}

# Runs the commands of one part of the guide in docker/README.md, with this test's dates and run.
guided() { # PART
  local line from to said=0
  read -r from < <(dates)
  to=$LAST
  while read -r line; do
    line=${line//2026-01-01/$from}
    line=${line//2026-01-20/$to}
    line=${line//RUN/$run}
    echo "\$ docker compose $line"
    eval "plain $line" </dev/null
    said=$((said + 1))
    [[ $line != *" pause "* ]] || paused
  done < <(sed -n "/<!-- guide: $1 -->/,/<!-- guide: end -->/s/^docker compose \([^#]*\).*/\1/p" docker/README.md)
  [ "$said" -gt 0 ]
}

# Checks that each class of calls of both sources is paused, as the guide has just requested.
paused() {
  compose exec -T index ua quota --json </dev/null | python3 -c '
import json, sys
limits = [(news["source"], limit["name"], bool(limit.get("pause"))) for news in map(json.loads, sys.stdin) for limit in news["meters"]]
print("paused:", *(f"{source} {name}" for source, name, pause in limits if pause))
sys.exit(0 if {"zoom", "opencast"} == {source for source, _, _ in limits} and all(pause for _, _, pause in limits) else 1)'
}

# Slows lists down so that the backfill outlasts the following steps. The share is large enough that eight workers, each
# with this quota, would exceed the account's.
plan() {
  plain run --rm ua quota set resource-intensive=25% </dev/null
  guided start
  # One run per source; the guide's run is Zoom's.
  mapfile -t runs < <(compose exec -T index ua runs --json --limit 2 | python3 -c 'import json, sys; print(*sorted(json.loads(line)["run"] for line in sys.stdin), sep="\n")')
  run=${runs[0]}
  echo "runs ${runs[*]}"
}

# Prints the ended, all and given-up jobs of these runs; default: all runs.
progress() { # RUN...
  [ $# -gt 0 ] || set -- "${runs[@]}"
  compose exec -T index ua runs --json --limit 10 2>/dev/null | python3 -c '
import json, sys
runs = [run for run in map(json.loads, sys.stdin) if run["run"] in sys.argv[1:]]
if len(runs) != len(sys.argv) - 1:
    sys.exit(1)
given_up = sum(run["incomplete"] + run["dead"] + run["cancelled"] for run in runs)
ended = given_up + sum(run["complete"] for run in runs)
print(ended, ended + sum(run["waiting"] for run in runs), given_up)' "$@"
}

# Waits until a source's run has ended some of its jobs; fails if it has ended all.
amid() { # SOURCE
  local begin=$SECONDS ended=0 all=1 run
  for run in "${runs[@]}"; do [[ $run != *-"$1" ]] || break; done
  while [ "$ended" = 0 ]; do
    read -r ended all _ <<<"$(progress "$run" || echo "0 1 0")"
    [ $((SECONDS - begin)) -lt "$PATIENCE" ] || { echo "none of its jobs was done after $PATIENCE s"; return 1; }
    sleep 0.5
  done
  echo "at $ended of $all jobs of $run"
  [[ $run = *-"$1" ]] && [ "$ended" -lt "$all" ]
}

killed_amid() { # SERVICE, named like its source
  amid "$1"
  killed "$1"
}

# Waits until more jobs are done than at the previous step. A step after the end of the run would test nothing.
reached() {
  local begin=$SECONDS ended=0 all=1
  while [ "$ended" -le "$mark" ]; do
    read -r ended all _ <<<"$(progress || echo "$ended $all 0")"
    [ $((SECONDS - begin)) -lt "$PATIENCE" ] || { echo "still at $ended jobs after $PATIENCE s"; return 1; }
    sleep 1
  done
  [ "$ended" -lt "$all" ] || { echo "all $ended jobs were done before this step"; return 1; }
  mark=$ended
  echo "at $ended jobs"
}

scale() { # NUMBER
  local begin=$SECONDS
  reached
  plain --profile workers up -d --no-build --scale "zoom=$1" --scale index=2 >"$work/scale.log" 2>&1 || { tail -n 20 "$work/scale.log"; return 1; }
  until [ "$(compose ps --format '{{.Health}}' zoom | grep -cx healthy)" = "$1" ]; do
    [ $((SECONDS - begin)) -lt "$PATIENCE" ] || { echo "$(count zoom) zoom"; return 1; }
    sleep 1
  done
  echo "$(count zoom) zoom"
}

# Kills the container's process with SIGKILL from outside; the restart policy must restart it.
killed() { # SERVICE
  local container pid begin=$SECONDS before now
  reached
  read -r container < <(compose ps -q "$1")
  before=$(docker inspect -f '{{.State.StartedAt}}' "$container")
  pid=$(docker inspect -f '{{.State.Pid}}' "$container")
  # The process is visible if the engine runs on this machine.
  if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q '^ua '; then
    kill -KILL "$pid"
  else
    # The engine runs on another machine. `docker kill` counts as a manual stop, so the restart policy does not apply.
    docker kill "$container" >/dev/null
    docker start "$container" >/dev/null
  fi
  until now=$(docker inspect -f '{{.State.StartedAt}} {{.State.Health.Status}}' "$container") && [ "${now% *}" != "$before" ] && [ "${now##* }" = healthy ]; do
    [ $((SECONDS - begin)) -lt "$PATIENCE" ] || { echo "it did not come back: $now"; return 1; }
    sleep 0.5
  done
  echo "healthy again"
}

restarted() {
  local begin=$SECONDS
  reached
  compose restart rabbitmq >/dev/null 2>&1
  until [ "$(compose ps --format '{{.Health}}' rabbitmq)" = healthy ]; do
    [ $((SECONDS - begin)) -lt "$PATIENCE" ] || { echo "it did not come back"; return 1; }
    sleep 1
  done
  echo "healthy again"
}

guide() {
  guided watch
  plain run --rm ua check
}

# True when no job waits and none is in progress.
idle() {
  compose exec -T index ua status >"$work/status" 2>/dev/null || true
  grep -q '^nothing to do: no job waits' "$work/status"
}

complete() {
  local begin=$SECONDS ended=0 all=1 given_up=0
  plain run --rm ua quota set resource-intensive=default </dev/null
  # A list's receipt may be visible before those of its jobs. A list that was in progress when RabbitMQ restarted is
  # fetched again, and plans its jobs again.
  until [ "$ended" = "$all" ] && [ "$all" -ge $((DATES * 62)) ] && idle; do
    read -r ended all given_up <<<"$(progress || echo "$ended $all $given_up")"
    # The fourth attempt of a job comes 2 minutes after the third.
    [ $((SECONDS - begin)) -lt $((PATIENCE * 2)) ] || { echo "$ended of $all jobs after $((PATIENCE * 2)) s"; compose exec -T index ua status || true; return 1; }
    sleep 1
  done
  echo "$ended of $all jobs, $given_up given up"
  [ "$ended" = "$all" ] && [ "$given_up" = 0 ]
  guided after >"$work/after" || { cat "$work/after"; return 1; }
  cat "$work/after"
  grep -q "covered already" "$work/after"
}

truth() {
  local list
  mapfile -t list < <(dates)
  python3 docker/compose_truth.py "http://127.0.0.1:$(port_of "$work/ports" ELASTICSEARCH)" \
    "http://127.0.0.1:$(port_of "$work/ports" SIMULATOR)" "http://127.0.0.1:$(port_of "$work/ports" LECTURES)" "${list[@]}"
}

healthy() {
  local begin=$SECONDS ill
  while :; do
    ill=$(compose ps -a --format '{{.Service}} {{.State}} {{.Health}}' | grep -vE '^setup exited *$|running healthy$' || true)
    [ -n "$ill" ] || break
    [ $((SECONDS - begin)) -lt 60 ] || { echo "$ill"; return 1; }
    sleep 1
  done
  echo "$(compose ps -q | wc -l) containers: $(count zoom) zoom, $(count index) index"
  [ "$(count zoom) $(count index) $(count schedule)" = "4 2 1" ]
}

observed() {
  local begin=$SECONDS
  until python3 docker/prometheus/ask.py "http://127.0.0.1:$(port_of "$work/ports" PROMETHEUS)" docker/grafana/dashboards/ua.json 8 >"$work/observed"; do
    # Prometheus scrapes every 15 s.
    [ $((SECONDS - begin)) -lt 40 ] || { cat "$work/observed"; return 1; }
    sleep 2
  done
  cat "$work/observed"
}

# Tests `ua dev` with this test's ports and images. Existing `ua dev` servers belong to the user: the test fails.
developed() {
  local program=$binary container status=0
  [ -z "$(dev_left)" ] || { echo "servers of \`ua dev\` are on this machine: not touched"; return 1; }
  if [ -z "$program" ]; then
    program=$work/ua
    container=$(docker create "$project")
    docker cp "$container:/usr/local/bin/ua" "$program"
    docker rm "$container" >/dev/null
  fi
  mkdir "$work/dev"
  cd "$work/dev"
  set -a
  # shellcheck disable=SC1091
  . "$work/images"
  eval "$(sed 's/^/PORT_/' "$work/ports/ports")"
  set +a
  echo "$program" >"$work/developed"
  "$program" dev up >exported
  dev_project=$(sed -n 's/^COMPOSE_PROJECT_NAME=//p' ua-dev/.env)
  sed "s/:[^:@]*@/:...@/" exported
  # A second `up` changes nothing and keeps the password.
  "$program" dev up >again 2>again.log || { cat again.log; return 1; }
  cmp exported again
  (eval "$(grep ^export exported)" && "$program" status)
  [ "$(docker ps -q --filter label=com.docker.compose.project="$dev_project" | xargs docker inspect -f '{{range .NetworkSettings.Ports}}{{range .}}{{println .HostIp}}{{end}}{{end}}' | grep . | sort -u)" = 127.0.0.1 ]
  "$program" dev logs rabbitmq >log
  grep -q rabbitmq log
  "$program" dev down
  # Servers of another folder have their own data and password.
  "$program" dev --folder other up >/dev/null 2>other.log || { cat other.log; return 1; }
  "$program" dev --folder other down --volumes --yes
  [ "$(docker volume ls -q --filter label=com.docker.compose.project="$dev_project" | wc -l)" = 2 ]
  "$program" dev down --volumes </dev/null || status=$?
  [ "$status" = 2 ]
  "$program" dev down --volumes --yes
  [ -z "$(dev_left)" ]
  rm "$work/developed"
  cd "$ROOT"
}

dev_left() {
  docker ps -a --format '{{.Label "com.docker.compose.project"}}' | grep '^ua-dev-' || true
  docker volume ls --format '{{.Label "com.docker.compose.project"}}' | grep '^ua-dev-' || true
}

step() { # NAME COMMAND...
  local name=$1 begin=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  # Not called in a condition, so that `set -e` applies inside. The script ends at the first failed step.
  failing=$name
  "$@"
  failing=""
  passed=$((passed + 1))
  echo "ok: $name ($((SECONDS - begin)) s)"
}

finish() {
  local status=$? left
  set +e
  trap '' INT TERM HUP
  [ "$status" = 0 ] || failed=$((failed + 1))
  [ -z "${failing-}" ] || echo "FAILED: $failing"
  [ ! -f "$work/developed" ] || (cd "$work/dev" && "$(cat "$work/developed")" dev down --volumes --yes >/dev/null 2>&1)
  cd "$ROOT" || exit 1
  if [ -f "$work/env" ]; then
    [ "$status" = 0 ] || compose logs --no-color --tail 15 zoom opencast index schedule console setup 2>/dev/null | cut -c 1-300 | tail -n 60
    plain --profile "*" down --volumes --remove-orphans --timeout 40 >/dev/null 2>&1
    left=$(docker ps -aq --filter "label=com.docker.compose.project=$project"; docker volume ls -q --filter "label=com.docker.compose.project=$project"; docker network ls -q --filter "label=com.docker.compose.project=$project")
    if [ -z "$left" ]; then echo "taken down"; else echo "FAILED: left behind: $left"; failed=$((failed + 1)); fi
  fi
  docker image rm "$project" >/dev/null 2>&1
  if $own_engine; then
    if [ -z "$(docker ps -q)" ]; then engine_down; else echo "the engine goes on: others use it"; fi
  fi
  rm -rf "$work"
  printf '\n== in all (%s s)\n' "$SECONDS"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] || exit 1
}

main "$@"
