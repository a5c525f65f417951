// SPDX-License-Identifier: Apache-2.0
//
// exceptions_test.cc - a C++ exception in flight belongs to its goroutine: it may park in a catch block, or in a destructor during
// unwinding, and go on in another thread, while others throw there.
// test-timeout: 240
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include <weft/chan.h>
#include <weft/go.h>
#include <weft/recover.h>
#include <weft/run.h>
#include <weft/sync.h>
#include <weft/time.h>

#include "support.h"

static void park(int i)
{
    if (i % 7 == 3)
        weft_sleep(WEFT_MICROSECOND);
    else
        weft_yield();
}

static std::string what_is_current()
{
    try {
        std::rethrow_exception(std::current_exception());
    } catch (const std::exception &e) {
        return e.what();
    }
}

// Parks while an exception is in flight.
struct parks_at_end {
    int number, in_flight;
    ~parks_at_end()
    {
        test_check(std::uncaught_exceptions() == in_flight);
        park(number);
        test_check(std::uncaught_exceptions() == in_flight);
        try { // an exception of its own beside the one in flight
            parks_quietly(number);
            throw std::runtime_error("inner " + std::to_string(number));
        } catch (const std::exception &e) {
            park(number + 1);
            test_check(e.what() == "inner " + std::to_string(number));
            test_check(std::uncaught_exceptions() == in_flight);
        }
    }
    static void parks_quietly(int number)
    {
        park(number + 2);
    }
};

static void throw_through(int number)
{
    parks_at_end first = {number, 1};
    parks_at_end second = {number + 1, 1};
    throw std::runtime_error("outer " + std::to_string(number));
}

static void nested(int number)
{
    const std::string text = std::to_string(number);
    test_check(std::uncaught_exceptions() == 0 && !std::current_exception());
    try {
        try {
            throw std::runtime_error("first " + text);
        } catch (const std::exception &) {
            park(number);
            test_check(what_is_current() == "first " + text);
            try {
                throw std::logic_error("second " + text);
            } catch (const std::logic_error &) {
                park(number + 1);
                test_check(what_is_current() == "second " + text);
            }
            park(number + 2);
            test_check(what_is_current() == "first " + text);
            throw; // the first one, as this goroutine knows it
        }
    } catch (const std::runtime_error &e) {
        park(number + 3);
        test_check(e.what() == "first " + text && what_is_current() == "first " + text);
    }
    test_check(std::uncaught_exceptions() == 0 && !std::current_exception());
}

static void all(weft_waitgroup *wg, int number, int turns)
{
    for (int i = 0; i < turns; i++) {
        nested(number + i);
        try {
            throw_through(number + i);
        } catch (const std::exception &e) {
            park(i);
            test_check(e.what() == "outer " + std::to_string(number + i));
        }
        test_check(std::uncaught_exceptions() == 0 && !std::current_exception());
    }
    weft_waitgroup_done(wg);
}

// Nothing is in flight in those that begin or go on beside it.
static void clean(weft_waitgroup *wg, int turns)
{
    for (int i = 0; i < turns; i++) {
        test_check(std::uncaught_exceptions() == 0 && !std::current_exception());
        park(i);
    }
    weft_waitgroup_done(wg);
}

// Ends in a catch block; who has the stack and the thread next has nothing of it. The exception itself is lost, as all is that the
// frames own: AddressSanitizer would say so.
static void exits(weft_waitgroup *wg)
{
    if (TEST_ASAN) {
        weft_waitgroup_done(wg);
        return;
    }
    try {
        throw 1;
    } catch (int) {
        weft_waitgroup_done(wg);
        weft_exit();
    }
}

static void panic_in_a_catch_block(void *number)
{
    try {
        throw *static_cast<int *>(number);
    } catch (int) {
        weft_yield();
        weft_panic("caught, and a panic");
    }
}

// What was in flight at the call is so again, and nothing else.
static void recovers(weft_waitgroup *wg, int number)
{
    if (!TEST_ASAN) { // as above
        test_check(weft_recover(panic_in_a_catch_block, &number, nullptr));
        test_check(std::uncaught_exceptions() == 0 && !std::current_exception());
        try {
            throw std::runtime_error("around");
        } catch (const std::exception &) {
            test_check(weft_recover(panic_in_a_catch_block, &number, nullptr));
            test_check(what_is_current() == "around");
        }
        test_check(std::uncaught_exceptions() == 0 && !std::current_exception());
    }
    weft_waitgroup_done(wg);
}

static int crowd(int, char **)
{
    weft_waitgroup wg = {};
    for (int i = 0; i < test_goroutines(2000) / 5; i++) {
        weft_waitgroup_add(&wg, 4);
        test_check(weft_go(all, &wg, 100 * i, test_iterations(20)) == 0);
        test_check(weft_go(clean, &wg, test_iterations(20)) == 0);
        test_check(weft_go(exits, &wg) == 0);
        test_check(weft_go(recovers, &wg, i) == 0);
    }
    try {
        throw std::runtime_error("main");
    } catch (const std::exception &e) {
        weft_waitgroup_wait(&wg);
        test_check(what_is_current() == "main" && std::string(e.what()) == "main");
    }
    test_check(std::uncaught_exceptions() == 0 && !std::current_exception());
    return 0;
}

START_TEST(exceptions_are_the_goroutines)
{
    test_run(crowd);
}
END_TEST

START_TEST(exceptions_migrate)
{
    setenv("WEFT_DEBUG", "migrate", 1);
    test_run(crowd);
}
END_TEST

int main()
{
    Suite *suite = suite_create("exceptions");
    TCase *tests = tcase_create("exceptions");
    tcase_add_test(tests, exceptions_are_the_goroutines);
    tcase_add_test(tests, exceptions_migrate);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
