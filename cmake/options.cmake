# SPDX-License-Identifier: Apache-2.0
#
# weft_options: how everything in this tree is compiled. weft_interface_options: what users of the library get as well.

# A frame larger than the guard could step over it, so frames are probed. gcc alone does that: where clang 14 places the
# probe of a function behind a comparison of its arguments, the probe destroys the flags that a later branch reads
# (seen in weft_map at -O3: "test; sub rsp; jne"). A frame of more than 16 KiB is then the only danger, and the safer one.
# The options hold for the compiler of the user, which may be another one than ours.
set(weft_interface_options $<$<COMPILE_LANG_AND_ID:C,GNU>:-fstack-clash-protection>
                           $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fstack-clash-protection>)

# riscv64 before gcc 13 calls libatomic for atomics of one and two bytes.
set(weft_link_libraries)
set(atomic_probe "static unsigned char b; static unsigned short s;
int main(void) { return __atomic_exchange_n(&b, 1, 2) + __atomic_fetch_add(&s, 1, 2); }")
check_c_source_compiles("${atomic_probe}" WEFT_ATOMICS_NEED_NO_LIBRARY)
if(NOT WEFT_ATOMICS_NEED_NO_LIBRARY)
    set(weft_link_libraries atomic)
endif()

add_library(weft_options INTERFACE)
# Empty, as the sources write it, so that defining it again is no redefinition.
target_compile_definitions(weft_options INTERFACE $<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE=>)
target_compile_options(
    weft_options
    INTERFACE -Wall -Wextra -fasynchronous-unwind-tables
              $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes -Wstrict-prototypes>
              $<$<BOOL:${WEFT_WERROR}>:-Werror>
              # Functions and lines for backtraces, which also tell the library's frames by it; the code is the same.
              $<$<AND:$<CONFIG:Release>,$<NOT:$<COMPILE_LANGUAGE:ASM>>>:-g1>
              ${weft_interface_options})

if(CMAKE_BUILD_TYPE STREQUAL "Debug" OR WEFT_ASSERTIONS)
    target_compile_definitions(weft_options INTERFACE WEFT_DEBUG_BUILD WEFT_LOCK_RANKS)
endif()

if(WEFT_SANITIZE STREQUAL "address")
    target_compile_options(weft_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined
                                                  -fno-omit-frame-pointer)
    target_link_options(weft_options INTERFACE -fsanitize=address,undefined)
elseif(WEFT_SANITIZE STREQUAL "thread")
    # Not weft_race, which is for programs that are compiled so.
    target_compile_options(weft_options INTERFACE $<$<NOT:$<BOOL:$<TARGET_PROPERTY:WEFT_IS_RACE>>>:-fsanitize=thread>
                                                  -fno-omit-frame-pointer)
    target_link_options(weft_options INTERFACE -fsanitize=thread)
elseif(WEFT_SANITIZE)
    message(FATAL_ERROR "weft: WEFT_SANITIZE=${WEFT_SANITIZE}? It is address, thread or empty")
endif()

# Lines and branches that the tests reach; scripts/coverage reads the counters.
if(WEFT_COVERAGE)
    target_compile_options(weft_options INTERFACE $<$<COMPILE_LANGUAGE:C>:--coverage> $<$<COMPILE_LANGUAGE:C>:-fprofile-update=atomic>)
    target_link_options(weft_options INTERFACE --coverage)
endif()

if(WEFT_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "weft: WEFT_FUZZ needs clang, for libFuzzer")
    endif()
    target_compile_options(weft_options INTERFACE $<$<COMPILE_LANGUAGE:C>:-fsanitize=fuzzer-no-link>)
endif()
