#!/usr/bin/env bash
# Provides a container engine for the tests if none runs: from Debian's packages, with Compose and Buildx. Needs root.
#
#   docker/engine.sh up        start it; print the variables to export
#   docker/engine.sh down      stop it; keep its data in the cache
set -euo pipefail

SERVICES=$(cd "$(dirname "${BASH_SOURCE[0]}")/services" && pwd)
UA_CACHE=${UA_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ua}
for part in process debian engine; do
  # shellcheck source=/dev/null
  . "$SERVICES/$part.sh"
done

case ${1-} in
  up)
    engine_up
    [ -z "${DOCKER_HOST-}" ] || echo "export DOCKER_HOST='$DOCKER_HOST'"
    [ -z "${DOCKER_CONFIG-}" ] || echo "export DOCKER_CONFIG='$DOCKER_CONFIG'"
    ;;
  down) engine_down ;;
  *) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
