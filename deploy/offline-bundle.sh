#!/usr/bin/env bash
# 在能上网的机器上准备离线构建包：offline-bundle.sh 输出文件.tar.gz
# Then, on a machine without internet that has Rust >= 1.95, Node >= 20.19 and a C compiler:
#   tar xzf 输出文件.tar.gz && cd liandong-offline && ./build-offline.sh
set -euo pipefail
out=$(realpath -m "${1:?用法：offline-bundle.sh 输出文件.tar.gz}")
root=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bundle=$work/liandong-offline
mkdir -p "$bundle"

# The committed state, nothing else.
git -C "$root" archive HEAD | tar -x -C "$bundle"
cd "$bundle"

# Rust: all crates of Cargo.lock into vendor/, and the setting that makes cargo use them.
mkdir -p .cargo
cargo vendor --locked --versioned-dirs vendor >> .cargo/config.toml

# Node: all packages of package-lock.json into a cache that `npm ci --offline` reads.
(cd web && npm ci --no-audit --no-fund --cache "$bundle/npm-cache" && rm -rf node_modules)

cat > build-offline.sh <<'B'
#!/usr/bin/env bash
# Builds the console and the program without internet.
set -euo pipefail
cd "$(dirname "$0")"
(cd web && npm ci --offline --no-audit --no-fund --cache ../npm-cache && npm run build)
cargo build --release --locked --offline --bin liandong
echo "完成：$PWD/target/release/liandong"
B
chmod +x build-offline.sh
tar -C "$work" -czf "$out" liandong-offline
sha256sum "$out"
