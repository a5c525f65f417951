# SPDX-License-Identifier: Apache-2.0
#
# Cross-building for aarch64 with Debian's compiler; the tests run under qemu-user.
# WEFT_CROSS_PREFIX is where libraries for aarch64 were put (libcheck, by .ci/cross-check).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
find_program(weft_emulator qemu-aarch64)
if(weft_emulator)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${weft_emulator} -L /usr/aarch64-linux-gnu)
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WEFT_CROSS_PREFIX)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu ${WEFT_CROSS_PREFIX})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# pkg-config must see nothing of the build machine's.
set(ENV{PKG_CONFIG_LIBDIR} "${WEFT_CROSS_PREFIX}/lib/pkgconfig")
set(ENV{PKG_CONFIG_PATH} "")
