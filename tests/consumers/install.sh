#!/usr/bin/env bash
# install.sh BUILD PREFIX: installs by `make install`, moves the prefix, and looks at what came out.
set -eu
build=$1 prefix=$2
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$prefix" "$prefix.first" "$prefix.stage"
fail() { echo "install: $*" >&2; exit 1; }
# Not with the variables of a make that runs the tests.
install() { env -u MAKEFLAGS -u MAKEOVERRIDES NETHTTP_BUILD="$build" make -s -C "$here/../.." install "$@"; }
install PREFIX="$prefix.first"
mv "$prefix.first" "$prefix"
install DESTDIR="$prefix.stage" PREFIX=/opt/nethttp
diff -r "$prefix.stage/opt/nethttp" "$prefix" || fail "other files below DESTDIR"
rm -r "$prefix.stage"

lib=$(dirname "$(find "$prefix" -name libnethttp.a -not -path "*/nethttp-static/*")")
soname=$(readelf -d "$lib/libnethttp.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
[ -L "$lib/libnethttp.so" ] && [ -L "$lib/$soname" ] || fail "the symbolic links are not there"
readelf -d "$lib/libnethttp.so" | grep -q NODELETE || fail "not linked with -z nodelete"
if readelf -d "$lib/libnethttp.so" | grep -qE 'R(UN)?PATH'; then fail "the library has a run path"; fi
others=$(nm -g --defined-only "$lib/libnethttp.a" 2>/dev/null | awk 'NF == 3 && $3 !~ /^nh_/ {print $3}' | head -5)
[ -z "$others" ] || fail "the archive shows more than nh_*: $others"
others=$(nm -D --defined-only "$lib/libnethttp.so" | awk '$3 !~ /^nh_/ {print $3}' | head -5)
[ -z "$others" ] || fail "the shared library shows more than nh_*: $others"
diff <(nm -g --defined-only "$lib/libnethttp.a" 2>/dev/null | awk 'NF == 3 {print $3}' | sort) \
     <(nm -D --defined-only "$lib/libnethttp.so" | awk '{print $3}' | sort) || fail "the libraries differ"
if grep -rIlF "$prefix.first" "$prefix"; then fail "these files name the prefix they were installed to"; fi
