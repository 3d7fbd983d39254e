# nethttp_version and nethttp_abi_version, as Cargo.toml has them. build.rs and src/ffi/version.rs read them there too.

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/../Cargo.toml")
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../Cargo.toml" nethttp_version REGEX "^version = ")
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../Cargo.toml" nethttp_abi_version REGEX "^abi-version = ")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" nethttp_version "${nethttp_version}")
string(REGEX MATCH "[0-9]+" nethttp_abi_version "${nethttp_abi_version}")
if(nethttp_version STREQUAL "" OR nethttp_abi_version STREQUAL "")
    message(FATAL_ERROR "Cargo.toml has no version or no abi-version")
endif()
