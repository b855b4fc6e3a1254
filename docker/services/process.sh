# shellcheck shell=bash
# The process of one server: ports, start in the background, stop. The server's home folder holds
# `ports`, `pid` and `output.log`. Independent of the kind of server.

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

fail_with_log() { # FILE MESSAGE
  tail -n 20 "$1" | sed 's/^/  | /' >&2
  fail "$2; the whole log is $1"
}

# choose_ports HOME NAME...: assigns a free port to each name, for the lifetime of the folder.
choose_ports() {
  local home=$1 name
  shift
  [ ! -s "$home/ports" ] || return 0
  (
    exec 9>"$home/../.ports.lock"
    flock 9
    for name in "$@"; do
      echo "$name=$(free_port "$home"/../*/ports "$home/ports.part")" >>"$home/ports.part"
    done
    mv "$home/ports.part" "$home/ports"
  )
}

# Prints a port without listener that no file of this run names. It is below the ephemeral range, so
# that no outgoing connection can hold it when the server restarts; and below 9300, because the
# starter class of the jars accepts none above.
free_port() {
  local port
  while :; do
    port=$((3000 + RANDOM % 6300))
    ! cat "$@" 2>/dev/null | grep -q "=$port\$" || continue
    [ -n "$(ss -Hltn "sport = :$port")" ] || break
  done
  echo "$port"
}

port_of() { # HOME NAME
  sed -n "s/^$2=//p" "$1/ports"
}

# launch HOME COMMAND...: starts it in its own session, without streams or descriptors of the caller.
launch() {
  local home=$1 i
  shift
  rm -f "$home/pid"
  (
    close_descriptors
    exec setsid "$@" </dev/null >>"$home/output.log" 2>&1
  ) &
  for ((i = 0; i < 100; i++)); do
    [ ! -s "$home/pid" ] || return 0
    sleep 0.05
  done
  fail "the process of $home did not start"
}

close_descriptors() {
  local descriptor
  for descriptor in "/proc/$BASHPID/fd"/*; do
    descriptor=${descriptor##*/}
    [ "$descriptor" -le 2 ] || eval "exec $descriptor>&-" 2>/dev/null || true
  done
}

# The launched process calls this first. The start time is included because the kernel reuses pids.
write_pid() { # HOME
  echo "$$ $(start_time $$)" >"$1/pid.part"
  mv "$1/pid.part" "$1/pid"
}

start_time() {
  local line
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return
  # The command's name may contain spaces; the fields after the last bracket do not.
  read -ra line <<<"${line##*) }"
  [ "${line[0]}" != Z ] && echo "${line[19]}"
}

alive() { # HOME
  local pid started
  { read -r pid started <"$1/pid"; } 2>/dev/null && [ "$(start_time "$pid")" = "$started" ]
}

# stop HOME SECONDS: sends SIGTERM, waits, then kills the rest of the session with SIGKILL.
stop() {
  local home=$1 pid i
  [ -s "$home/pid" ] || return 0
  read -r pid _ <"$home/pid"
  if alive "$home"; then
    kill -TERM "$pid" 2>/dev/null || true
    for ((i = 0; i < $2 * 10; i++)); do
      alive "$home" || break
      sleep 0.1
    done
  fi
  crash "$home"
}

# signal_all HOME SIGNAL: signals every process of HOME's session.
signal_all() {
  local pid
  alive "$1" || fail "$1 does not run"
  read -r pid _ <"$1/pid"
  # shellcheck disable=SC2046
  kill "-$2" $(ps -o pid= --sid "$pid")
}

# crash HOME: kills all processes of HOME's session at once, like a power cut.
crash() {
  local home=$1 pid members i
  [ -s "$home/pid" ] || return 0
  read -r pid _ <"$home/pid"
  # Another process has the pid now, so the session has ended.
  if ! alive "$home" && [ -n "$(start_time "$pid")" ]; then
    rm -f "$home/pid"
    return
  fi
  for ((i = 0; i < 100; i++)); do
    # `ps` exits with an error when it finds no process.
    members=$({ ps -o pid=,stat= --sid "$pid" || true; } | awk '$2 !~ /^Z/ { print $1 }')
    [ -n "$members" ] || break
    # shellcheck disable=SC2086
    kill -KILL $members 2>/dev/null || true
    sleep 0.05
  done
  rm -f "$home/pid"
}
