# SPDX-License-Identifier: Apache-2.0
#
# The fuzzer (tests/fuzz). In every build: fuzz/corpus, the kept programs run once more. With WEFT_FUZZ (preset clang-fuzz, which
# compiles the library with libFuzzer's coverage): weft-fuzz, the fuzzer itself; tests/fuzz/run builds and starts it.
if(NOT WEFT_TESTS)
    return()
endif()

file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/*.c)
list(FILTER fuzz_sources EXCLUDE REGEX "/(target|replay)\\.c$")

function(weft_add_fuzz_program name source)
    add_executable(${name} ${fuzz_sources} ${source})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${name} PRIVATE weft_static weft_options)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endfunction()

weft_add_fuzz_program(fuzz_replay ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
add_test(NAME fuzz/corpus COMMAND fuzz_replay ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus)
set_tests_properties(fuzz/corpus PROPERTIES TIMEOUT ${weft_test_timeout} LABELS fuzz
                     ENVIRONMENT "${weft_test_environment}")

if(WEFT_FUZZ)
    weft_add_fuzz_program(weft-fuzz ${PROJECT_SOURCE_DIR}/tests/fuzz/target.c)
    target_link_options(weft-fuzz PRIVATE -fsanitize=fuzzer)
endif()
