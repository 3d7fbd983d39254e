# CTest: the C tests, the archive's symbols, the examples and the consumers, the last from an installed prefix that
# was moved. Exit code 77 is a skip; with NH_REQUIRE_ALL=1 what would skip fails.

file(GLOB nethttp_c_tests CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/tests/c/*.c")
foreach(source IN LISTS nethttp_c_tests)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(test-c-${name} "${source}")
    target_link_libraries(test-c-${name} PRIVATE nethttp::shared Threads::Threads)
    target_compile_options(test-c-${name} PRIVATE -Wall -Wextra)
    set_target_properties(test-c-${name} PROPERTIES
        C_STANDARD 11 C_STANDARD_REQUIRED ON
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
    add_test(NAME c/${name} COMMAND test-c-${name})
    set_tests_properties(c/${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120 LABELS c)
endforeach()

foreach(name IN LISTS nethttp_examples)
    add_test(NAME example/${name}
             COMMAND "${PROJECT_SOURCE_DIR}/scripts/run-example" "$<TARGET_FILE:example-${name}>"
                     "${PROJECT_SOURCE_DIR}/c-examples/${name}.c" "${PROJECT_BINARY_DIR}/bin/nh-serve")
    set_tests_properties(example/${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 60 LABELS example)
endforeach()

# An installed prefix, then moved: nothing in it may name where it was.
set(nethttp_prefix "${PROJECT_BINARY_DIR}/consumers/prefix moved")
add_test(NAME consumer/install
         COMMAND "${PROJECT_SOURCE_DIR}/tests/consumers/install.sh" "${PROJECT_BINARY_DIR}" "${nethttp_prefix}")
set_tests_properties(consumer/install PROPERTIES FIXTURES_SETUP nethttp_installed TIMEOUT 120)
foreach(name find_package_shared find_package_static pkg_config pkg_config_static add_subdirectory cplusplus
             beside_rust python version)
    add_test(NAME consumer/${name}
             COMMAND "${PROJECT_SOURCE_DIR}/tests/consumers/run.sh" ${name} "${nethttp_prefix}"
                     "${PROJECT_BINARY_DIR}/consumers/${name}" "${nethttp_target_dir}")
    set_tests_properties(consumer/${name} PROPERTIES
        FIXTURES_REQUIRED nethttp_installed SKIP_RETURN_CODE 77 TIMEOUT 600 LABELS consumer)
endforeach()
