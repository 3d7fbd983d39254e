# The library itself: cargo builds it inside the build directory, lib/ of the build directory gets it under the
# names that are installed.
#
#   lib/libnethttp.so -> libnethttp.so.ABI -> libnethttp.so.VERSION
#   lib/libnethttp.a                        one object whose only global symbols are nh_*

find_program(NETHTTP_CARGO cargo HINTS "$ENV{HOME}/.cargo/bin" "$ENV{CARGO_HOME}/bin")
if(NOT NETHTTP_CARGO)
    message(FATAL_ERROR "nethttp needs cargo; install it with: "
                        "curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y")
endif()

set(nethttp_lib_dir "${CMAKE_CURRENT_BINARY_DIR}/lib")
set(NETHTTP_CARGO_TARGET_DIR "${CMAKE_CURRENT_BINARY_DIR}/cargo" CACHE PATH "Where cargo builds")
set(nethttp_target_dir "${NETHTTP_CARGO_TARGET_DIR}")
set(nethttp_include_dir "${CMAKE_CURRENT_SOURCE_DIR}/include")
set(nethttp_soname "libnethttp.so.${nethttp_abi_version}")
set(nethttp_real_name "libnethttp.so.${PROJECT_VERSION}")
set(nethttp_shared_file "${nethttp_lib_dir}/${nethttp_real_name}")
set(nethttp_static_file "${nethttp_lib_dir}/libnethttp.a")
# What `cargo rustc -- --print native-static-libs` names; a static consumer in tests/consumers/ proves it enough.
set(nethttp_system_libs -lgcc_s -lutil -lrt -lpthread -lm -ldl)

file(GLOB_RECURSE nethttp_rust_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/src/*.rs")
list(APPEND nethttp_rust_sources
     "${CMAKE_CURRENT_SOURCE_DIR}/Cargo.toml"
     "${CMAKE_CURRENT_SOURCE_DIR}/Cargo.lock"
     "${CMAKE_CURRENT_SOURCE_DIR}/build.rs")

set(nethttp_cargo_env "CARGO_TARGET_DIR=${nethttp_target_dir}")
set(nethttp_cargo_args rustc --release --locked --lib --crate-type cdylib,staticlib)
set(nethttp_cargo_out "${nethttp_target_dir}/release")
if(NOT NETHTTP_SANITIZE STREQUAL "")
    include(cmake/sanitize.cmake)
endif()
if(NOT NETHTTP_PROFILE STREQUAL "")
    include(cmake/profile.cmake)
endif()

# Beside clang CMake chooses LLVM's binutils, which fail on the bitcode of an LLVM that is newer: Rust's. GNU's pass over it.
foreach(tool IN ITEMS ar nm objcopy)
    string(TOUPPER ${tool} name)
    set(nethttp_${tool} "${CMAKE_${name}}")
    if(CMAKE_C_COMPILER_ID MATCHES "Clang" AND NOT CMAKE_CROSSCOMPILING)
        find_program(NETHTTP_${name} ${tool})
        if(NETHTTP_${name})
            set(nethttp_${tool} "${NETHTTP_${name}}")
        endif()
    endif()
endforeach()

add_custom_command(
    OUTPUT "${nethttp_shared_file}" "${nethttp_static_file}"
           "${nethttp_lib_dir}/${nethttp_soname}" "${nethttp_lib_dir}/libnethttp.so"
    COMMAND "${CMAKE_COMMAND}" -E env ${nethttp_cargo_env} "${NETHTTP_CARGO}" ${nethttp_cargo_args}
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${nethttp_lib_dir}"
    COMMAND "${CMAKE_COMMAND}" -E copy "${nethttp_cargo_out}/libnethttp.so" "${nethttp_shared_file}"
    COMMAND "${CMAKE_COMMAND}" -E create_symlink "${nethttp_real_name}" "${nethttp_lib_dir}/${nethttp_soname}"
    COMMAND "${CMAKE_COMMAND}" -E create_symlink "${nethttp_soname}" "${nethttp_lib_dir}/libnethttp.so"
    COMMAND "${CMAKE_COMMAND}" "-DIN=${nethttp_cargo_out}/libnethttp.a" "-DOUT=${nethttp_static_file}"
            "-DAR=${nethttp_ar}" "-DLINKER=${CMAKE_LINKER}" "-DNM=${nethttp_nm}" "-DOBJCOPY=${nethttp_objcopy}"
            -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/hide_symbols.cmake"
    DEPENDS ${nethttp_rust_sources} "${CMAKE_CURRENT_SOURCE_DIR}/cmake/hide_symbols.cmake"
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    COMMENT "Building libnethttp with cargo"
    VERBATIM)
add_custom_target(nethttp_cargo ALL DEPENDS "${nethttp_shared_file}" "${nethttp_static_file}")

add_library(nethttp_shared SHARED IMPORTED GLOBAL)
set_target_properties(nethttp_shared PROPERTIES
    IMPORTED_LOCATION "${nethttp_shared_file}"
    IMPORTED_SONAME "${nethttp_soname}"
    INTERFACE_INCLUDE_DIRECTORIES "${nethttp_include_dir}")
add_dependencies(nethttp_shared nethttp_cargo)
add_library(nethttp::shared ALIAS nethttp_shared)

add_library(nethttp_static STATIC IMPORTED GLOBAL)
set_target_properties(nethttp_static PROPERTIES
    IMPORTED_LOCATION "${nethttp_static_file}"
    IMPORTED_LINK_INTERFACE_LANGUAGES C
    INTERFACE_LINK_LIBRARIES "${nethttp_system_libs}"
    INTERFACE_INCLUDE_DIRECTORIES "${nethttp_include_dir}")
add_dependencies(nethttp_static nethttp_cargo)
add_library(nethttp::static ALIAS nethttp_static)

add_library(nethttp_default INTERFACE IMPORTED GLOBAL)
if(NETHTTP_LINK_STATIC)
    set_target_properties(nethttp_default PROPERTIES INTERFACE_LINK_LIBRARIES nethttp::static)
else()
    set_target_properties(nethttp_default PROPERTIES INTERFACE_LINK_LIBRARIES nethttp::shared)
endif()
add_library(nethttp::nethttp ALIAS nethttp_default)
