# shellcheck shell=bash
# Debian packages: installed on this machine, or in a Debian tree in the cache for a server of another
# release. Independent of the servers.

# ensure COMMAND PACKAGE: installs PACKAGE if COMMAND is missing.
ensure() {
  have "$1" || install_packages "$2" || return
  have "$1" || fail "package $2 is installed, but there is no command $1"
}

have() {
  command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]
}

# Installs packages without starting their services. One caller at a time.
install_packages() (
  command -v apt-get >/dev/null || fail "missing: $*; this machine has no apt-get, install it by hand"
  [ "$(id -u)" = 0 ] || fail "missing: $*; run 'apt-get install $*', or run this as root"
  mkdir -p "$UA_CACHE"
  exec 9>"$UA_CACHE/apt.lock"
  flock 9
  # Another caller may have installed it while this one waited.
  ! dpkg-query --show --showformat '${db:Status-Status}\n' "$@" 2>/dev/null | grep -c '^installed' | grep -qx $# || exit 0
  # Keeps an existing policy of the machine; removes its own afterwards.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    deny_service_starts /usr/sbin/policy-rc.d
  fi
  say "installing $*"
  log=$UA_CACHE/apt.log
  apt-get update -qq >"$log" 2>&1 9>&- || say "apt-get update did not succeed; trying with the lists at hand"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=600 "$@" >>"$log" 2>&1 9>&- || fail_with_log "$log" "apt-get could not install $*"
)

deny_service_starts() {
  printf '#!/bin/sh\nexit 101\n' >"$1"
  chmod 755 "$1"
}

debian_release() {
  # shellcheck source=/dev/null
  (. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-unknown}")
}

tree_of() { # SUITE PACKAGE
  echo "$UA_CACHE/trees/$1-$2"
}

# ensure_tree SUITE PACKAGE: makes a Debian tree with PACKAGE, once. The folder has its final name only when complete.
ensure_tree() (
  tree=$(tree_of "$1" "$2")
  [ ! -d "$tree" ] || exit 0
  [ "$(id -u)" = 0 ] || fail "$2 of Debian $1 lives in a tree of its own, and only root can make or enter one"
  ensure debootstrap debootstrap || exit
  mkdir -p "${tree%/*}"
  exec 9>"$tree.lock"
  flock 9
  [ -d "$tree" ] || make_tree "$1" "$2" "$tree"
)

make_tree() {
  local suite=$1 package=$2 tree=$3 part=$3.part log=$3.log
  say "making a Debian $suite tree with $package (about a minute, once)"
  rm -rf "$part"
  debootstrap --variant=minbase "$suite" "$part" >"$log" 2>&1 9>&- ||
    fail_with_log "$log" "debootstrap could not make a Debian $suite tree"
  deny_service_starts "$part/usr/sbin/policy-rc.d"
  (exec_in_tree "$part" "" /usr/bin/env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$package") >>"$log" 2>&1 9>&- ||
    fail_with_log "$log" "apt-get could not install $package in the Debian $suite tree"
  rm -f "$part"/var/cache/apt/archives/*.deb
  mv "$part" "$tree"
}

# exec_in_tree TREE FOLDER COMMAND...: executes COMMAND in the tree, with FOLDER of this machine at
# /mnt. The mounts are in a namespace and end with it, so nothing must be unmounted.
exec_in_tree() {
  # shellcheck disable=SC2016
  exec unshare --mount --propagation private bash -euc '
    tree=$1 folder=$2
    shift 2
    mount --rbind /dev "$tree/dev"
    mount -t proc proc "$tree/proc"
    [ -z "$folder" ] || mount --bind "$folder" "$tree/mnt"
    exec chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"' enter "$@"
}
