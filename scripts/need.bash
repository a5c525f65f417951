# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# need.bash - sourced by run, test and .ci/run: installs what is missing, says what it cannot install.
#
#   need PACKAGE PROBE...    PACKAGE (Debian's name) is wanted if the command PROBE fails
#   need_install             install what is wanted; returns 1, with a message, if that does not work

need_wanted=()

need()
{
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || need_wanted+=("$package")
}

# Probes.
has_command()
{
    local name
    for name in "$@"; do
        command -v "$name" && return 0
    done
    return 1
}
has_package() # for what only the package database knows
{
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}
has_library() # a pkg-config module
{
    pkg-config --exists "$1"
}
compiles() # a compiler and its options: it and the C library's headers are there
{
    "$@" -fsyntax-only - <<<'#include <stdio.h>
int main(void) { return puts("") < 0; }'
}
cmake_is_new() # 3.25 or later
{
    local version
    version=$(cmake --version | sed -n 's/^cmake version //p') && [[ -n $version ]] &&
        [[ $(printf '%s\n3.25\n' "$version" | sort -V | head -n 1) == 3.25 ]]
}

need_install()
{
    [[ ${#need_wanted[@]} -eq 0 ]] && return 0
    local as_root=() log
    if ! command -v apt-get >/dev/null; then
        echo "These are missing, and this is no Debian to install them on: ${need_wanted[*]} (Debian's names)." >&2
        return 1
    fi
    if [[ $(id -u) -ne 0 ]]; then
        if ! command -v sudo >/dev/null; then
            echo "These packages are missing: ${need_wanted[*]}" >&2
            echo "Install them as root (apt-get install ${need_wanted[*]}), or run this as root or with sudo." >&2
            return 1
        fi
        as_root=(sudo)
        [[ -t 0 && -z ${CI:-} ]] || as_root=(sudo -n)
    fi
    echo "Installing ${need_wanted[*]} ..."
    log=$(mktemp)
    local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300
                   -o Acquire::Retries=3 -qq)
    # The lists may be absent or too old: then once more with new ones.
    if ! "${install[@]}" install -y --no-install-recommends "${need_wanted[@]}" >"$log" 2>&1 </dev/null; then
        "${install[@]}" update >>"$log" 2>&1 </dev/null
        if ! "${install[@]}" install -y --no-install-recommends "${need_wanted[@]}" >>"$log" 2>&1 </dev/null; then
            tail -n 15 "$log" >&2
            echo "Could not install: ${need_wanted[*]} (everything that apt-get said is in $log)." >&2
            return 1
        fi
    fi
    rm -f "$log"
    need_wanted=()
}

# What every build needs.
need_build()
{
    need gcc compiles gcc -x c
    need libc6-dev compiles gcc -x c
    need cmake cmake_is_new
    need ninja-build has_command ninja
    need pkg-config has_command pkg-config
}
need_treesum()
{
    need libssl-dev has_library libcrypto
    need libsqlite3-dev has_library sqlite3
}
