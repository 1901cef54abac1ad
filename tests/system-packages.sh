#!/usr/bin/env bash
# The Debian packages that the tests start. Installs what is missing where it may, else names it in one line.
set -euo pipefail
wanted=(redis-server postgresql nginx-light openssl ffmpeg python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad)
# Both come from elsewhere, too, and then under other names.
command -v chromium >/dev/null || wanted+=(chromium)
command -v npm >/dev/null || wanted+=(nodejs npm)
missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
install="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ]; then run=(env DEBIAN_FRONTEND=noninteractive)
elif sudo -n true 2>/dev/null; then run=(sudo -n env DEBIAN_FRONTEND=noninteractive)
else echo "The tests need packages that only root can install: sudo $install" >&2; exit 1
fi
echo "installing for the tests: ${missing[*]}"
"${run[@]}" apt-get update -qq
"${run[@]}" ${install/install -y/install -y -qq} >/dev/null
