#!/usr/bin/env bash
# Runs all gates and tests, against real servers on private ports. The last line is `N passed, N failed`.
# Installs missing tools (Debian packages, two cargo tools, the servers' jars) and stops everything it started.
#
#   docker/test.sh             run everything
#   docker/test.sh --quick     run gates and tests without servers and without the demo
#   docker/test.sh --no-stack  skip the composed stack in containers, which takes six minutes
#
#   UA_CACHE                 folder for downloads and builds (default ~/.cache/ua)
#   UA_TEST_SECONDS          timeout of the tests in total (default 2100)
set -euo pipefail
# Each job has its own process group, so that Ctrl-C or a timeout ends all processes of a step.
set -m

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export UA_CACHE=${UA_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ua}
CARGO_DENY=0.20.2
CARGO_MACHETE=0.9.2
# Fixed seed of the short chaos run.
CHAOS_SEED=3
ADVISORIES=https://github.com/RustSec/advisory-db

quick=false stack=true passed=0 failed=0 failures=() not_run=()
work="" job="" servers=""

# shellcheck source=docker/services/process.sh
. "$ROOT/docker/services/process.sh"
# shellcheck source=docker/services/debian.sh
. "$ROOT/docker/services/debian.sh"

main() {
  case ${1-} in
    "") ;;
    --quick) quick=true ;;
    --no-stack) stack=false ;;
    *) say "usage: docker/test.sh [--quick|--no-stack]"; exit 2 ;;
  esac
  work=$(mktemp -d "${TMPDIR:-/tmp}/ua-test.XXXXXX")
  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  cd "$ROOT"
  set_environment
  install_missing
  $quick || start_servers
  gates
  $quick || await_servers
  tests
  $quick || check "snapshots that no test uses" unused_snapshots
  # Uses the tests' debug build: a release build takes longer than all gates together.
  $quick || check "demo" shown env UA_DATA_DIR="$work/data" timeout --foreground 300 "${CARGO_TARGET_DIR:-target}/debug/ua" demo
  $quick || deployment_files
  $quick || check "quota of a fleet" shown timeout --foreground 300 cargo test --workspace --locked --bench figures -- --bench quota-short
  check "fuzz targets, built" cargo build --workspace --locked --bins
  check "fuzz targets, 60 s" shown timeout --foreground 300 "${CARGO_TARGET_DIR:-target}/debug/fuzz" --seconds 60
  $quick || check "chaos, seed $CHAOS_SEED" shown timeout --foreground 1200 cargo test --workspace --locked --test chaos -- --seconds 60 --seed "$CHAOS_SEED"
  $quick || ! $stack || composed_stack
}

set_environment() {
  local name
  # Tests must not reach real accounts or servers.
  for name in "${!ZOOM_@}" "${!OPENCAST_@}" "${!ES_@}" "${!AMQP_@}" "${!UA_TEST_AMQP@}" "${!UA_TEST_ES@}" "${!UA_TEST_OS@}"; do
    unset "$name"
  done
  export CARGO_TERM_COLOR=never GIT_TERMINAL_PROMPT=0 PATH="$UA_CACHE/tools/bin:$PATH"
  [ -n "${UA_REFERENCE-}" ] || [ ! -d "$ROOT/../shared/reference" ] || UA_REFERENCE=$(cd "$ROOT/../shared/reference" && pwd)
  if [ -n "${UA_REFERENCE-}" ]; then
    export UA_REFERENCE
  else
    not_run+=("the comparison of the simulator's answers with the whole API description: UA_REFERENCE is not set; the extract kept here is compared")
  fi
  # With the dependencies of an earlier run, a fresh clone builds only its own crates.
  if [ -n "${CI-}" ]; then
    export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$UA_CACHE/target}"
  fi
}

install_missing() {
  heading "what is missing"
  mkdir -p "$UA_CACHE"
  have cargo || fail "no cargo; install Rust by https://rustup.rs, the toolchain then comes by itself"
  ensure cc build-essential
  ensure pkg-config pkg-config
  ensure git git
  ensure sqlite3 sqlite3
  ensure shellcheck shellcheck
  install_tool cargo-deny "$CARGO_DENY"
  install_tool cargo-machete "$CARGO_MACHETE"
  echo "nothing is missing"
}

install_tool() { # NAME VERSION
  [[ $("$1" --version 2>/dev/null) != *"$2" ]] || return 0
  echo "building $1 $2 (a few minutes, once)"
  # The tools run for seconds only, so optimisation does not pay off.
  run "$work/tool.log" env CARGO_TARGET_DIR="$work/tools" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo install --locked --force --root "$UA_CACHE/tools" --version "$2" "$1" ||
    fail_with_log "$work/tool.log" "cargo could not install $1 $2"
  rm -rf "$work/tools"
}

# Starts the servers while the gates compile.
start_servers() {
  timeout --foreground 900 bash docker/services/service.sh up "$work/servers" >"$work/servers.log" 2>&1 </dev/null &
  servers=$!
}

await_servers() {
  local status=0 begin=$SECONDS
  heading "servers"
  wait "$servers" || status=$?
  servers=""
  cat "$work/servers.log"
  verdict "servers" "$status" "$begin"
  # shellcheck source=/dev/null
  [ ! -f "$work/servers/env" ] || . "$work/servers/env"
  export UA_TEST_REQUIRE_SERVERS=1
}

gates() {
  local deny=(cargo-deny --locked --workspace --config .cargo/deny.toml check)
  check "shellcheck" shell_scripts
  check "format" cargo fmt --all --check
  check "unused dependencies" cargo-machete --skip-target-dir
  check "licences, duplicate versions, sources" "${deny[@]}" -D unmatched-skip -D unnecessary-skip licenses bans sources
  if timeout 30 git ls-remote --exit-code "$ADVISORIES" HEAD >/dev/null 2>"$work/reach.log"; then
    check "advisories" timeout --foreground 300 "${deny[@]}" advisories
  else
    heading "advisories"
    not_run+=("advisories: $ADVISORIES cannot be reached: $(tail -n 1 "$work/reach.log" | grep . || echo 'no answer within 30 s')")
    echo "NOT RUN ${not_run[-1]}"
  fi
  check "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
  check "the program without the simulator" cargo clippy --workspace --no-default-features --bin ua --locked -- -D warnings
  check "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
}

# Validates the deployment files with third-party tools. A missing tool fails if CI is set; otherwise it is reported.
deployment_files() {
  if run "$work/validate.log" timeout --foreground 400 bash docker/validate.sh --install; then
    check "deployment files" timeout --foreground 300 bash docker/validate.sh
  elif [ -n "${CI-}" ]; then
    heading "deployment files"
    tail -n 20 "$work/validate.log"
    verdict "deployment files" 1 "$SECONDS"
  else
    heading "deployment files"
    not_run+=("deployment files: a tool cannot be had: $(tail -n 1 "$work/validate.log")")
    echo "NOT RUN ${not_run[-1]}"
  fi
}

# Tests the program in containers. A missing engine fails if CI is set; otherwise it is reported.
composed_stack() {
  local begin=$SECONDS status=0
  heading "composed stack"
  run "$work/compose.log" shown timeout --foreground 1500 bash docker/compose-test.sh --binary "${CARGO_TARGET_DIR:-target}/debug/ua" || status=$?
  if [ "$status" = 0 ] && grep -q '^left out: ' "$work/compose.log"; then
    not_run+=("composed stack: $(sed -n 's/^left out: //p' "$work/compose.log")")
    echo "NOT RUN ${not_run[-1]}"
  else
    verdict "composed stack" "$status" "$begin"
  fi
}

# Fails on snapshots that no test has used; the tests have recorded the used ones.
unused_snapshots() {
  local unused
  unused=$(comm -23 <(find "$PWD" -name target -prune -o -name '*.snap' -print | sort) <(sort -u "$work/snapshots"))
  [ -z "$unused" ] || { echo "$unused"; return 1; }
}

shell_scripts() {
  find docker .ci -type f \( -name '*.sh' -o -path .ci/run \) -print0 | xargs -0 shellcheck -x
}

tests() {
  local begin=$SECONDS status=0 good bad ignored threads
  # Most tests wait for servers most of the time.
  threads=${RUST_TEST_THREADS:-$(($(nproc) * 2 + 2))}
  heading "tests"
  run "$work/tests.log" shown timeout --foreground "${UA_TEST_SECONDS:-2100}" \
    env RUST_TEST_THREADS="$threads" INSTA_SNAPSHOT_REFERENCES_FILE="$work/snapshots" \
    cargo test --workspace --locked --no-fail-fast || status=$?
  read -r good bad ignored <<<"$(count_tests "$work/tests.log")"
  passed=$((passed + good))
  failed=$((failed + bad))
  [ "$bad" = 0 ] || failures+=("$bad tests")
  # A test binary that did not build, crashed or hung has no result line.
  if [ "$bad" = 0 ] && { [ "$status" != 0 ] || [ "$good" = 0 ]; }; then
    failed=$((failed + 1))
    failures+=("cargo test (exit code $status$([ "$status" != 124 ] || echo ', out of time'))")
  fi
  [ "$ignored" = 0 ] || not_run+=("$ignored tests marked as ignored")
  echo "tests: $good passed, $bad failed, $ignored ignored ($((SECONDS - begin)) s)"
}

count_tests() { # FILE
  awk '/test result: / {
    for (i = 2; i <= NF; i++) {
      if ($i == "passed;") good += $(i - 1)
      if ($i == "failed;") bad += $(i - 1)
      if ($i == "ignored;") ignored += $(i - 1)
    }
  } END { print good + 0, bad + 0, ignored + 0 }' "$1"
}

heading() {
  printf '\n== %s\n' "$1"
}

# check NAME [shown] COMMAND...: runs one gate. Shows its output on failure, or live with `shown`.
check() {
  local name=$1 begin=$SECONDS status=0
  shift
  heading "$name"
  run "$work/check.log" "$@" || status=$?
  [ "$status" = 0 ] || [ "$1" = shown ] || cat "$work/check.log"
  verdict "$name" "$status" "$begin"
}

verdict() { # NAME STATUS BEGIN
  if [ "$2" = 0 ]; then
    passed=$((passed + 1))
    echo "ok: $1 ($((SECONDS - $3)) s)"
  else
    failed=$((failed + 1))
    failures+=("$1")
    echo "FAILED: $1 (exit code $2, $((SECONDS - $3)) s)"
  fi
}

# run LOG [shown] COMMAND...: runs a job that a signal to this script interrupts; ends all its processes.
run() {
  local log=$1 status=0
  shift
  if [ "$1" = shown ]; then
    shift
    { "$@" 2>&1 </dev/null | tee "$log"; } &
  else
    "$@" >"$log" 2>&1 </dev/null &
  fi
  job=$!
  wait "$job" || status=$?
  end_job "$job"
  job=""
  return "$status"
}

# Ends a process group. Waits up to 2 minutes: removing a composed stack takes more than one.
end_job() { # its leader
  local i
  kill -TERM -- "-$1" 2>/dev/null || return 0
  for ((i = 0; i < 1200; i++)); do
    sleep 0.1
    kill -0 -- "-$1" 2>/dev/null || return 0
  done
  kill -KILL -- "-$1" 2>/dev/null || true
}

# Runs at every exit: stops everything, deletes the temporary folder, prints the count on the last line.
finish() {
  local status=$? line
  set +e
  trap '' INT TERM HUP
  [ -z "$job" ] || end_job "$job"
  [ -z "$servers" ] || end_job "$servers"
  [ ! -d "$work/servers" ] || bash docker/services/service.sh down "$work/servers" >/dev/null
  rm -rf "$work"
  if [ "$status" != 0 ]; then
    failed=$((failed + 1))
    failures+=("docker/test.sh itself (exit code $status)")
  fi
  heading "in all ($SECONDS s)"
  for line in "${not_run[@]}"; do echo "not run: $line"; done
  for line in "${failures[@]}"; do echo "failed: $line"; done
  [ "$failed" = 0 ] || [ "$status" != 0 ] || status=1
  echo "$passed passed, $failed failed"
  exit "$status"
}

main "$@"
