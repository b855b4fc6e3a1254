# shellcheck shell=bash
# Elasticsearch and OpenSearch from Maven Central: jars with a small starter class. Elasticsearch 9 is
# Elastic's distribution, with a plugin for the parts it lacks.

search_java() {
  case $1 in
    elasticsearch-7 | opensearch-2) echo 17 17 ;;
    *) echo 21 99 ;;
  esac
}

search_fetch() {
  local name=$1 least most
  read -r least most <<<"$(search_java "$name")"
  ensure_jdk "$least" "$most" || fail "$name needs a JDK $(search_java_words "$name"), and so do the suites that run against it"
  case $name in
    elasticsearch-9)
      maven_fetch "$name" unpack-dependencies || return
      build_root_plugin "$(artifacts_of "$name")"
      ;;
    *) maven_fetch "$name" copy-dependencies ;;
  esac
}

search_java_words() {
  case $1 in
    elasticsearch-7 | opensearch-2) echo 17 ;;
    *) echo "21 or newer" ;;
  esac
}

search_ports() { echo http; }

search_run() {
  local name=$1 home=$2 heap=${UA_SERVICES_HEAP:-512m} java
  # shellcheck disable=SC2046
  java=$(find_jdk $(search_java "$name"))
  unset JAVA_HOME JAVA_OPTS JAVA_TOOL_OPTIONS ES_JAVA_OPTS CLASSPATH
  case $name in
    elasticsearch-7) run_jars "$name" "$home" elasticsearch-7 ;;
    opensearch-*) run_jars "$name" "$home" opensearch-2 ;;
    elasticsearch-9) run_distribution "$name" "$home" ;;
  esac
}

# A nearly full disk must not make indices read-only, and a node must not discover others.
search_settings() {
  cat <<YML
network.host: 127.0.0.1
transport.port: 0
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
YML
}

# run_jars NAME HOME FOLDER: executes the single node of FOLDER/Node.java, which adds 1 to the base port.
run_jars() {
  local name=$1 home=$2 starter=$SERVICES/$3/Node.java options=()
  mkdir -p "$home/node_1/config" "$home/tmp"
  search_settings >"$home/node_1/config/${name%-*}.yml"
  # Old versions need a security manager, OpenSearch 3 needs native access.
  case $name in
    *-3) options=(--enable-native-access=ALL-UNNAMED) ;;
    *) options=(-Djava.security.manager=allow) ;;
  esac
  exec "$java/bin/java" "-Xms$heap" "-Xmx$heap" "-Djava.io.tmpdir=$home/tmp" "${options[@]}" \
    --add-opens=java.base/{java.lang,java.nio,sun.nio.ch}=ALL-UNNAMED \
    -cp "$(artifacts_of "$name")/*" "$starter" \
    -basePath "$home" -clusterName "ua-$name" -numOfNode 1 -baseHttpPort "$(($(port_of "$home" http) - 1))"
}

run_distribution() {
  local name=$1 home=$2 distribution as=()
  distribution=$(distribution_in "$(artifacts_of "$name")")
  mkdir -p "$home/config/jvm.options.d" "$home/tmp"
  cp "$distribution/config/log4j2.properties" "$home/config/"
  # Without this, logs and dumps would go into the shared distribution.
  grep -vE 'Xlog:gc|HeapDump|ErrorFile' "$distribution/config/jvm.options" >"$home/config/jvm.options"
  printf '%s\n' "-Xms$heap" "-Xmx$heap" >"$home/config/jvm.options.d/heap.options"
  {
    search_settings
    cat <<YML
cluster.name: ua-$name
node.name: ua-$name
path.data: $home/data
path.logs: $home/logs
http.port: $(port_of "$home" http)
xpack.security.enabled: false
YML
  } >"$home/config/elasticsearch.yml"
  # Elasticsearch refuses to run as root. A user namespace maps it to another id; its files still belong to root.
  [ "$(id -u)" != 0 ] || as=(unshare --user --map-user=1000 --map-group=1000)
  exec env "ES_JAVA_HOME=$java" "ES_PATH_CONF=$home/config" "ES_TMPDIR=$home/tmp" "HOME=$home" \
    "${as[@]}" bash "$distribution/bin/elasticsearch"
}

search_healthy() {
  ask "http://127.0.0.1:$(port_of "$2" http)/_cluster/health?wait_for_status=yellow&timeout=2s"
}

search_version() {
  ask "http://127.0.0.1:$(port_of "$2" http)/" | sed -n 's/.*"number" *: *"\([^"]*\)".*/\1/p'
}

search_env() {
  local name=$1 short
  short=${name/elasticsearch-/ES_}
  echo "export UA_TEST_${short/opensearch-/OS_}='http://127.0.0.1:$(port_of "$2" http)'"
}
