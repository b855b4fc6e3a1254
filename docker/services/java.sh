# shellcheck shell=bash
# JDKs of this machine, and artifacts from Maven Central. Independent of the servers, except for their pom files.

MAVEN_DEPENDENCY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.6.1

# find_jdk LEAST MOST: prints the folder of the newest JDK between these major versions.
find_jdk() {
  local folder version best="" best_version=0
  for folder in /usr/lib/jvm/*/ "${JAVA_HOME:-/nonexistent}/"; do
    [ -x "$folder/bin/javac" ] || continue
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$folder/release" 2>/dev/null)
    if [ "${version:-0}" -ge "$1" ] && [ "$version" -le "$2" ] && [ "$version" -gt "$best_version" ]; then
      best=${folder%/}
      best_version=$version
    fi
  done
  [ -n "$best" ] && echo "$best"
}

ensure_jdk() { # LEAST MOST
  find_jdk "$1" "$2" >/dev/null && return
  (install_packages "openjdk-$1-jdk-headless") && find_jdk "$1" "$2" >/dev/null
}

artifacts_of() { # NAME
  local version
  version=$(sed -n 's:.*<version>\(.*\..*\)</version>.*:\1:p' "$SERVICES/$1/pom.xml")
  echo "$UA_CACHE/servers/$1-$version"
}

# maven_fetch NAME GOAL: copies or unpacks the dependencies of the server's pom, once. The folder has its
# final name only when complete. One Maven at a time, because its repository is not safe for more.
maven_fetch() (
  name=$1 goal=$2
  target=$(artifacts_of "$name")
  [ ! -d "$target" ] || exit 0
  ensure mvn maven || exit
  mkdir -p "${target%/*}"
  exec 9>"$UA_CACHE/maven.lock"
  flock 9
  [ ! -d "$target" ] || exit 0
  say "fetching $name from Maven Central"
  part=$target.part log=$target.log
  for attempt in 1 2 3; do
    rm -rf "$part"
    mvn -B -q -Dstyle.color=never "-Dmaven.repo.local=$UA_CACHE/maven" -f "$SERVICES/$name/pom.xml" \
      "$MAVEN_DEPENDENCY_PLUGIN:$goal" "-DoutputDirectory=$part" "-DmarkersDirectory=$part/.markers" \
      >"$log" 2>&1 </dev/null 9>&- && break
    [ "$attempt" != 3 ] || fail_with_log "$log" "Maven could not fetch $name"
  done
  mv "$part" "$target"
)

distribution_in() {
  ls -d "$1"/elasticsearch-*
}

# Compiles elasticsearch-9/RootPlugin.java into the unpacked distribution, again when the source has changed.
build_root_plugin() (
  source=$SERVICES/elasticsearch-9/RootPlugin.java
  distribution=$(distribution_in "$1")
  plugin=$distribution/plugins/root
  exec 9>"$1.lock"
  flock 9
  ! cmp -s "$source" "$plugin/RootPlugin.java" || exit 0
  java=$(find_jdk 21 99)
  part=$1.plugin log=$1.plugin.log
  rm -rf "$part" "$plugin"
  mkdir -p "$part/classes" "$part/plugin"
  "$java/bin/javac" -proc:none --release 21 -cp "$distribution/lib/*" -d "$part/classes" "$source" >"$log" 2>&1 ||
    fail_with_log "$log" "the plugin of Elasticsearch 9 does not compile"
  "$java/bin/jar" --create --file "$part/plugin/root.jar" -C "$part/classes" .
  cat >"$part/plugin/plugin-descriptor.properties" <<PROPERTIES
name=root
description=Adds GET / and ingest processors that the distribution lacks
version=1
classname=ua.services.RootPlugin
java.version=21
elasticsearch.version=${distribution##*elasticsearch-}
PROPERTIES
  cp "$source" "$part/plugin/"
  mv "$part/plugin" "$plugin"
  rm -rf "$part"
)
