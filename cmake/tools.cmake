# SPDX-License-Identifier: Apache-2.0
#
# Tools: programs that do real work with the library. Their tests are tools/<name>/tests/*.sh, with the program's path in
# an environment variable that bears its name in capitals.
if(NOT WEFT_TOOLS)
    return()
endif()

file(GLOB treesum_sources CONFIGURE_DEPENDS tools/treesum/*.c)
list(FILTER treesum_sources EXCLUDE REGEX "_test\\.c$")
if(treesum_sources)
    find_package(PkgConfig)
    if(PkgConfig_FOUND)
        pkg_check_modules(TREESUM IMPORTED_TARGET libcrypto>=3.0 sqlite3)
    endif()
    if(TREESUM_FOUND)
        add_executable(treesum ${treesum_sources})
        target_link_libraries(treesum PRIVATE weft_static weft_options PkgConfig::TREESUM)
        install(TARGETS treesum RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
        file(GLOB treesum_tests CONFIGURE_DEPENDS tools/treesum/tests/*.sh)
        if(NOT WEFT_TESTS)
            set(treesum_tests)
        endif()
        foreach(script IN LISTS treesum_tests)
            cmake_path(GET script STEM name)
            add_test(NAME treesum/${name} COMMAND ${WEFT_BASH} ${script})
            set_tests_properties(treesum/${name} PROPERTIES TIMEOUT ${weft_test_timeout} LABELS "treesum"
                                 SKIP_RETURN_CODE 77
                                 ENVIRONMENT "${weft_test_environment};TREESUM=$<TARGET_FILE:treesum>")
        endforeach()
    else()
        message(STATUS "treesum is left out: it needs OpenSSL (libcrypto 3.0) and SQLite (Debian: libssl-dev libsqlite3-dev)")
    endif()
endif()
