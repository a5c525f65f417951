# SPDX-License-Identifier: Apache-2.0
#
# Tests. Each *_test.c is a program of its own, named <folder>/<name> in ctest. In its first 40 lines a test may say:
#   test-link: -Wl,--wrap=malloc     more link options
#   test-wrap: malloc syscall        functions that the test puts its own __wrap_ functions in front of (ld's --wrap)
#   test-timeout: 120                seconds until ctest ends it
#   test-label: stress               more ctest labels
#   test-serial:                     not beside other tests
#   test-library: explore            link the library for exploration (tests/explore), or race: weft_race, for programs with races
#                                    (tests/race); without one the test is left out
#   test-skip: cross thread lto      not in cross builds, not under the named sanitizer (address, thread), not where all is
#                                    compiled as one (--wrap does not see calls that are inlined); TEST_LTO tells a part of a test
if(NOT WEFT_TESTS)
    return()
endif()

find_package(PkgConfig)
if(PkgConfig_FOUND)
    pkg_check_modules(CHECK IMPORTED_TARGET check)
endif()
find_program(WEFT_BASH bash REQUIRED)

set(weft_test_environment CK_DEFAULT_TIMEOUT=120)
set(weft_test_timeout 240) # the longest take 30 s on two free processors
if(WEFT_SANITIZE OR CMAKE_CROSSCOMPILING) # slower: the tests do less (tests/support.h) and may take longer
    set(weft_test_timeout 300)
    set(weft_test_environment CK_DEFAULT_TIMEOUT=280 WEFT_TEST_QUICK=1)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug") # unoptimised: the optimised builds run all of them
    list(APPEND weft_test_environment WEFT_ORDERS_ITERATIONS=4000)
endif()
if(CMAKE_CROSSCOMPILING)
    string(REPLACE ";" " " emulator "${CMAKE_CROSSCOMPILING_EMULATOR}")
    list(APPEND weft_test_environment "WEFT_TEST_EMULATOR=${emulator}")
endif()
if(WEFT_SANITIZE STREQUAL "thread")
    list(APPEND weft_test_environment "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:exitcode=66:atexit_sleep_ms=50")
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

# Whether the head of a test says that it is not for this build.
function(weft_test_skipped source variable)
    weft_test_option(${source} skip skip)
    set(${variable} FALSE PARENT_SCOPE)
    if((CMAKE_CROSSCOMPILING AND "cross" IN_LIST skip) OR (WEFT_SANITIZE AND "${WEFT_SANITIZE}" IN_LIST skip)
       OR (CMAKE_INTERPROCEDURAL_OPTIMIZATION AND "lto" IN_LIST skip))
        set(${variable} TRUE PARENT_SCOPE)
    endif()
endfunction()

function(weft_add_test source)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE path)
    string(REGEX REPLACE "^(src|tests)/(.*)_test\\.(c|cc)$" "\\2" name "${path}")
    string(REPLACE "/" "_" program "test_${name}")
    weft_test_option(${source} link link)
    weft_test_option(${source} wrap wrap)
    list(TRANSFORM wrap PREPEND "LINKER:--wrap=")
    weft_test_option(${source} timeout timeout)
    weft_test_option(${source} label label)
    weft_test_option(${source} serial serial)
    weft_test_option(${source} library library)
    weft_test_skipped(${source} skipped)
    if(library AND NOT TARGET weft_${library})
        return()
    endif()
    if(NOT library)
        set(library static)
    endif()
    if(skipped)
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
    target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    if(NOT source MATCHES "\\.cc$") # src/debug/debug.h would hide libstdc++'s <debug/debug.h>
        target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    endif()
    target_link_libraries(${program} PRIVATE weft_${library} weft_options PkgConfig::CHECK)
    target_link_options(${program} PRIVATE ${link} ${wrap})
    target_compile_definitions(${program} PRIVATE $<$<BOOL:${CMAKE_INTERPROCEDURAL_OPTIMIZATION}>:TEST_LTO=1>)
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME ${name} COMMAND ${program})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} LABELS "${room};${label}" RUN_SERIAL ${serial}
                         SKIP_RETURN_CODE 77 ENVIRONMENT "${weft_test_environment}")
endfunction()

# The library for exploration: chan, sync and time with tests/explore/points.h before each file, the other rooms as they are, and the
# explorer. With assertions only; under ThreadSanitizer there is nothing to see, as all is one thread.
if(CHECK_FOUND AND NOT CMAKE_CROSSCOMPILING AND NOT WEFT_SANITIZE STREQUAL "thread"
   AND (CMAKE_BUILD_TYPE STREQUAL "Debug" OR WEFT_ASSERTIONS))
    set(explored ${weft_sources})
    list(FILTER explored INCLUDE REGEX "/src/(chan|sync|time)/")
    add_library(weft_explored OBJECT ${explored})
    weft_library_options(weft_explored)
    target_compile_options(weft_explored PRIVATE -include ${PROJECT_SOURCE_DIR}/tests/explore/points.h)
    file(GLOB explorer CONFIGURE_DEPENDS tests/explore/*.c)
    list(FILTER explorer EXCLUDE REGEX "_test\\.c$")
    add_library(weft_explore STATIC ${explorer} $<TARGET_OBJECTS:weft_explored>
                "$<FILTER:$<TARGET_OBJECTS:weft_static>,EXCLUDE,/src/(chan|sync|time)/>")
    weft_library_options(weft_explore)
    target_include_directories(weft_explore PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(weft_explore PRIVATE PkgConfig::CHECK)
    target_compile_definitions(weft_explore INTERFACE WEFT_OUT_OF_LINE) # as points.h
endif()

# The library under the memory model of C11 (tests/orders/orders.h): some files with tests/orders/points.h before each, the other
# rooms as they are, and the glue to Relacy. Its fibers are nothing that a sanitizer knows of.
if(CHECK_FOUND AND NOT CMAKE_CROSSCOMPILING AND NOT WEFT_SANITIZE AND NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
    find_path(RELACY relacy/relacy.hpp)
    include(CheckLanguage)
    check_language(CXX)
    if(RELACY AND CMAKE_CXX_COMPILER)
        enable_language(CXX)
        set(ordered_chan src/chan/chan.c)
        set(ordered_sched src/sched/park.c src/sched/gate.c src/sched/schedule.c src/sched/global.c src/sched/wake.c src/sched/machine.c)
        set(ordered_sync src/sync/mutex.c src/sync/once.c src/sync/waitgroup.c src/sync/crowd.c src/sync/semaphore.c src/sync/rwmutex.c
                         src/sync/cond.c src/sync/cancel.c src/sync/context.c)
        foreach(room IN ITEMS chan sched sync)
            add_library(weft_ordered_${room} OBJECT ${ordered_${room}})
            weft_library_options(weft_ordered_${room})
            target_include_directories(weft_ordered_${room} PRIVATE ${PROJECT_SOURCE_DIR}/tests/orders)
            target_compile_options(weft_ordered_${room} PRIVATE -include ${PROJECT_SOURCE_DIR}/tests/orders/points.h)
        endforeach()
        target_compile_definitions(weft_ordered_sched PRIVATE ORDERS_SCHED)
        # Each access to memory calls tests/orders/watch.c, which has the names that ThreadSanitizer's library has.
        target_compile_options(weft_ordered_sync PRIVATE -fsanitize=thread)
        list(JOIN ordered_chan "|" ordered_chan)
        list(JOIN ordered_sched "|" ordered_sched)
        list(JOIN ordered_sync "|" ordered_sync)
        add_library(weft_relacy OBJECT tests/orders/orders.cc) # sees nothing of src: <debug/debug.h> is libstdc++'s there
        target_include_directories(weft_relacy SYSTEM PRIVATE ${RELACY})
        target_compile_options(weft_relacy PRIVATE -O2 -w) # Relacy's headers
        add_library(weft_orders STATIC tests/orders/tasks.c tests/orders/watch.c $<TARGET_OBJECTS:weft_relacy> $<TARGET_OBJECTS:weft_ordered_chan>
                    $<TARGET_OBJECTS:weft_ordered_sched> $<TARGET_OBJECTS:weft_ordered_sync>
                    "$<FILTER:$<TARGET_OBJECTS:weft_static>,EXCLUDE,/(${ordered_chan}|${ordered_sched}|${ordered_sync})[.]o>")
        weft_library_options(weft_orders)
        target_include_directories(weft_orders PRIVATE ${PROJECT_SOURCE_DIR}/tests/orders)
        target_link_libraries(weft_orders INTERFACE stdc++)
        target_include_directories(weft_orders INTERFACE ${PROJECT_SOURCE_DIR}/tests/orders)
    endif()
endif()

if(CHECK_FOUND)
    # As an archive (cross builds) it needs libm behind it, which its check.pc says in Libs.private alone.
    set_property(TARGET PkgConfig::CHECK APPEND PROPERTY INTERFACE_LINK_LIBRARIES m)
    file(GLOB_RECURSE weft_tests CONFIGURE_DEPENDS src/*_test.c tests/*_test.c)
    include(CheckLanguage)
    if(NOT CMAKE_CROSSCOMPILING)
        check_language(CXX)
    endif()
    if(CMAKE_CXX_COMPILER)
        enable_language(CXX)
        set(CMAKE_CXX_STANDARD 17)
        set(CMAKE_CXX_STANDARD_REQUIRED ON)
        file(GLOB_RECURSE weft_cxx_tests CONFIGURE_DEPENDS tests/*_test.cc)
        list(APPEND weft_tests ${weft_cxx_tests})
    endif()
    foreach(source IN LISTS weft_tests)
        weft_add_test(${source})
    endforeach()
    if(NOT WEFT_SANITIZE)
        add_test(NAME arch/gdb_walk COMMAND ${WEFT_BASH} ${PROJECT_SOURCE_DIR}/tests/gdb_walk.sh
                                            $<TARGET_FILE:test_arch_unwind>)
        set_tests_properties(arch/gdb_walk PROPERTIES TIMEOUT 120 LABELS arch SKIP_RETURN_CODE 77
                             ENVIRONMENT "${weft_test_environment}")
    endif()
    if(TARGET weft_race AND NOT CMAKE_CROSSCOMPILING)
        add_test(NAME race/installed COMMAND ${WEFT_BASH} ${PROJECT_SOURCE_DIR}/tests/race/check_installed
                                             ${PROJECT_BINARY_DIR})
        set_tests_properties(race/installed PROPERTIES TIMEOUT ${weft_test_timeout} LABELS race SKIP_RETURN_CODE 77)
    endif()
else()
    message(WARNING "weft: libcheck was not found: the test programs are left out (Debian: apt-get install check)")
endif()

# --- what must not compile, and the checks of the source itself: once is enough, so not in cross builds -----------------

if(NOT CMAKE_CROSSCOMPILING)
    function(weft_add_check name)
        add_test(NAME ${name} COMMAND ${WEFT_BASH} ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
                 COMMAND_EXPAND_LISTS)
        string(REGEX REPLACE "/.*" "" label ${name})
        set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS "${label}" SKIP_RETURN_CODE 77)
    endfunction()
    file(GLOB compile_fail CONFIGURE_DEPENDS tests/compile_fail/*.c tests/compile_fail/*.cc)
    foreach(source IN LISTS compile_fail)
        cmake_path(GET source STEM name)
        weft_add_check(compile_fail/${name} scripts/compile-fail ${source})
    endforeach()
    weft_add_check(source/headers scripts/check-headers)
    weft_add_check(source/rooms scripts/check-rooms $<TARGET_OBJECTS:weft_static>)
    weft_add_check(source/checks tests/checks_test.sh)
    weft_add_check(source/licence scripts/check-spdx)
    weft_add_check(source/reference scripts/make-reference --check)
    weft_add_check(source/coverage scripts/make-coverage --check)
    if(WEFT_SHARED)
        weft_add_check(source/docs scripts/check-docs $<TARGET_FILE:weft>)
    endif()

    # Proofs by Spin. Label long: not part of ./test, which has five minutes; .ci/run has a stage for each of them.
    file(GLOB models CONFIGURE_DEPENDS tests/models/*.pml)
    foreach(source IN LISTS models)
        cmake_path(GET source STEM name)
        weft_add_check(models/${name} tests/models/check ${name})
        set_tests_properties(models/${name} PROPERTIES TIMEOUT 1200 LABELS "models;long")
    endforeach()

    # Barriers and locks left out: that the check notices a survivor, and a few of today's. All of them: tests/mutants/check.
    add_test(NAME mutants/sample COMMAND ${PROJECT_SOURCE_DIR}/tests/mutants/check --self-test --sample 3)
    set_tests_properties(mutants/sample PROPERTIES TIMEOUT 1200 LABELS "mutants;long" SKIP_RETURN_CODE 77)
endif()
