# NETHTTP_SANITIZE=address|thread: the library, the programs and the tests with that sanitizer, by clang; the C side
# with UndefinedBehaviorSanitizer too, beside address.
#
# All of it runs on the runtime that comes with rustc: it is the newer one, and knows how to fork beside threads
# that allocate, which clang 14's does not.

if(NETHTTP_SANITIZE STREQUAL "address")
    set(nethttp_runtime asan)
    set(nethttp_rustflags "")
elseif(NETHTTP_SANITIZE STREQUAL "thread")
    set(nethttp_runtime tsan)
    # See src/sync.rs; and std itself comes without the sanitizer.
    set(nethttp_rustflags "--cfg nethttp_tsan -Cunsafe-allow-abi-mismatch=sanitizer")
else()
    message(FATAL_ERROR "NETHTTP_SANITIZE is '${NETHTTP_SANITIZE}': address and thread are known")
endif()
if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "NETHTTP_SANITIZE needs clang: configure with CC=clang")
endif()

execute_process(COMMAND rustc -vV OUTPUT_VARIABLE nethttp_rustc_info COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "host: ([^\n]+)" unused "${nethttp_rustc_info}")
set(nethttp_triple "${CMAKE_MATCH_1}")
execute_process(COMMAND rustc --print sysroot OUTPUT_VARIABLE nethttp_sysroot OUTPUT_STRIP_TRAILING_WHITESPACE
                COMMAND_ERROR_IS_FATAL ANY)
file(GLOB nethttp_runtime_file
     "${nethttp_sysroot}/lib/rustlib/${nethttp_triple}/lib/librustc-*_rt.${nethttp_runtime}.a")
if(NOT nethttp_runtime_file)
    message(FATAL_ERROR "this Rust has no ${nethttp_runtime} runtime for ${nethttp_triple}")
endif()

# The bootstrap switch opens -Zsanitizer on a stable toolchain. A target is named so that build scripts, which run
# on the host, stay uninstrumented.
list(APPEND nethttp_cargo_env "RUSTC_BOOTSTRAP=1"
     "RUSTFLAGS=-Zsanitizer=${NETHTTP_SANITIZE} -Cdebuginfo=1 ${nethttp_rustflags}")
list(APPEND nethttp_cargo_args --target "${nethttp_triple}" --config "profile.release.lto=false"
     --config "profile.release.codegen-units=16")
set(nethttp_cargo_out "${nethttp_target_dir}/${nethttp_triple}/release")
add_compile_options(-fsanitize=${NETHTTP_SANITIZE} -fno-omit-frame-pointer)
if(NETHTTP_SANITIZE STREQUAL "address")
    # What C leaves undefined, in the tests and in what the header has inline: by a trap, which needs no runtime.
    add_compile_options(-fsanitize=undefined -fsanitize-trap=undefined)
endif()
add_link_options(-fsanitize=${NETHTTP_SANITIZE} -fno-sanitize-link-runtime -rdynamic)
link_libraries(-Wl,--whole-archive "${nethttp_runtime_file}" -Wl,--no-whole-archive -lpthread -lrt -lm -ldl)
