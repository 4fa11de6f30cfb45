#!/usr/bin/env bash
# Installs what the tests need beside Rust and Node: a PostgreSQL server, SIP phones, a browser, Python SDKs.
# Asks apt only when something is missing, so that a second run costs nothing and needs no network.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A needed=(
  [postgresql]='ls /usr/lib/postgresql/*/bin/initdb'
  [sip-tester]='command -v sipp'
  [baresip-core]='command -v baresip'
  [chromium]='command -v chromium'
  [fonts-noto-cjk]='ls /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc'
  [python3]='command -v python3'
  [ca-certificates]='ls /etc/ssl/certs/ca-certificates.crt'
)
missing=()
for package in "${!needed[@]}"; do
  eval "${needed[$package]}" >/dev/null 2>&1 || missing+=("$package")
done
if ((${#missing[@]})); then
  echo "installing for the tests: ${missing[*]}"
  sudo=''
  [[ $EUID -eq 0 ]] || sudo=sudo
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Foreign peers in Python, in a virtual environment of the project.
if [[ ! -x .venv/bin/python ]]; then
  python3 -m venv .venv 2>/dev/null || {
    sudo=''
    [[ $EUID -eq 0 ]] || sudo=sudo
    $sudo apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    python3 -m venv .venv
  }
fi
if ! cmp -s tests/peers/requirements.txt .venv/installed.txt; then
  .venv/bin/pip install -q --disable-pip-version-check -r tests/peers/requirements.txt
  cp tests/peers/requirements.txt .venv/installed.txt
fi
