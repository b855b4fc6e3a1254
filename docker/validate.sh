#!/usr/bin/env bash
# Validates the deployment files with Compose, promtool, kustomize, the schemas of Kubernetes and KEDA, and systemd.
# Needs no engine and no cluster. The last line is `N passed, N failed`.
#
#   --install    only install missing tools
#   UA_CACHE     folder for downloads (default ~/.cache/ua)
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export UA_CACHE=${UA_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ua}
KUBERNETES_VALIDATE=1.37.0
# The oldest and the newest tested version.
KUBERNETES=(1.27.0 1.34.0)
KEDA=2.17.2
KUSTOMIZE=5.0.3

for part in process debian engine; do
  # shellcheck source=/dev/null
  . "$ROOT/docker/services/$part.sh"
done

passed=0 failed=0

main() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/ua-validate.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cd "$ROOT"
  (install_missing)
  [ "${1-}" != --install ] || return 0
  [ ! -d "$UA_CACHE/docker/config" ] || export DOCKER_CONFIG=$UA_CACHE/docker/config
  check "compose files" compose_files
  check "no worker of the composed stack may write or gain rights" composed_rights
  check "Prometheus' configuration" promtool check config docker/prometheus/prometheus.yml
  check "alert rules" promtool check rules docker/prometheus/alerts.yml
  check "alerts on and off" promtool test rules docker/prometheus/alerts_test.yml
  check "every alert has a test" alerts_tested
  check "every figure that is asked for is one that ua has" figures_known
  check "Grafana's files" grafana
  check "manifests" manifests
  check "units" units
  check "units are confined" units_confined
  check "variables of the examples" variables
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}

install_missing() {
  mkdir -p "$UA_CACHE/tools/bin"
  ensure python3 python3
  ensure promtool prometheus
  ensure systemd-analyze systemd
  # docker.io brings the client, which runs Compose; no engine is started.
  ensure docker docker.io
  compose_plugin
  ensure go golang-go
  python >/dev/null
  kustomize_tool
  keda_definitions >/dev/null
}

compose_plugin() {
  ! docker compose version >/dev/null 2>&1 || return 0
  export DOCKER_CONFIG=$UA_CACHE/docker/config
  compose_plugins "$DOCKER_CONFIG/cli-plugins"
}

# Prints the path of a Python that has kubernetes-validate.
python() {
  local home=$UA_CACHE/kubernetes-validate-$KUBERNETES_VALIDATE
  if [ ! -x "$home/bin/python" ]; then
    python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv
    rm -rf "$home.part"
    { python3 -m venv "$home.part" && "$home.part/bin/pip" install -q "kubernetes-validate==$KUBERNETES_VALIDATE"; } >"$work/pip.log" 2>&1 ||
      fail_with_log "$work/pip.log" "kubernetes-validate could not be installed"
    mv "$home.part" "$home"
  fi
  echo "$home/bin/python3"
}

kustomize_tool() {
  have kubectl || [ -x "$UA_CACHE/tools/bin/kustomize" ] ||
    GOBIN=$UA_CACHE/tools/bin go install "sigs.k8s.io/kustomize/kustomize/v5@v$KUSTOMIZE" >"$work/go.log" 2>&1 ||
    fail_with_log "$work/go.log" "kustomize could not be built"
}

render() { # FOLDER
  if have kubectl; then kubectl kustomize "$1"; else "$UA_CACHE/tools/bin/kustomize" build "$1"; fi
}

# Prints the folder of KEDA's resource definitions.
keda_definitions() {
  local folder
  folder=$(cd "$work" && go mod download -json "github.com/kedacore/keda/v2@v$KEDA" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  [ -d "$folder/config/crd/bases" ] || fail "KEDA's definitions could not be fetched"
  echo "$folder/config/crd/bases"
}

# Runs without this script's environment, which could set variables that a user lacks.
compose() {
  env -i PATH="$PATH" HOME="$HOME" ${DOCKER_CONFIG+"DOCKER_CONFIG=$DOCKER_CONFIG"} RABBITMQ_PASSWORD=x \
    docker compose --env-file /dev/null -f docker/docker-compose.yml "$@"
}

compose_files() {
  local profile
  for profile in deps workers observe tools '*'; do
    compose --profile "$profile" config --quiet || return
  done
  compose -f docker/docker-compose.opensearch.yml --profile deps config --quiet || return
  # In a folder with no other file, as `ua dev` uses it.
  cp docker/docker-compose.yml "$work/"
  (cd "$work" && RABBITMQ_PASSWORD=x docker compose --profile deps config --quiet) || return
  # A missing password is an error.
  ! env -u RABBITMQ_PASSWORD docker compose --env-file /dev/null -f docker/docker-compose.yml --profile deps config --quiet 2>"$work/refused" || return
  grep -q "RABBITMQ_PASSWORD.*example.env" "$work/refused"
}

composed_rights() {
  compose --profile '*' config --format json | python3 -c '
import json, sys
services = json.load(sys.stdin)["services"]
wrong = []
for name, service in services.items():
    for port in service.get("ports", []):
        if port.get("host_ip") != "127.0.0.1":
            wrong.append(f"{name}: port {port} is published beyond this machine")
    if "mem_limit" not in service or "no-new-privileges:true" not in service.get("security_opt", []):
        wrong.append(f"{name}: no memory limit, or it may gain rights")
    # Services that exit have no health check, disabled or absent; all others have one.
    if service.get("healthcheck", {}).get("disable", "test" not in service.get("healthcheck", {})) != (name in ("setup", "ua")):
        wrong.append(f"{name}: a service that stays has a health check, one that ends has none")
    if name in ("setup", "schedule", "zoom", "opencast", "index", "console", "ua"):
        if not service.get("read_only") or service.get("cap_drop") != ["ALL"]:
            wrong.append(f"{name}: may write or has capabilities")
print("\n".join(wrong))
sys.exit(1 if wrong or len(services) < 10 else 0)'
}

alerts_tested() {
  local alert untested=""
  while read -r alert; do
    # A firing alert has a summary in the test.
    grep -A 6 -E "alertname: $alert\$" docker/prometheus/alerts_test.yml | grep -q exp_annotations || untested+=" $alert"
  done < <(sed -n 's/^ *- alert: //p' docker/prometheus/alerts.yml)
  [ -z "$untested" ] || { echo "untested:$untested"; return 1; }
}

# Checks that every metric of alerts, dashboard and scaling exists in the sources; histograms have three suffixes.
figures_known() {
  local asked known unknown
  asked=$(grep -ohE '\b(ua_[a-z_]+|process_start_time_seconds)\b' docker/prometheus/alerts.yml docker/grafana/dashboards/ua.json docker/kubernetes/base/scaling.yaml | sort -u)
  known=$(grep -rhoE '"(ua_[a-z_]+|process_start_time_seconds)"' --include '*.rs' src/serving workers/*/src | tr -d '"' | sort -u)
  unknown=$(for name in $asked; do
    grep -qx "$name" <<<"$known" || grep -qx "$(sed -E 's/_(bucket|sum|count)$//' <<<"$name")" <<<"$known" || echo "$name"
  done)
  [ -z "$unknown" ] || { echo "unknown: $unknown"; return 1; }
  [ -n "$asked" ]
}

grafana() {
  "$(python)" - <<'PYTHON'
import json, yaml
source = yaml.safe_load(open("docker/grafana/provisioning/datasources/prometheus.yml"))["datasources"][0]
yaml.safe_load(open("docker/grafana/provisioning/dashboards/ua.yml"))
panels = json.load(open("docker/grafana/dashboards/ua.json"))["panels"]
ids = [panel["id"] for panel in panels]
assert len(ids) == len(set(ids)) > 20, "panels without an id of their own"
taken = set()
for panel in panels:
    place = panel["gridPos"]
    cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
    assert place["x"] + place["w"] <= 24 and not cells & taken, f"{panel['title']} lies over another"
    taken |= cells
    for target in panel.get("targets", []):
        assert target["datasource"]["uid"] == source["uid"], panel["title"]
        assert target["expr"], panel["title"]
PYTHON
}

manifests() {
  local version folder definitions
  definitions=$(keda_definitions)
  for folder in base example; do
    render "docker/kubernetes/$folder" >"$work/$folder.yaml" || return
    for version in "${KUBERNETES[@]}"; do
      "$(python)" docker/kubernetes/validate.py "$version" "$definitions" <"$work/$folder.yaml" || return
    done
  done
  # The validator must fail for each of these changes.
  local change
  for change in s/pollingInterval/polingInterval/ s/terminationGracePeriodSeconds/terminationGrace/ \
    's/terminationGracePeriodSeconds: 60/terminationGracePeriodSeconds: 50/' '/scaleTargetRef:/{n;s/ua-/ub-/}' \
    's/livenessProbe:/startupProbe:/' '/kind: PodDisruptionBudget/,/^---/s/component: zoom/component: zom/'; do
    ! sed "$change" "$work/base.yaml" | "$(python)" docker/kubernetes/validate.py "$version" "$definitions" >"$work/unseen" ||
      { echo "not seen: $change"; return 1; }
  done
}

# Prints a root folder with the units, the units they refer to, and an executable in place of the program.
unit_root() {
  local root=$work/root
  mkdir -p "$root/usr/bin" "$root/usr/lib/systemd/system"
  cp /bin/true "$root/usr/bin/ua"
  cp docker/systemd/*.service /usr/lib/systemd/system/*.target /usr/lib/systemd/system/*.slice "$root/usr/lib/systemd/system/"
  echo "$root"
}

UNITS=(ua.service ua-schedule.service ua-zoom@1.service ua-opencast@1.service ua-index@1.service ua-console.service)

units() {
  local said
  said=$(systemd-analyze verify --man=no --root="$(unit_root)" "${UNITS[@]}" 2>&1) || { echo "$said"; return 1; }
  # It exits with 0 despite warnings.
  [ -z "$said" ] || { echo "$said"; return 1; }
  # Units and containers must wait longer than the worker's own shutdown timeout.
  local grace
  grace=$(sed -n '/value_name = "DURATION", default_value = /s/.*default_value = "\([0-9]*\)s".*/\1/p' src/cli/work.rs)
  [ "$grace" -gt 0 ] && [ "$grace" -le 30 ] || return
  grep -L '^TimeoutStopSec=40$' docker/systemd/*.service | (! grep .)
  [ "$(grep -c '^  stop_grace_period: 40s$' docker/docker-compose.yml)" = 1 ]
}

units_confined() {
  local unit
  for unit in "${UNITS[@]}"; do
    # Exposure in tenths: 0 is fully confined, 100 is not confined.
    systemd-analyze security --offline=true --threshold=20 --root="$(unit_root)" "$unit" || return
  done
}

# Checks that ua or the compose file reads every variable of the examples.
variables() {
  local name unknown=""
  while read -r name; do
    grep -q "^#\{0,1\} \{0,1\}$name=" example.env || grep -qE "[{]${name}[:}]" docker/docker-compose.yml || unknown+=" $name"
  done < <(sed -n 's/^#\{0,1\} \{0,1\}\([A-Z_]*\)=.*/\1/p' docker/example.env docker/systemd/*.env docker/kubernetes/example/*.env)
  [ -z "$unknown" ] || { echo "nobody reads:$unknown"; return 1; }
}

check() { # NAME COMMAND...
  local name=$1 begin=$SECONDS
  shift
  # The call is a condition, so `set -e` is off inside: each function returns its own status.
  if "$@" >"$work/check.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok: $name ($((SECONDS - begin)) s)"
  else
    failed=$((failed + 1))
    cat "$work/check.log"
    echo "FAILED: $name"
  fi
}

main "$@"
