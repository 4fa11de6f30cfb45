#!/usr/bin/env bash
# 备份联动的数据：backup.sh 目标目录 [配置文件]
# SQLite: a consistent copy while the hub runs. PostgreSQL: pg_dump (needs LIANDONG_STORE__URL in the environment).
# The site's key is not copied: it must be kept apart from the backup (docs/operators.md, site.key).
set -euo pipefail
umask 077
target=${1:?用法：backup.sh 目标目录 [配置文件]}
config=${2:-/etc/liandong/liandong.toml}
keep_days=${KEEP_DAYS:-30}
liandong=${LIANDONG:-liandong}

value() { "$liandong" config --config "$config" | sed -n "s|^$1 = \"\(.*\)\"  # .*|\1|p"; }
data=$(value hub.data)
stamp=$(date +%Y%m%dT%H%M%S)
mkdir -p "$target"

if [[ ${LIANDONG_STORE__URL:-} == postgres* ]]; then
  pg_dump --format=custom --file="$target/hub-$stamp.dump.part" "$LIANDONG_STORE__URL"
  mv "$target/hub-$stamp.dump.part" "$target/hub-$stamp.dump"
  made="$target/hub-$stamp.dump"
else
  "$liandong" db backup --config "$config" "$target/hub-$stamp.db.part"
  # A backup that was never opened is no backup: walk its hash chain. Opening needs a folder with some site key of its own.
  check=$(mktemp -d)
  trap 'rm -rf "$check"' EXIT
  cp "$target/hub-$stamp.db.part" "$check/hub.db"
  LIANDONG_HUB__DATA="$check" LIANDONG_STORE__URL="sqlite://$check/hub.db" "$liandong" db verify
  mv "$target/hub-$stamp.db.part" "$target/hub-$stamp.db"
  made="$target/hub-$stamp.db"
fi

# Recordings do not change once their call has ended: only newer files are copied.
if [[ -d "$data/recordings" ]]; then
  mkdir -p "$target/recordings"
  cp --archive --update "$data/recordings/." "$target/recordings/"
fi

find "$target" -maxdepth 1 -name 'hub-*' -type f -mtime "+$keep_days" -delete
(cd "$target" && sha256sum "$(basename "$made")" > "$(basename "$made").sha256")
echo "备份完成：$made"
