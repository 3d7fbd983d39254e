#!/usr/bin/env bash
# run.sh NAME PREFIX WORK CARGO_TARGET_DIR: builds tests/consumers/NAME against the installed PREFIX, in WORK, and
# runs it. Each consumer serves a handler of its own and fetches from it.
set -eu
name=$1 prefix=$2 work=$3 target=$4
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$work" && mkdir -p "$work"
lib=$(dirname "$(find "$prefix" -name libnethttp.a -not -path "*/nethttp-static/*")")
# For pkg-config alone: cargo would take another environment for a reason to build anew.
with_pc() { PKG_CONFIG_PATH="$lib/pkgconfig" pkg-config "$@" nethttp; }

need() { # need TOOL: or skip, which fails where everything is required
    command -v "$1" >/dev/null && return
    echo "SKIP: $1 is not installed"
    [ "${NH_REQUIRE_ALL:-0}" = 1 ] && exit 1 || exit 77
}
by_cmake() { # by_cmake DEFINITION...
    cmake -S "$here/$name" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" "$@" >"$work/log" 2>&1 &&
        cmake --build "$work/build" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    "$work/build/consumer"
}
cc=${CC:-cc}

case $name in
find_package_shared | find_package_static) by_cmake ;;
cplusplus) need c++; by_cmake ;;
add_subdirectory)
    # The outer build shares cargo's directory with this one: what is built twice is the glue.
    by_cmake -DNETHTTP_SOURCE="$(cd "$here/../.." && pwd)" -DNETHTTP_CARGO_TARGET_DIR="$target" ;;
pkg_config)
    need pkg-config
    eval "flags=($(with_pc --cflags --libs))"
    "$cc" "$here/consumer.c" "${flags[@]}" -o "$work/consumer"
    LD_LIBRARY_PATH="$lib" "$work/consumer" ;;
pkg_config_static)
    need pkg-config
    eval "flags=($(with_pc --static --cflags --libs))"
    "$cc" "$here/consumer.c" "${flags[@]}" -o "$work/consumer"
    if readelf -d "$work/consumer" | grep -q libnethttp; then echo "linked to the shared library"; exit 1; fi
    "$work/consumer" ;;
beside_rust)
    # Two Rust archives in one program: the rule of the platform is one, ours hides what would clash.
    need rustc
    rustc --edition 2021 -O -C panic=unwind --crate-type staticlib "$here/beside_rust/other.rs" -o "$work/libother.a"
    "$cc" -DWITH_OTHER "$here/consumer.c" "-I$(dirname "$lib")/include" "-I$prefix/include" \
        "$lib/libnethttp.a" "$work/libother.a" -lgcc_s -lutil -lrt -lpthread -lm -ldl -o "$work/consumer"
    "$work/consumer" ;;
version)
    # Cargo.toml has the version and the ABI number; all that is installed agrees with it.
    need pkg-config
    field() { sed -n "s/^$1 = \"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" "$here/../../Cargo.toml" | head -n 1; }
    same() { [ "$2" = "$3" ] || { echo "$1: '$2' instead of '$3'"; exit 1; }; }
    version=$(field version) abi=$(field abi-version)
    number=$(echo "$version" | awk -F. '{ print $1 * 1000000 + $2 * 1000 + $3 }')
    eval "flags=($(with_pc --cflags --libs))"
    "$cc" "$here/version/version.c" "${flags[@]}" -o "$work/version"
    same "header and library" "$(LD_LIBRARY_PATH=$lib "$work/version")" "$number $abi $version $number $abi"
    same SONAME "$(readelf -d "$lib/libnethttp.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" "libnethttp.so.$abi"
    same "the file" "$(basename "$(readlink -f "$lib/libnethttp.so.$abi")")" "libnethttp.so.$version"
    same pkg-config "$(with_pc --modversion)" "$version"
    echo "include(\"$lib/cmake/nethttp/nethttpConfigVersion.cmake\")
message(\${PACKAGE_VERSION})" >"$work/version.cmake"
    same "CMake's version" "$(cmake -DPACKAGE_FIND_VERSION="$version" -P "$work/version.cmake" 2>&1)" "$version"
    grep -q "IMPORTED_SONAME \"libnethttp.so.$abi\"" "$lib/cmake/nethttp/nethttpConfig.cmake" ;;
python)
    need python3
    NETHTTP_LIBRARY="$lib/libnethttp.so" python3 "$here/python/consumer.py" ;;
*) echo "no such consumer: $name" >&2; exit 1 ;;
esac
