# The commands of the project. Each installs what it lacks, or names it in one line and stops: scripts/setup.sh.
# What stands behind ## is shown by `make help`.
.PHONY: all release demo test test-deep bench fmt install clean help

BUILD = $(or $(NETHTTP_BUILD),build)
PREFIX = /usr/local

all: ## build the library, the programs and the tests in build/
	@scripts/setup.sh build && scripts/build

release: ## build the library as it is shipped, laid out by a profile
	@scripts/release

demo: ## build, serve, fetch, and show the exchange
	@scripts/demo

test: ## run every functional test
	@scripts/test

test-deep: ## run model checking, valgrind, the sanitizers and fuzzing
	@scripts/test-deep

bench: ## measure
	@scripts/bench

fmt: ## format Rust and C
	@cargo fmt && git ls-files '*.c' '*.h' '*.cc' | grep -Ev '^(include/nethttp|tests/header/rules)\.h$$' | xargs clang-format -i

install: ## install to PREFIX (/usr/local) below DESTDIR what was built; build first if nothing was
	@[ -e "$(BUILD)/lib/libnethttp.a" ] || $(MAKE) all
	@cmake --install "$(BUILD)" --prefix "$(PREFIX)" >/dev/null

clean: ## remove all that was built
	@rm -rf build build-* target

help: ## show this list
	@sed -n 's/^\([a-z-]*\): ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12
