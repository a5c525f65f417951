/* SPDX-License-Identifier: Apache-2.0
 *
 * weft/go_cpp.h - weft_go, weft_go_with and weft_waitgroup_go for C++17; included by weft/go.h, not by programs.
 *
 * A function (or a pointer to one) and its arguments, converted to its parameter types as an ordinary call does, or a
 * callable object (a lambda with or without captures) and its arguments, go into one value that the library copies as
 * bytes into the goroutine. So what is stored must be trivially copyable, and a parameter may not be a
 * reference: it would point into the frame of the caller, who does not wait. No standard header is needed. */
#ifndef WEFT_GO_CPP_H
#define WEFT_GO_CPP_H

#include <weft/base.h>

/* What <type_traits> would give. */
template <class T> struct weft__identity {
    using type = T;
};
template <class T> struct weft__is_reference {
    static constexpr bool value = false;
};
template <class T> struct weft__is_reference<T &> {
    static constexpr bool value = true;
};
template <class T> struct weft__is_reference<T &&> {
    static constexpr bool value = true;
};
template <class T, bool = __is_class(T)> struct weft__if_class {
};
template <class T> struct weft__if_class<T, true> {
    using type = int;
};

/* The arguments, one after the other. apply calls fn with all of them. */
template <class... Stored> struct weft__pack {
    template <class Callable, class... Before> decltype(auto) apply(Callable &fn, Before &...before)
    {
        return fn(before...);
    }
};
template <class First, class... Rest> struct weft__pack<First, Rest...> {
    First first;
    weft__pack<Rest...> rest;

    explicit weft__pack(First first_, Rest... rest_) : first(first_), rest(rest_...)
    {
    }
    template <class Callable, class... Before> decltype(auto) apply(Callable &fn, Before &...before)
    {
        return rest.apply(fn, before..., first);
    }
};

template <class T, class U> struct weft__is_same {
    static constexpr bool value = false;
};
template <class T> struct weft__is_same<T, T> {
    static constexpr bool value = true;
};

/* What the goroutine gets a copy of. */
template <class Callable, class... Stored> struct weft__bound {
    Callable fn;
    weft__pack<Stored...> arguments;

    static void start(void *copy)
    {
        weft__bound *self = static_cast<weft__bound *>(copy);
        (void)self->arguments.apply(self->fn);
    }
    static int start_for_result(void *copy)
    {
        weft__bound *self = static_cast<weft__bound *>(copy);
        using result = decltype(self->arguments.apply(self->fn));
        static_assert(weft__is_same<result, void>::value || weft__is_same<result, int>::value,
                      "weft_scope_go: the function must return an int (0 or an error) or nothing");
        if constexpr (weft__is_same<result, int>::value)
            return self->arguments.apply(self->fn);
        else
            self->arguments.apply(self->fn);
        return 0;
    }
};

/* starter(value) spawns a goroutine that starts value, a weft__bound. */
template <class Starter, class Callable, class... Stored>
int weft__go_bound(const Starter &starter, Callable fn, Stored... arguments)
{
    using bound = weft__bound<Callable, Stored...>;
    static_assert(__is_trivially_copyable(bound),
                  "weft_go: what is passed is copied as bytes; pass a pointer to the rest");
    static_assert(alignof(bound) <= 16 && sizeof(bound) <= 65536,
                  "weft_go: the arguments are too large or too aligned");
    bound value{fn, weft__pack<Stored...>(arguments...)};
    return starter(value);
}

/* The parameter types come from fn alone, so that arguments are converted (0 and NULL to a pointer, too). */
template <class Starter, class Result, class... Parameters>
int weft__go(const Starter &starter, Result (*fn)(Parameters...),
             typename weft__identity<Parameters>::type... arguments)
{
    static_assert(!(false || ... || weft__is_reference<Parameters>::value),
                  "weft_go: a parameter may not be a reference: the caller's frame does not wait for the goroutine");
    return weft__go_bound<Starter, Result (*)(Parameters...), Parameters...>(starter, fn, arguments...);
}

template <class Starter, class Callable, class... Arguments, typename weft__if_class<Callable>::type = 0>
int weft__go(const Starter &starter, Callable fn, Arguments... arguments)
{
    return weft__go_bound<Starter, Callable, Arguments...>(starter, fn, arguments...);
}

struct weft__go_starter {
    const weft_site *site;
    const weft_go_options *options;

    template <class Bound> int operator()(const Bound &value) const
    {
        return weft_go_copy_at(site, options, &Bound::start, &value, sizeof value);
    }
};

inline const weft_go_options *weft__options_of(const weft_go_options &options)
{
    return &options;
}

/* The options live until the spawn is done: to the end of the full expression. */
#define weft_go(...) weft__go(weft__go_starter{WEFT__SITE, nullptr}, __VA_ARGS__)
#define weft_go_with(options, ...) weft__go(weft__go_starter{WEFT__SITE, weft__options_of(options)}, __VA_ARGS__)

#endif
