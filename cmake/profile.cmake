# NETHTTP_PROFILE=generate|FILE: the library that counts what it does, or the one that is laid out by what was counted
# (profile-guided optimisation). scripts/release makes one from the other.

if(NETHTTP_PROFILE STREQUAL "generate")
    # Where a program's counts go to is said by LLVM_PROFILE_FILE. Build scripts count too, for nobody.
    set(nethttp_profile_flag "-Cprofile-generate")
    list(APPEND nethttp_cargo_env "LLVM_PROFILE_FILE=${CMAKE_CURRENT_BINARY_DIR}/build-scripts.profraw")
elseif(EXISTS "${NETHTTP_PROFILE}")
    # What no request has gone through is moved out of functions, so that what one touches lies together.
    set(nethttp_profile_flag "-Cprofile-use=${NETHTTP_PROFILE} -Cllvm-args=-enable-split-machine-functions")
    list(APPEND nethttp_rust_sources "${NETHTTP_PROFILE}")
else()
    message(FATAL_ERROR "NETHTTP_PROFILE is '${NETHTTP_PROFILE}': neither \"generate\" nor a file that there is")
endif()
if(NOT NETHTTP_SANITIZE STREQUAL "")
    message(FATAL_ERROR "NETHTTP_PROFILE and NETHTTP_SANITIZE are one or the other")
endif()
list(APPEND nethttp_cargo_env "RUSTFLAGS=$ENV{RUSTFLAGS} ${nethttp_profile_flag}")
