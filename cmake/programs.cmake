# The programs and examples. Each is one C file that sees the public header only; what is not in the tree is not
# built.

function(nethttp_program name source)
    add_executable(${name} "${source}")
    target_link_libraries(${name} PRIVATE nethttp::nethttp Threads::Threads)
    target_compile_options(${name} PRIVATE -Wall -Wextra)
    set_target_properties(${name} PROPERTIES
        C_STANDARD 11 C_STANDARD_REQUIRED ON
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin"
        INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
endfunction()

set(nethttp_programs "")
if(NETHTTP_BUILD_PROGRAMS)
    foreach(path c-examples/nh-serve.c c-examples/nh-fetch.c bench/nh-bench-server.c bench/nh-bench-client.c
                 bench/nh-bench-mux.c)
        if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${path}")
            get_filename_component(name "${path}" NAME_WE)
            nethttp_program(${name} "${CMAKE_CURRENT_SOURCE_DIR}/${path}")
            list(APPEND nethttp_programs ${name})
        endif()
    endforeach()
endif()

set(nethttp_examples "")
if(NETHTTP_BUILD_EXAMPLES)
    file(GLOB nethttp_example_sources CONFIGURE_DEPENDS
         "${CMAKE_CURRENT_SOURCE_DIR}/c-examples/[0-9][0-9]-*.c")
    foreach(source IN LISTS nethttp_example_sources)
        get_filename_component(name "${source}" NAME_WE)
        nethttp_program(example-${name} "${source}")
        list(APPEND nethttp_examples ${name})
    endforeach()
endif()
