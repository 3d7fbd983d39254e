# The commands of the project. Each installs what it lacks, or names it in one line and stops: scripts/setup.sh.
.PHONY: all release demo test test-deep bench fmt clean

all:
	@scripts/setup.sh build && scripts/build

release: ; @scripts/release
demo: ; @scripts/demo
test: ; @scripts/test
test-deep: ; @scripts/test-deep
bench: ; @scripts/bench

fmt:
	@cargo fmt && git ls-files '*.c' '*.h' '*.cc' | grep -Ev '^(include/nethttp|tests/header/rules)\.h$$' | xargs clang-format -i

clean:
	@rm -rf build build-* target
