# SPDX-License-Identifier: Apache-2.0
#
# Examples: examples/<name>.c becomes example_<name>. With examples/<name>.expect (scripts/expect says its form) it is a test;
# a line "# test-skip: ..." there means what it means in a test (cmake/tests.cmake).
if(NOT WEFT_EXAMPLES)
    return()
endif()

# What an example forgets when its main goroutine returns is no leak: the rest are cut off.
set(example_environment ${weft_test_environment} ASAN_OPTIONS=detect_leaks=0)
if(CMAKE_CROSSCOMPILING) # the thread of qemu-user is no reason to hope that somebody wakes up
    list(APPEND example_environment WEFT_DEADLOCK=on)
endif()

file(GLOB examples CONFIGURE_DEPENDS examples/*.c)
foreach(source IN LISTS examples)
    cmake_path(GET source STEM name)
    string(REPLACE "-" "_" program "example_${name}")
    add_executable(${program} ${source})
    target_link_libraries(${program} PRIVATE weft_static weft_options)
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
    set(expect ${PROJECT_SOURCE_DIR}/examples/${name}.expect)
    set(arguments)
    if(name STREQUAL "hundred_thousand_goroutines" AND (WEFT_SANITIZE OR CMAKE_CROSSCOMPILING))
        set(arguments 2000) # TSan has no room for more fibers
    endif()
    set(skipped TRUE)
    if(WEFT_TESTS AND EXISTS ${expect})
        weft_test_skipped(${expect} skipped)
    endif()
    if(NOT skipped)
        add_test(NAME examples/${name} COMMAND ${WEFT_BASH} ${PROJECT_SOURCE_DIR}/scripts/expect ${expect}
                                               ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:${program}> ${arguments})
        set_tests_properties(examples/${name} PROPERTIES TIMEOUT ${weft_test_timeout} LABELS "examples"
                             ENVIRONMENT "${example_environment}")
        # None of them has a race: ThreadSanitizer must say nothing, and leave the exit code alone.
        if(TARGET weft_race AND WEFT_SANITIZE STREQUAL "thread")
            add_executable(race_${program} ${source})
            target_link_libraries(race_${program} PRIVATE weft_race weft_options)
            set_target_properties(race_${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
            add_test(NAME race/examples/${name}
                     COMMAND ${WEFT_BASH} ${PROJECT_SOURCE_DIR}/scripts/expect ${expect}
                             $<TARGET_FILE:race_${program}> ${arguments})
            set_tests_properties(race/examples/${name} PROPERTIES TIMEOUT ${weft_test_timeout} LABELS "race"
                                 ENVIRONMENT "${example_environment}")
        endif()
    endif()
endforeach()
