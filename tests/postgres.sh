#!/usr/bin/env bash
# A private PostgreSQL for the tests on a free port; `start` prints its URL, `stop` ends it.
# The server refuses to run as root, so root starts it as the user `postgres` that the package made.
set -euo pipefail
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
folder=${TMPDIR:-/tmp}/liandong-test-postgres-$(id -u)

as_owner() {
  if [[ $EUID -eq 0 ]]; then (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups "$@"); else "$@"; fi
}

case ${1:-} in
  start)
    if ! as_owner "$bin/pg_ctl" -D "$folder/data" status >/dev/null 2>&1; then
      rm -rf "$folder"
      mkdir -p "$folder"
      [[ $EUID -ne 0 ]] || chown postgres "$folder"
      port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
      echo "$port" >"$folder/port"
      as_owner "$bin/initdb" -D "$folder/data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 >/dev/null
      as_owner "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" \
        -o "-p $port -k $folder -c listen_addresses=127.0.0.1 -c max_connections=300" start >/dev/null
    fi
    echo "postgres://postgres@127.0.0.1:$(cat "$folder/port")/postgres"
    ;;
  stop) as_owner "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null ;;
  *) echo "usage: $0 start|stop" >&2; exit 2 ;;
esac
