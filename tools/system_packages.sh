#!/usr/bin/env bash
# Debian's Chromium, for the tests of the studio's page. Does nothing where it is already there.
set -euo pipefail
command -v chromium >/dev/null && exit 0
command -v apt-get >/dev/null || { echo "chromium is missing and there is no apt-get here; install it by hand: the studio's page is tested in it"; exit 1; }
if [ "$(id -u)" = 0 ]; then
  run=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  run=(sudo -n)
else
  echo "chromium is missing and installing it needs root: sudo apt-get install chromium"
  exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing chromium (once) ..."
{ "${run[@]}" apt-get update -qq && "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; } >"$log" 2>&1 \
  || { tail -n 5 "$log"; echo "chromium could not be installed: the lines above say why"; exit 1; }
