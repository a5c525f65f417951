# SPDX-License-Identifier: Apache-2.0
#
# Installation: headers, libraries, weft.pc, the CMake package, the manual pages.
include(CMakePackageConfigHelpers)

install(TARGETS ${weft_libraries} EXPORT weft-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/weft.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/weft DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/weft)
install(EXPORT weft-targets NAMESPACE weft:: DESTINATION ${package_folder})
configure_package_config_file(cmake/weft-config.cmake.in weft-config.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(weft-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weft-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/weft-config-version.cmake
        DESTINATION ${package_folder})

# weft.pc finds its folders from its own place, so that "cmake --install --prefix" and a moved copy work; where the packager
# gives absolute folders, those.
file(RELATIVE_PATH weft_pc_prefix "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" /p)
string(REGEX REPLACE "/$" "" weft_pc_prefix "\${pcfiledir}/${weft_pc_prefix}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(weft_pc_prefix "${CMAKE_INSTALL_PREFIX}")
endif()
foreach(folder IN ITEMS libdir includedir)
    string(TOUPPER ${folder} upper)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${upper}}")
        set(weft_pc_${folder} "${CMAKE_INSTALL_${upper}}")
    else()
        set(weft_pc_${folder} "\${prefix}/${CMAKE_INSTALL_${upper}}")
    endif()
endforeach()
set(weft_pc_libs "")
foreach(library IN LISTS weft_link_libraries)
    string(APPEND weft_pc_libs " -l${library}")
endforeach()
configure_file(cmake/weft.pc.in weft.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weft.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(WEFT_RACE)
    configure_file(cmake/weft-race.pc.in weft-race.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weft-race.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()

# Manual pages, from the headers' comments.
find_program(WEFT_BASH bash)
if(WEFT_BASH)
    file(GLOB public_headers CONFIGURE_DEPENDS include/weft/*.h)
    add_custom_command(
        OUTPUT ${PROJECT_BINARY_DIR}/man/made
        COMMAND ${CMAKE_COMMAND} -E rm -rf ${PROJECT_BINARY_DIR}/man
        COMMAND ${WEFT_BASH} ${PROJECT_SOURCE_DIR}/scripts/make-reference --man ${PROJECT_BINARY_DIR}/man
        COMMAND ${CMAKE_COMMAND} -E touch ${PROJECT_BINARY_DIR}/man/made
        DEPENDS ${public_headers} scripts/make-reference scripts/reference.awk
        COMMENT "Making the manual pages"
        VERBATIM)
    add_custom_target(weft_man ALL DEPENDS ${PROJECT_BINARY_DIR}/man/made)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 FILES_MATCHING PATTERN "*.3")
endif()
