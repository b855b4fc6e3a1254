# shellcheck shell=bash
# RabbitMQ from Debian's packages: 3.10 from bookworm, 4.0 from trixie. The version of this machine's
# release is installed; the other runs in a Debian tree.

rabbitmq_suite() {
  case $1 in
    rabbitmq-4) echo trixie ;;
    *) echo bookworm ;;
  esac
}

rabbitmq_fetch() {
  local suite
  suite=$(rabbitmq_suite "$1")
  if [ "$suite" = "$(debian_release)" ]; then
    ensure rabbitmq-server rabbitmq-server
  else
    ensure_tree "$suite" rabbitmq-server
  fi
}

rabbitmq_ports() { echo amqp management dist epmd; }

# Executes the broker with its own data, cookie, name service and ports, separate from other nodes on the machine.
rabbitmq_run() {
  local name=$1 home=$2 suite seen=$2
  suite=$(rabbitmq_suite "$name")
  [ "$suite" = "$(debian_release)" ] || seen=/mnt
  mkdir -p "$home/mnesia" "$home/log"
  echo '[rabbitmq_management].' >"$home/enabled_plugins"
  cat >"$home/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$(port_of "$home" amqp)
management.tcp.ip = 127.0.0.1
management.tcp.port = $(port_of "$home" management)
CONF
  # A test may add settings, for example a memory limit that raises the alarm.
  [ ! -s "$home/more.conf" ] || cat "$home/more.conf" >>"$home/rabbitmq.conf"
  # shellcheck disable=SC2016
  local start='
    # epmd runs in this session, so that it ends with the broker.
    epmd & exec "$(ls -d /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server)"'
  local command=(/usr/bin/env "HOME=$seen" "ERL_EPMD_PORT=$(port_of "$home" epmd)" ERL_EPMD_ADDRESS=127.0.0.1
    "RABBITMQ_NODENAME=$name@localhost" "RABBITMQ_DIST_PORT=$(port_of "$home" dist)"
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}"
    "RABBITMQ_CONF_ENV_FILE=$seen/none" "RABBITMQ_PID_FILE=$seen/broker.pid"
    "RABBITMQ_MNESIA_BASE=$seen/mnesia" "RABBITMQ_LOG_BASE=$seen/log"
    "RABBITMQ_ENABLED_PLUGINS_FILE=$seen/enabled_plugins" "RABBITMQ_CONFIG_FILE=$seen/rabbitmq.conf"
    /bin/sh -c "$start")
  [ "$seen" = "$home" ] || exec_in_tree "$(tree_of "$suite" rabbitmq-server)" "$home" "${command[@]}"
  exec "${command[@]}"
}

rabbitmq_healthy() {
  local home=$2
  ask "http://guest:guest@127.0.0.1:$(port_of "$home" management)/api/health/checks/port-listener/$(port_of "$home" amqp)"
}

rabbitmq_version() {
  ask "http://guest:guest@127.0.0.1:$(port_of "$2" management)/api/overview" | sed -n 's/.*"rabbitmq_version":"\([^"]*\)".*/\1/p'
}

rabbitmq_env() {
  local name=$1 home=$2 variable
  case $name in
    rabbitmq-3) variable=UA_TEST_AMQP ;;
    rabbitmq-4) variable=UA_TEST_AMQP4 ;;
    rabbitmq-restart) variable=UA_TEST_AMQP_RESTART ;;
  esac
  echo "export ${variable}_URL='amqp://guest:guest@127.0.0.1:$(port_of "$home" amqp)/%2f'"
  echo "export ${variable}_MANAGEMENT_URL='http://guest:guest@127.0.0.1:$(port_of "$home" management)'"
}
