/* SPDX-License-Identifier: Apache-2.0
 *
 * The public headers in C++17: spawning in every form, and what the C++ side leaves untyped. Compiled by
 * scripts/check-headers; each REFUSE number is a line that must not compile. */
#include <weft.h>

#include <weft/words.h>

static void nothing()
{
}

static int convert(long value, const char *text, double number)
{
    return text ? static_cast<int>(value + static_cast<long>(number)) : 0;
}

static void quiet(int) noexcept
{
}

static void take_reference(int &value)
{
    value = 1;
}

struct not_trivial {
    int value;
    not_trivial(int value_) : value(value_)
    {
    }
    not_trivial(const not_trivial &other) : value(other.value + 1)
    {
    }
};

static void take_not_trivial(not_trivial)
{
}

struct large {
    int numbers[100];
};

static void take_large(large, int)
{
}

template <class T> static void generic(T)
{
}

class server
{
    int answer = 42;

public:
    int begin()
    {
        return weft_go([this](int plus) { answer += plus; }, 1);
    }
};

template <class T> static int from_template(T value)
{
    return weft_go(generic<T>, value);
}

static void say(void *)
{
}

static int scoped(int number)
{
    int result = 0;
    weft_scope_options options = {};
    options.limit = 2;
    weft_with_scope(plain) {
        weft_scope_go(&plain, nothing);
        weft_scope_go(&plain, convert, 1, nullptr, 1.5f);
        weft_scope_go(&plain, [&result] { result = 1; });
        weft_scope_go(
            &plain, [&result](int plus) { return result + plus; }, 3);
    }
    weft_with_scope(limited, options) {
        weft_scope_try_go(&limited, quiet, number);
        result = weft_scope_wait(&limited);
        if (result != 0)
            return result;
    }
#if REFUSE == 9
    weft_with_scope(one)
        weft_scope_go(&one, [] { return 1.5; }); // no int
#elif REFUSE == 10
    weft_with_scope(one)
        weft_scope_go(&one, convert, 1, "text"); // too few
#endif
    return 0;
}

int spawn_all();
int spawn_all()
{
    weft_waitgroup wg = WEFT_WAITGROUP_INIT;
    weft_mutex mutex = {};
    int captured = 3;
    unsigned char small = 4;
    large values = {};
    int (*pointer)(long, const char *, double) = &convert;
    server here;

    defer(say, nullptr);
    go(nothing);
    go(convert, 1, "text", 2);
    go(convert, small, nullptr, 1.5f);
    go(convert, 1, 0, 1);
    go(pointer, 1L, "text", 2.0);
    go(quiet, 1);
    go([captured] { (void)captured; });
    go(
        [&captured, &mutex](long by) {
            weft_mutex_lock(&mutex);
            captured += static_cast<int>(by);
            weft_mutex_unlock(&mutex);
        },
        1);
    go(take_large, values, 1);
    weft_go_options options = {"named", 1 << 16};
    go_with(options, nothing);
    go_with((weft_go_options{"named", 0}), convert, 1, "text", 1);
    weft_waitgroup_go(&wg, nothing);
    weft_waitgroup_go(&wg, convert, 1, "text", 1);
    weft_waitgroup_go(&wg, [&captured] { captured++; });
    weft_go_copy(say, &values, sizeof values);
    weft_waitgroup_wait(&wg);
    weft_blocking
    {
        captured++;
    }
#if REFUSE == 1
    go(convert, 1, "text"); // too few
#elif REFUSE == 2
    go(convert, 1, "text", 1, 2);                // too many
#elif REFUSE == 3
    go(convert, "text", "text", 1); // no number
#elif REFUSE == 4
    go(take_reference, captured); // the caller's frame
#elif REFUSE == 5
    go(take_not_trivial, 1); // cannot be copied as bytes
#elif REFUSE == 6
    go(42); // no function
#elif REFUSE == 7
    weft_waitgroup_go(&wg, convert, 1, 2.0, 3); // no pointer
#elif REFUSE == 8
    go([copy = not_trivial(1)] { (void)copy; }); // a capture that cannot be copied as bytes
#endif
    (void)take_reference;
    (void)take_not_trivial;
    go(scoped, 1);
    return here.begin() + from_template(1) + from_template(2.0);
}

static int app(int, char **)
{
    void *channel = weft_chan_make_untyped(sizeof(int), alignof(int), 1, WEFT__SITE);
    int value = 1;
    weft_chan_send_untyped(channel, &value);
    weft_chan_recv_untyped(channel, &value);
    weft_select_case cases[1] = {};
    cases[0].operation = WEFT_SELECT_DEFAULT;
    weft_select(cases, 1);
    weft_chan_release_untyped(channel);
    return spawn_all();
}

int main(int argc, char **argv)
{
    return weft_run(app, argc, argv);
}
