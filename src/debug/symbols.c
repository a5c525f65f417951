/* SPDX-License-Identifier: Apache-2.0
 *
 * symbols.c - function, file and line of a code address, by libdw (elfutils), which is loaded when a report is written.
 *
 * Why libdw: it reads what compilers write (DWARF 2 to 5, compressed sections, separate debug files), tells inlined functions,
 * and is on nearly every machine that has perf, gdb or systemd. Loaded on demand it is no dependency: without it reports have
 * what dladdr(3) knows. docs/internals/backtraces.md compares it with the others.
 *
 * Data:       struct weft__symbols, one per report: libdw's functions, and its session, which has the modules that are mapped
 *             now. Debug information is looked for in the module itself and by build id below /usr/lib/debug; never in the
 *             network (so not by dwfl_standard_find_debuginfo, which asks debuginfod).
 * Locks:      none: a session belongs to the one who opened it. libdw itself stays loaded.
 * Callers:    whoever writes a report, in no signal handler.
 *
 * The types are declared here, not included: only their layout counts, which has not changed since elfutils 0.122 (2006). */
#include "debug/symbols.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "port/port.h"

#define LIBRARY "libdw.so.1"
#define TAG_INLINED_SUBROUTINE 0x1d
#define TAG_SUBPROGRAM 0x2e
#define ATTRIBUTE_CALL_FILE 0x58
#define ATTRIBUTE_CALL_LINE 0x59

/* Not in a statically linked program without a loader: then it is NULL. */
extern __typeof__(dlopen) dlopen __attribute__((weak));
extern __typeof__(dlsym) dlsym __attribute__((weak));

typedef uint64_t address;
struct session;
struct module;
struct line;
struct files;
struct die {
    void *fields[3];
    long padding;
};
struct attribute {
    unsigned code, form;
    void *fields[2];
};
struct callbacks {
    void *find_elf, *find_debuginfo, *section_address;
    char **debuginfo_path; /* NULL: the usual places */
};

/* dlsym's results, in the order of names. */
struct functions {
    struct session *(*dwfl_begin)(const struct callbacks *callbacks);
    void (*dwfl_end)(struct session *session);
    void (*dwfl_report_begin)(struct session *session);
    int (*dwfl_linux_proc_report)(struct session *session, pid_t pid);
    int (*dwfl_report_end)(struct session *session, void *removed, void *arg);
    struct module *(*dwfl_addrmodule)(struct session *session, address at);
    const char *(*dwfl_module_addrname)(struct module *module, address at);
    struct die *(*dwfl_module_addrdie)(struct module *module, address at, address *bias);
    struct die *(*dwfl_module_nextcu)(struct module *module, struct die *last, address *bias);
    int (*dwarf_haspc)(struct die *die, address at);
    int (*dwarf_getscopes)(struct die *unit, address at, struct die **scopes);
    int (*dwarf_getscopes_die)(struct die *die, struct die **scopes);
    int (*dwarf_tag)(struct die *die);
    const char *(*dwarf_diename)(struct die *die);
    struct attribute *(*dwarf_attr)(struct die *die, unsigned name, struct attribute *result);
    int (*dwarf_formudata)(struct attribute *attribute, uint64_t *value);
    struct line *(*dwarf_getsrc_die)(struct die *unit, address at);
    int (*dwarf_lineno)(struct line *line, int *number);
    const char *(*dwarf_linesrc)(struct line *line, uint64_t *time, uint64_t *length);
    int (*dwarf_getsrcfiles)(struct die *unit, struct files **files, size_t *count);
    const char *(*dwarf_filesrc)(struct files *files, size_t index, uint64_t *time, uint64_t *length);
    void *dwfl_linux_proc_find_elf, *dwfl_build_id_find_debuginfo; /* callbacks */
};
static const char *const names[] = {
    "dwfl_begin",
    "dwfl_end",
    "dwfl_report_begin",
    "dwfl_linux_proc_report",
    "dwfl_report_end",
    "dwfl_addrmodule",
    "dwfl_module_addrname",
    "dwfl_module_addrdie",
    "dwfl_module_nextcu",
    "dwarf_haspc",
    "dwarf_getscopes",
    "dwarf_getscopes_die",
    "dwarf_tag",
    "dwarf_diename",
    "dwarf_attr",
    "dwarf_formudata",
    "dwarf_getsrc_die",
    "dwarf_lineno",
    "dwarf_linesrc",
    "dwarf_getsrcfiles",
    "dwarf_filesrc",
    "dwfl_linux_proc_find_elf",
    "dwfl_build_id_find_debuginfo",
};
#define FUNCTIONS (sizeof names / sizeof names[0])
_Static_assert(sizeof(struct functions) == FUNCTIONS * sizeof(void *), "each function has its name");

struct weft__symbols {
    union {
        struct functions dw;
        void *slots[FUNCTIONS];
    };
    struct callbacks callbacks;
    struct session *session;
};

static bool is_wanted(void)
{
    const char *text = getenv("WEFT_SYMBOLS");
    return text == NULL || strcmp(text, "off") != 0;
}

static bool load(struct weft__symbols *symbols)
{
    void *library = dlopen != NULL && dlsym != NULL ? dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL) : NULL;
    for (size_t i = 0; library != NULL && i < FUNCTIONS; i++)
        if ((symbols->slots[i] = dlsym(library, names[i])) == NULL)
            return false;
    return library != NULL;
}

static bool begin(struct weft__symbols *symbols)
{
    symbols->callbacks = (struct callbacks){.find_elf = symbols->dw.dwfl_linux_proc_find_elf,
                                            .find_debuginfo = symbols->dw.dwfl_build_id_find_debuginfo};
    symbols->session = symbols->dw.dwfl_begin(&symbols->callbacks);
    if (symbols->session == NULL)
        return false;
    symbols->dw.dwfl_report_begin(symbols->session);
    int error = symbols->dw.dwfl_linux_proc_report(symbols->session, getpid());
    if (symbols->dw.dwfl_report_end(symbols->session, NULL, NULL) == 0 && error == 0)
        return true;
    symbols->dw.dwfl_end(symbols->session);
    return false;
}

struct weft__symbols *weft__symbols_open(void)
{
    if (!is_wanted())
        return NULL;
    struct weft__symbols *symbols = weft__port_alloc(sizeof *symbols, _Alignof(struct weft__symbols));
    if (symbols != NULL && load(symbols) && begin(symbols))
        return symbols;
    weft__port_free(symbols);
    return NULL;
}

void weft__symbols_close(struct weft__symbols *symbols)
{
    if (symbols == NULL)
        return;
    symbols->dw.dwfl_end(symbols->session);
    weft__port_free(symbols);
}

const char *weft__symbols_function(struct weft__symbols *symbols, const void *at)
{
    if (symbols == NULL) {
        Dl_info info;
        return dladdr(at, &info) != 0 ? info.dli_sname : NULL;
    }
    struct module *module = symbols->dw.dwfl_addrmodule(symbols->session, (address)(uintptr_t)at);
    return module != NULL ? symbols->dw.dwfl_module_addrname(module, (address)(uintptr_t)at) : NULL;
}

/* The compilation unit of an address. clang writes no table of them (.debug_aranges) unless told to: then each is asked. */
static struct die *find_unit(const struct functions *dw, struct module *module, address at, address *bias)
{
    struct die *unit = dw->dwfl_module_addrdie(module, at, bias);
    if (unit != NULL)
        return unit;
    while ((unit = dw->dwfl_module_nextcu(module, unit, bias)) != NULL)
        if (dw->dwarf_haspc(unit, at - *bias) > 0)
            return unit;
    return NULL;
}

static uint64_t number_of(const struct functions *dw, struct die *die, unsigned name)
{
    struct attribute attribute;
    uint64_t value = 0;
    if (dw->dwarf_attr(die, name, &attribute) == NULL || dw->dwarf_formudata(&attribute, &value) != 0)
        return 0;
    return value;
}

/* Where an inlined function was called. */
static void call_site(const struct functions *dw, struct die *unit, struct die *inlined, struct weft__symbol *caller)
{
    struct files *files;
    size_t count;
    uint64_t index = number_of(dw, inlined, ATTRIBUTE_CALL_FILE);
    caller->line = (int)number_of(dw, inlined, ATTRIBUTE_CALL_LINE);
    if (dw->dwarf_getsrcfiles(unit, &files, &count) == 0 && index < count)
        caller->file = dw->dwarf_filesrc(files, (size_t)index, NULL, NULL);
}

/* scopes: from the innermost outwards to the function. */
static int walk(const struct functions *dw, struct die *unit, struct die *scopes, int scope_count,
                struct weft__symbol *found, int room)
{
    int count = 0;
    for (int i = 0; i < scope_count; i++) {
        int tag = dw->dwarf_tag(&scopes[i]);
        if (tag != TAG_INLINED_SUBROUTINE && tag != TAG_SUBPROGRAM)
            continue;
        found[count].function = dw->dwarf_diename(&scopes[i]);
        /* Without room for the callers, the innermost ones count. */
        if (tag == TAG_SUBPROGRAM || count + 1 == room)
            return count + 1;
        found[count].inlined = true;
        call_site(dw, unit, &scopes[i], &found[count + 1]);
        count++;
    }
    return 0;
}

/* The scopes that dwarf_getscopes gives leave the code for the abstract function at the first inlined one; those of the
 * innermost one's own place do not. */
static int walk_scopes(const struct functions *dw, struct die *unit, address at, struct weft__symbol *found, int room)
{
    struct die *scopes = NULL;
    if (dw->dwarf_getscopes(unit, at, &scopes) <= 0)
        return 0;
    struct die innermost = scopes[0];
    free(scopes);
    scopes = NULL;
    int scope_count = dw->dwarf_getscopes_die(&innermost, &scopes), count = 0;
    if (scope_count > 0)
        count = walk(dw, unit, scopes, scope_count, found, room);
    free(scopes);
    return count;
}

int weft__symbols_at(struct weft__symbols *symbols, const void *at, struct weft__symbol *found, int room)
{
    memset(found, 0, (size_t)room * sizeof *found);
    if (symbols == NULL)
        return 0;
    const struct functions *dw = &symbols->dw;
    address place = (address)(uintptr_t)at, bias;
    struct module *module = dw->dwfl_addrmodule(symbols->session, place);
    struct die *unit = module != NULL ? find_unit(dw, module, place, &bias) : NULL;
    if (unit == NULL)
        return 0;
    struct line *line = dw->dwarf_getsrc_die(unit, place - bias);
    if (line != NULL && dw->dwarf_lineno(line, &found[0].line) == 0)
        found[0].file = dw->dwarf_linesrc(line, NULL, NULL);
    int count = walk_scopes(dw, unit, place - bias, found, room);
    if (count > 0)
        return count;
    /* Code without a description of its own, such as assembly: the symbol table has its name. */
    found[0].function = dw->dwfl_module_addrname(module, place);
    found[0].inlined = false;
    return found[0].file != NULL;
}
