# SPDX-License-Identifier: Apache-2.0
#
# The soak test (tests/soak): half a minute of it as soak/mixed; soak/plants shows that its checks fail when they should.
# Label long: not part of ./test; .ci/run has a stage for it, tests/soak/run takes any time.
if(NOT WEFT_TESTS OR CMAKE_CROSSCOMPILING)
    return()
endif()

file(GLOB soak_sources CONFIGURE_DEPENDS tests/soak/*.c)
add_executable(soak ${soak_sources})
target_include_directories(soak PRIVATE ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(soak PRIVATE weft_static weft_options)
set_target_properties(soak PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
add_test(NAME soak/mixed COMMAND soak -t 30s)
add_test(NAME soak/plants COMMAND ${WEFT_BASH} ${PROJECT_SOURCE_DIR}/tests/soak/run --plants $<TARGET_FILE:soak>)
set_tests_properties(soak/mixed soak/plants PROPERTIES TIMEOUT 300 LABELS "soak;long"
                     ENVIRONMENT "${weft_test_environment}")
