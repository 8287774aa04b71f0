#!/usr/bin/env bash
# Debian's packages for the tests: Chromium for the studio's page, a compiler and an emulator for the kernels on ARM. Does nothing
# where they are already there.
set -euo pipefail
missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v aarch64-linux-gnu-g++ >/dev/null || missing+=(g++-aarch64-linux-gnu)
command -v qemu-aarch64 >/dev/null || missing+=(qemu-user)
[ ${#missing[@]} = 0 ] && exit 0
command -v apt-get >/dev/null || { echo "${missing[*]}: missing, and there is no apt-get here; install by hand, the tests need them"; exit 1; }
if [ "$(id -u)" = 0 ]; then
  run=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  run=(sudo -n)
else
  echo "installing what the tests need takes root: sudo apt-get install ${missing[*]}"
  exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing ${missing[*]} (once) ..."
{ "${run[@]}" apt-get update -qq && "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 \
  || { tail -n 5 "$log"; echo "${missing[*]} could not be installed: the lines above say why"; exit 1; }
