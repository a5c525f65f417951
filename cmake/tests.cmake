# SPDX-License-Identifier: Apache-2.0
#
# Tests. Each *_test.c is a program of its own, named <folder>/<name> in ctest. In its first 40 lines a test may say:
#   test-link: -Wl,--wrap=malloc     more link options
#   test-timeout: 120                seconds until ctest ends it
#   test-label: stress               more ctest labels
#   test-serial:                     not beside other tests
#   test-skip: cross thread          not in cross builds, not under the named sanitizer (address, thread)
if(NOT WEFT_TESTS)
    return()
endif()

find_package(PkgConfig)
if(PkgConfig_FOUND)
    pkg_check_modules(CHECK IMPORTED_TARGET check)
endif()
find_program(WEFT_BASH bash REQUIRED)

set(weft_test_environment CK_DEFAULT_TIMEOUT=120)
set(weft_test_timeout 120)
if(WEFT_SANITIZE OR CMAKE_CROSSCOMPILING) # slower: the tests do less (tests/support.h) and may take longer
    set(weft_test_timeout 300)
    set(weft_test_environment CK_DEFAULT_TIMEOUT=280 WEFT_TEST_QUICK=1)
endif()
if(CMAKE_CROSSCOMPILING)
    string(REPLACE ";" " " emulator "${CMAKE_CROSSCOMPILING_EMULATOR}")
    list(APPEND weft_test_environment "WEFT_TEST_EMULATOR=${emulator}")
endif()
if(WEFT_SANITIZE STREQUAL "thread")
    list(APPEND weft_test_environment "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:exitcode=66")
endif()

# A line "test-<key>: value" in the head of a test.
function(weft_test_option source key variable)
    file(STRINGS ${source} lines LIMIT_COUNT 40)
    set(${variable} "" PARENT_SCOPE)
    foreach(line IN LISTS lines)
        if(line MATCHES "test-${key}:[ ]*([^*]*)")
            string(STRIP "${CMAKE_MATCH_1}" value)
            separate_arguments(value UNIX_COMMAND "${value}")
            if(NOT value)
                set(value ON)
            endif()
            set(${variable} "${value}" PARENT_SCOPE)
        endif()
    endforeach()
endfunction()

function(weft_add_test source)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE path)
    string(REGEX REPLACE "^(src|tests)/(.*)_test\\.(c|cc)$" "\\2" name "${path}")
    string(REPLACE "/" "_" program "test_${name}")
    weft_test_option(${source} link link)
    weft_test_option(${source} timeout timeout)
    weft_test_option(${source} label label)
    weft_test_option(${source} serial serial)
    weft_test_option(${source} skip skip)
    if((CMAKE_CROSSCOMPILING AND "cross" IN_LIST skip) OR (WEFT_SANITIZE AND "${WEFT_SANITIZE}" IN_LIST skip))
        message(STATUS "test ${name} is not for this build")
        return()
    endif()
    if(NOT timeout)
        set(timeout ${weft_test_timeout})
    endif()
    if(NOT serial)
        set(serial OFF)
    endif()
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(GET folder FILENAME room)

    add_executable(${program} ${source})
    target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${program} PRIVATE weft_static weft_options PkgConfig::CHECK)
    target_link_options(${program} PRIVATE ${link})
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME ${name} COMMAND ${program})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} LABELS "${room};${label}" RUN_SERIAL ${serial}
                         SKIP_RETURN_CODE 77 ENVIRONMENT "${weft_test_environment}")
endfunction()

if(CHECK_FOUND)
    file(GLOB_RECURSE weft_tests CONFIGURE_DEPENDS src/*_test.c tests/*_test.c)
    foreach(source IN LISTS weft_tests)
        weft_add_test(${source})
    endforeach()
else()
    message(WARNING "weft: libcheck was not found: the test programs are left out (Debian: apt-get install check)")
endif()

# --- what must not compile, and the checks of the source itself: once is enough, so not in cross builds -----------------

if(NOT CMAKE_CROSSCOMPILING)
    file(GLOB compile_fail CONFIGURE_DEPENDS tests/compile_fail/*.c)
    foreach(source IN LISTS compile_fail)
        cmake_path(GET source STEM name)
        add_test(NAME compile_fail/${name} COMMAND ${WEFT_BASH} ${PROJECT_SOURCE_DIR}/scripts/compile-fail ${source})
        set_tests_properties(compile_fail/${name} PROPERTIES TIMEOUT 120 LABELS "compile_fail")
    endforeach()
endif()
