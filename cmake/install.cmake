# cmake --install: libraries, header, CMake package, pkg-config file, licences and the two programs. Nothing
# installed names an absolute path, so the prefix may be moved.

include(CMakePackageConfigHelpers)

install(FILES "${nethttp_include_dir}/nethttp.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(PROGRAMS "${nethttp_shared_file}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${nethttp_lib_dir}/${nethttp_soname}" "${nethttp_lib_dir}/libnethttp.so" "${nethttp_static_file}"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES LICENSE-MIT LICENSE-APACHE DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/nethttp")
foreach(program IN ITEMS nh-serve nh-fetch)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
    endif()
endforeach()

set(nethttp_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/nethttp")
configure_package_config_file(cmake/nethttpConfig.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/nethttpConfig.cmake"
    INSTALL_DESTINATION "${nethttp_package_dir}"
    PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
# Before 1.0 a minor version may break; from then on a major one.
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(nethttp_compatibility SameMinorVersion)
else()
    set(nethttp_compatibility SameMajorVersion)
endif()
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/nethttpConfigVersion.cmake"
    VERSION "${PROJECT_VERSION}" COMPATIBILITY ${nethttp_compatibility})
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/nethttpConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/nethttpConfigVersion.cmake"
        DESTINATION "${nethttp_package_dir}")

# pkg-config: the prefix is found from the place of the file.
file(RELATIVE_PATH nethttp_pc_prefix "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
string(REPLACE ";" " " nethttp_pc_private "${nethttp_system_libs}")
# A linker takes the first libnethttp on its way. With --static a directory that has the archive alone comes before the
# one that has both, which another package names: pkg-config puts those behind Libs.private.
foreach(pc nethttp nethttp-libdir)
    configure_file(cmake/${pc}.pc.in "${CMAKE_CURRENT_BINARY_DIR}/${pc}.pc" @ONLY)
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${pc}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/nethttp-static")
file(CREATE_LINK ../libnethttp.a "${CMAKE_CURRENT_BINARY_DIR}/nethttp-static/libnethttp.a" SYMBOLIC)
install(DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/nethttp-static" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
