#!/usr/bin/env bash
# Builds the Debian package of `ua`: program, manual pages, completions and systemd units. Unpacks it into a temporary
# folder, checks its contents and prints its path.
#
#   docker/package.sh                    build the program as well
#   docker/package.sh --binary FILE      package this program
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export UA_CACHE=${UA_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ua}
CARGO_DEB=3.8.0

for part in process debian; do
  # shellcheck source=/dev/null
  . "$ROOT/docker/services/$part.sh"
done

main() {
  local binary="" package
  case ${1-} in
    "") ;;
    --binary) binary=$(realpath "${2:?--binary takes a file}") ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  cd "$ROOT"
  work=$(mktemp -d "${TMPDIR:-/tmp}/ua-package.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  export PATH="$UA_CACHE/tools/bin:$PATH"
  (ensure dpkg-shlibdeps dpkg-dev)
  cargo_deb
  if [ -n "$binary" ]; then
    # A separate target folder with only the program.
    export CARGO_TARGET_DIR=$work/target
    install -D "$binary" "$work/target/release/ua"
  else
    cargo build --release --locked --bin ua
  fi
  papers "${CARGO_TARGET_DIR:-target}/release/ua"
  package=$(cargo deb --no-build --no-strip --quiet --locked --output "$work/")
  look "$package"
  mkdir -p target/package
  mv "$package" target/package/
  echo "target/package/${package##*/}"
}

cargo_deb() {
  [[ $(cargo-deb --version 2>/dev/null) != *"$CARGO_DEB"* ]] || return 0
  say "building cargo-deb $CARGO_DEB (a few minutes, once)"
  env CARGO_TARGET_DIR="$work/tools" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    cargo install --locked --force --root "$UA_CACHE/tools" --version "$CARGO_DEB" cargo-deb >"$work/tool.log" 2>&1 ||
    fail_with_log "$work/tool.log" "cargo could not install cargo-deb $CARGO_DEB"
}

papers() { # PROGRAM
  rm -rf target/package
  mkdir -p target/package/man1
  "$1" man --to target/package/man1
  for shell in bash zsh fish; do "$1" completions "$shell" >"target/package/ua.$shell"; done
}

look() { # PACKAGE
  local file tree=$work/tree
  dpkg-deb --info "$1"
  dpkg-deb --extract "$1" "$tree"
  for file in usr/bin/ua etc/ua/ua.env usr/share/man/man1/ua-plan.1.gz usr/share/bash-completion/completions/ua \
    usr/lib/systemd/system/ua.service usr/lib/systemd/system/ua-zoom@.service usr/lib/systemd/system/ua-schedule.service; do
    [ -s "$tree/$file" ] || fail "the package lacks $file"
  done
  [ "$(stat -c %a "$tree/etc/ua/secrets.env")" = 600 ] || fail "others than root may read the package's secrets.env"
  "$tree/usr/bin/ua" --version
}

main "$@"
