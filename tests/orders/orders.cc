/* SPDX-License-Identifier: Apache-2.0
 *
 * orders.cc - orders.h on top of Relacy. Objects of the program are found by their address in a table that is filled anew in
 * each iteration. */
#include <relacy/relacy.hpp>

/* Relacy's words for the standard library's, which the rest does without. */
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert

#include "orders.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace
{

const orders_test *current;
bool setting_up; /* what is not registered yet is plain memory, which is read when it is */
bool touching;   /* and is registered when it is touched */
bool watching;   /* memory, too (orders_watch) */

rl::memory_order order_of(orders_memory_order order)
{
    switch (order) {
    case ORDERS_RELAXED:
        return rl::mo_relaxed;
    case ORDERS_ACQUIRE:
        return rl::mo_acquire;
    case ORDERS_RELEASE:
        return rl::mo_release;
    case ORDERS_ACQ_REL:
        return rl::mo_acq_rel;
    default:
        return rl::mo_seq_cst;
    }
}

/* What Relacy has for an object of the program. */
class shadow
{
public:
    virtual ~shadow()
    {
    }
    virtual uint64_t load(rl::memory_order order, rl::debug_info_param info) = 0;
    virtual void store(uint64_t value, rl::memory_order order, rl::debug_info_param info) = 0;
    virtual uint64_t change(orders_kind kind, uint64_t operand, rl::memory_order order, rl::debug_info_param info) = 0;
    virtual bool cas(uint64_t &expected, uint64_t wanted, rl::memory_order order, rl::memory_order otherwise,
                     rl::debug_info_param info) = 0;
    virtual uint64_t newest() const = 0;
};

template <typename T> class atomic_shadow : public shadow
{
    rl::atomic<T> value;

public:
    explicit atomic_shadow(T initial) : value(initial)
    {
    }
    uint64_t load(rl::memory_order order, rl::debug_info_param info) override
    {
        return value.load(order, info);
    }
    void store(uint64_t v, rl::memory_order order, rl::debug_info_param info) override
    {
        value.store((T)v, order, info);
    }
    uint64_t change(orders_kind kind, uint64_t operand, rl::memory_order order, rl::debug_info_param info) override
    {
        switch (kind) {
        case ORDERS_EXCHANGE:
            return value.exchange((T)operand, order, info);
        case ORDERS_ADD:
            return value.fetch_add((T)operand, order, info);
        case ORDERS_OR:
            return value.fetch_or((T)operand, order, info);
        default:
            return value.fetch_and((T)operand, order, info);
        }
    }
    bool cas(uint64_t &expected, uint64_t wanted, rl::memory_order order, rl::memory_order otherwise,
             rl::debug_info_param info) override
    {
        T seen = (T)expected;
        bool done = value.compare_exchange_strong(seen, (T)wanted, order, info, otherwise, info);
        expected = seen;
        return done;
    }
    uint64_t newest() const override
    {
        return value.debug_value();
    }
};

/* Plain data: only that it is accessed is of interest. */
class plain_shadow : public shadow
{
    rl::var<int> value;

public:
    plain_shadow() : value(0)
    {
    }
    uint64_t load(rl::memory_order, rl::debug_info_param info) override
    {
        return (uint64_t)(int)value(info);
    }
    void store(uint64_t, rl::memory_order, rl::debug_info_param info) override
    {
        value(info) = 1;
    }
    uint64_t change(orders_kind, uint64_t, rl::memory_order, rl::debug_info_param) override
    {
        return 0;
    }
    bool cas(uint64_t &, uint64_t, rl::memory_order, rl::memory_order, rl::debug_info_param) override
    {
        return false;
    }
    uint64_t newest() const override
    {
        return 0;
    }
};

/* Open addressing; emptied by and by in each iteration, where Relacy wants its objects ended. */
const size_t TABLE = 4096;
struct entry {
    void *p;
    shadow *object;       /* nullptr: only memory that is watched */
    rl::var_data *memory; /* who has accessed it, and when; nullptr: it is not watched, or nobody has */
    bool is_gone;
    alignas(
        16) unsigned char room[sizeof(atomic_shadow<uint64_t>) > sizeof(plain_shadow) ? sizeof(atomic_shadow<uint64_t>)
                                                                                      : sizeof(plain_shadow)];
} table[TABLE];
size_t used[TABLE], use;

entry &slot_of(void *p)
{
    size_t at = ((uintptr_t)p >> 2) * UINT64_C(0x9e3779b97f4a7c15) >> 52;
    while (table[at].p != nullptr && table[at].p != p)
        at = (at + 1) % TABLE;
    return table[at];
}

entry &register_slot(void *p)
{
    entry &e = slot_of(p);
    if (e.p != nullptr || use == TABLE / 2) {
        fprintf(stderr, "orders: %p is registered twice, or too many objects are\n", p);
        abort();
    }
    e.p = p;
    e.object = nullptr;
    e.memory = nullptr;
    e.is_gone = false;
    used[use++] = (size_t)(&e - table);
    return e;
}

bool is_memory(void *p, size_t size)
{
    if (!setting_up || slot_of(p).p != nullptr)
        return false;
    if (touching)
        orders_atomic(p, size);
    return !touching;
}

/* Where an access was made: in the test or by the macros of points.h, or by what the compiler has put in (addr2line -e). */
struct place {
    const char *file;
    int line;
    void *pc;
};

extern "C" char __executable_start;

void complain(const char *what, rl::test_result_e result, const place &at)
{
    static char text[100];
    if (at.file == nullptr)
        snprintf(text, sizeof text, "%#zx", (size_t)((char *)at.pc - &__executable_start));
    rl::ctx().fail_test(what, result, rl::debug_info("", at.file != nullptr ? at.file : text, (unsigned)at.line));
}

/* An access to memory that is watched. An atomic operation is a read of it: what frees or reuses the memory is a write, which has to
 * come after all of them, in the order that the program has made. */
void access(entry &e, bool writes, const place &at)
{
    rl::context &c = rl::ctx();
    if (e.is_gone)
        complain("what is gone is touched", rl::test_result_access_to_freed_memory, at);
    if (e.memory == nullptr)
        e.memory = c.var_ctor(); /* as if all that was before the threads had written it */
    if (!(writes ? e.memory->store(*c.threadx_) : e.memory->load(*c.threadx_)))
        complain("data race", rl::test_result_data_race, at);
}

const size_t GRANULE = 4; /* bytes of plain memory that are watched as one */

void access_plain(void *p, size_t size, bool writes, const place &at)
{
    if (current == nullptr || setting_up || !watching)
        return;
    uintptr_t from = (uintptr_t)p & ~(GRANULE - 1), end = (uintptr_t)p + size;
    for (; from < end; from += GRANULE) {
        entry *e = &slot_of((void *)from);
        if (e->p == nullptr)
            e = &register_slot((void *)from);
        access(*e, writes, at);
        if (writes && e->object != nullptr) { /* it was atomic; a frame has something else there now, or begins anew */
            e->object->~shadow();
            e->object = nullptr;
        }
    }
}

void make_atomic(entry &e, size_t size);

shadow &find(void *p, size_t size, const char *file, int line)
{
    entry *e = &slot_of(p);
    if (e->p == nullptr && watching)
        e = &register_slot(p);
    if (e->p == nullptr) {
        fprintf(stderr, "%s:%d: %p is not registered (orders_atomic, orders_plain)\n", file, line, p);
        abort();
    }
    if (watching)
        access(*e, false, {file, line, nullptr});
    if (e->object == nullptr) {
        /* In a frame, which was initialised as plain memory: that is watched, so its value is one that everybody has seen. Relacy would
         * have it from whoever uses it first. */
        rl::preemption_disabler alone(rl::ctx());
        rl::timestamp_t &own = rl::ctx().threadx_->own_acq_rel_order_, now = own;
        own = (rl::timestamp_t)-1; /* the store is at 0 */
        make_atomic(*e, size);
        own = now;
    }
    return *e->object;
}

/* The two sides of a barrier that the kernel makes for one of them: the light side orders nothing among its own kind. */
struct barriers {
    rl::atomic<unsigned> light, heavy;
    barriers() : light(0), heavy(0)
    {
    }
} * barrier;

/* After an iteration that has failed the objects go without their ends: Relacy's context is gone. */
void forget(bool end)
{
    for (; use > 0; use--) {
        entry &e = table[used[use - 1]];
        if (end && e.object != nullptr)
            e.object->~shadow();
        if (end && e.memory != nullptr)
            rl::ctx().var_dtor(e.memory);
        e.p = nullptr;
    }
}

template <int threads> struct suite : rl::test_suite<suite<threads>, threads> {
    void before()
    {
        forget(false);
        alignas(16) static unsigned char room[sizeof(barriers)];
        barrier = ::new (static_cast<void *>(room)) barriers();
        setting_up = true;
        watching = false;
        current->before();
        setting_up = false;
    }
    void thread(unsigned self)
    {
        current->thread((int)self);
    }
    void after()
    {
        if (current->after != nullptr)
            current->after();
        barrier->~barriers();
        forget(true);
    }
};

template <int threads> void explore(rl::test_params &params)
{
    rl::simulate<suite<threads>>(params);
}

} // namespace

const char *orders_explore(const orders_test *test, unsigned iterations)
{
    static char what[200];
    const char *more = getenv("WEFT_ORDERS_ITERATIONS");
    rl::ostringstream quiet;
    rl::test_params params;
    params.iteration_count = more != nullptr ? strtoul(more, nullptr, 10) : iterations;
    params.execution_depth_limit = 20000;
    params.progress_stream = &quiet;
    current = test;
    switch (test->threads) {
    case 2:
        explore<2>(params);
        break;
    case 3:
        explore<3>(params);
        break;
    case 4:
        explore<4>(params);
        break;
    default:
        fprintf(stderr, "orders: %d threads\n", test->threads);
        abort();
    }
    current = nullptr;
    if (params.test_result == rl::test_result_success)
        return nullptr;
    snprintf(what, sizeof what, "%s in iteration %llu", rl::test_result_str(params.test_result),
             (unsigned long long)params.stop_iteration);
    return what;
}

namespace
{

void make_atomic(entry &e, size_t size)
{
    switch (size) {
    case 1:
        e.object = ::new (static_cast<void *>(e.room)) atomic_shadow<uint8_t>(*(uint8_t *)e.p);
        break;
    case 4:
        e.object = ::new (static_cast<void *>(e.room)) atomic_shadow<uint32_t>(*(uint32_t *)e.p);
        break;
    default:
        e.object = ::new (static_cast<void *>(e.room)) atomic_shadow<uint64_t>(*(uint64_t *)e.p);
        break;
    }
}

} // namespace

void orders_atomic(void *p, size_t size)
{
    make_atomic(register_slot(p), size);
}

void orders_atomics(void *p, size_t size, int count)
{
    for (int i = 0; i < count; i++)
        orders_atomic((char *)p + size * (size_t)i, size);
}

void orders_touch(bool on)
{
    touching = on;
}

void orders_plain(void *p)
{
    if (watching)
        return;
    entry &e = register_slot(p);
    e.object = ::new (static_cast<void *>(e.room)) plain_shadow();
}

int orders_self(void)
{
    return rl::ctx().threadx_->index_;
}

void orders_read(void *p, const char *file, int line)
{
    if (watching)
        access_plain(p, 1, false, {file, line, nullptr});
    else
        (void)find(p, 0, file, line).load(rl::mo_relaxed, rl::debug_info("", file, (unsigned)line));
}

void orders_write(void *p, const char *file, int line)
{
    if (watching)
        access_plain(p, 1, true, {file, line, nullptr});
    else
        find(p, 0, file, line).store(0, rl::mo_relaxed, rl::debug_info("", file, (unsigned)line));
}

void orders_pause(void)
{
    rl::yield(1, RL_INFO);
}

void orders_require(bool holds, const char *what, const char *file, int line)
{
    if (!holds)
        rl::ctx().fail_test(what, rl::test_result_user_assert_failed, rl::debug_info("", file, (unsigned)line));
}

void orders_delay(unsigned below)
{
    for (unsigned steps = rl::rand(below); steps > 0; steps--)
        rl::ctx().sched();
}

unsigned orders_random(unsigned below)
{
    return rl::rand(below);
}

void orders_memory(void *p, size_t size, bool writes, void *pc)
{
    access_plain(p, size, writes, {nullptr, 0, pc});
}

static void end_of(uintptr_t from, uintptr_t end, bool for_good)
{
    for (size_t i = 0; i < use; i++) {
        entry &e = table[used[i]];
        if ((uintptr_t)e.p < from || (uintptr_t)e.p >= end)
            continue;
        access(e, true, {__FILE__, __LINE__, nullptr});
        e.is_gone = for_good;
        if (!for_good && e.object != nullptr) { /* what was atomic in a frame may be something else in the next one */
            e.object->~shadow();
            e.object = nullptr;
        }
    }
}

void orders_gone(void *p, size_t size)
{
    end_of((uintptr_t)p, (uintptr_t)p + size, true);
}

__attribute__((noinline)) void orders_frames_gone(void)
{
    const size_t MOST = 60 * 1024; /* a fiber's stack is 64 KiB */
    uintptr_t end = (uintptr_t)__builtin_frame_address(0) + 2 * sizeof(void *);
    end_of(end - MOST, end, false); /* new frames come there: who touches the old ones now has nothing that orders it */
}

void orders_watch(void)
{
    watching = true;
}

/* What was stored is in memory, too: files that are compiled without points.h find the newest there. */
static void mirror(void *p, size_t size, const shadow &object)
{
    uint64_t value = object.newest();
    memcpy(p, &value, size);
}

uint64_t orders_load(void *p, size_t size, orders_memory_order order, const char *file, int line)
{
    uint64_t value = 0;
    if (is_memory(p, size)) {
        memcpy(&value, p, size);
        return value;
    }
    return find(p, size, file, line).load(order_of(order), rl::debug_info("", file, (unsigned)line));
}

void orders_store(void *p, size_t size, uint64_t value, orders_memory_order order, const char *file, int line)
{
    if (is_memory(p, size)) {
        memcpy(p, &value, size);
        return;
    }
    rl::ctx().sched();
    rl::preemption_disabler alone(rl::ctx());
    shadow &object = find(p, size, file, line);
    object.store(value, order_of(order), rl::debug_info("", file, (unsigned)line));
    mirror(p, size, object);
    if (current->stores != nullptr)
        current->stores(p);
}

uint64_t orders_change(void *p, size_t size, orders_kind kind, uint64_t operand, orders_memory_order order,
                       const char *file, int line)
{
    if (is_memory(p, size)) {
        uint64_t before = 0;
        memcpy(&before, p, size);
        uint64_t after = kind == ORDERS_EXCHANGE ? operand
                         : kind == ORDERS_ADD    ? before + operand
                         : kind == ORDERS_OR     ? before | operand
                                                 : before & operand;
        memcpy(p, &after, size);
        return before;
    }
    rl::ctx().sched();
    rl::preemption_disabler alone(rl::ctx());
    shadow &object = find(p, size, file, line);
    uint64_t before = object.change(kind, operand, order_of(order), rl::debug_info("", file, (unsigned)line));
    mirror(p, size, object);
    return before;
}

bool orders_cas(void *p, size_t size, uint64_t *expected, uint64_t wanted, orders_memory_order order,
                orders_memory_order otherwise, const char *file, int line)
{
    if (is_memory(p, size)) {
        fprintf(stderr, "%s:%d: an exchange before the threads begin\n", file, line);
        abort();
    }
    rl::ctx().sched();
    rl::preemption_disabler alone(rl::ctx());
    shadow &object = find(p, size, file, line);
    if (current->takes != nullptr && object.newest() == *expected)
        current->takes(p, *expected, wanted);
    bool done =
        object.cas(*expected, wanted, order_of(order), order_of(otherwise), rl::debug_info("", file, (unsigned)line));
    mirror(p, size, object);
    return done;
}

/* The internal lock's slow path (points.h). */
extern "C" void orders_lock_wait(void *lock)
{
    do
        orders_pause();
    while (orders_change(lock, sizeof(uint32_t), ORDERS_EXCHANGE, 1, ORDERS_ACQUIRE, __FILE__, __LINE__) != 0);
}

/* A read-modify-write finds the newest, and one without release keeps what others have released. */
static void meet(rl::atomic<unsigned> &own, rl::atomic<unsigned> &other)
{
    rl::ctx().sched();
    rl::preemption_disabler alone(rl::ctx());
    own.fetch_add(1, rl::mo_release, RL_INFO);
    other.fetch_add(0, rl::mo_acquire, RL_INFO);
}

void orders_light_fence(void)
{
    meet(barrier->light, barrier->heavy);
}

bool orders_heavy_fence(void)
{
    meet(barrier->heavy, barrier->light);
    return true;
}
