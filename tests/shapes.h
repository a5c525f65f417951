/* SPDX-License-Identifier: Apache-2.0
 *
 * shapes.h - functions of many signatures, for tests of everything that carries a call's arguments.
 *
 * SHAPES(X) is the table: X(number of parameters, function, kinds ...). A kind is a parameter's type together with the type
 * that the caller passes: i8 is an int8_t parameter given an int, fi a float given an int. All values come from
 * shape_seed, so each function can work out what it must have been given: it checks every parameter and then
 * calls shape_done(), which the test that includes this file defines. The second half of the table was drawn at random.
 *
 * SHAPES(SHAPE_DEFINE) defines the functions. For an entry (n, ...) of the table, SHAPE_NAME(...) is its function, and
 * SHAPE_ARGUMENTS_n(...) are the arguments to pass. */
#ifndef WEFT_TESTS_SHAPES_H
#define WEFT_TESTS_SHAPES_H

#include <stdbool.h>
#include <stdint.h>

#include "support.h"

static uint64_t shape_seed; /* changed only while no shape is under way */
static void shape_done(void);

/* The bits that the argument at a position is made of. */
static uint64_t shape_bits(unsigned position)
{
    uint64_t x = shape_seed + (position + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* A number with a fraction, of either sign, that is not the same as a float. */
static double shape_real(unsigned position)
{
    return (double)((int64_t)shape_bits(position) >> 12) * 0x1p-20;
}

enum shape_enum { SHAPE_MINUS = -3, SHAPE_ZERO, SHAPE_LARGE = 70000 };
static enum shape_enum shape_enumerator(unsigned position)
{
    static const enum shape_enum all[] = {SHAPE_MINUS, SHAPE_ZERO, SHAPE_LARGE};
    return all[shape_bits(position) % 3];
}

static void shape_callee_a(int x)
{
    (void)x;
}
static void shape_callee_b(int x)
{
    (void)x;
}
typedef void (*shape_function)(int x);

/* x86-64 alone has a 16-byte floating type in a vector register that is not long double. */
#ifdef __x86_64__
typedef __float128 shape_f128;
#else
typedef long double shape_f128;
#endif

/* Per kind: the parameter's type, and the argument as the caller writes it. */
#define SHAPE_T_b bool
#define SHAPE_A_b(n) ((bool)(shape_bits(n) & 1))
#define SHAPE_T_bi bool
#define SHAPE_A_bi(n) ((int)(shape_bits(n) & 0x100))
#define SHAPE_T_i8 int8_t
#define SHAPE_A_i8(n) ((int)shape_bits(n))
#define SHAPE_T_u8 uint8_t
#define SHAPE_A_u8(n) ((uint8_t)shape_bits(n))
#define SHAPE_T_i16 int16_t
#define SHAPE_A_i16(n) ((long)shape_bits(n))
#define SHAPE_T_u16 uint16_t
#define SHAPE_A_u16(n) ((uint16_t)shape_bits(n))
#define SHAPE_T_i32 int
#define SHAPE_A_i32(n) ((int)shape_bits(n))
#define SHAPE_T_i32c int
#define SHAPE_A_i32c(n) ((signed char)(shape_bits(n) | 0x80)) /* negative */
#define SHAPE_T_u32 uint32_t
#define SHAPE_A_u32(n) ((uint32_t)shape_bits(n))
#define SHAPE_T_u32i uint32_t
#define SHAPE_A_u32i(n) ((int)(shape_bits(n) | 0x80000000u)) /* negative */
#define SHAPE_T_i64 int64_t
#define SHAPE_A_i64(n) ((int64_t)shape_bits(n))
#define SHAPE_T_i64i int64_t
#define SHAPE_A_i64i(n) ((int)(shape_bits(n) | 0x80000000u)) /* negative */
#define SHAPE_T_u64 uint64_t
#define SHAPE_A_u64(n) (shape_bits(n))
#define SHAPE_T_en enum shape_enum
#define SHAPE_A_en(n) (shape_enumerator(n))
#define SHAPE_T_ptr void *
#define SHAPE_A_ptr(n) ((void *)(uintptr_t)shape_bits(n))
#define SHAPE_T_str const char *
#define SHAPE_A_str(n) ((const char *)(uintptr_t)shape_bits(n))
#define SHAPE_T_fun shape_function
#define SHAPE_A_fun(n) (shape_bits(n) & 1 ? shape_callee_a : shape_callee_b)
#define SHAPE_T_f float
#define SHAPE_A_f(n) ((float)shape_real(n))
#define SHAPE_T_fi float
#define SHAPE_A_fi(n) ((int)shape_bits(n))
#define SHAPE_T_d double
#define SHAPE_A_d(n) (shape_real(n))
#define SHAPE_T_df double
#define SHAPE_A_df(n) ((float)shape_real(n))
#define SHAPE_T_di double
#define SHAPE_A_di(n) ((int)shape_bits(n))
#define SHAPE_T_ld long double
#define SHAPE_A_ld(n) (shape_real(n))
#define SHAPE_T_ldi long double
#define SHAPE_A_ldi(n) ((int64_t)shape_bits(n))
#define SHAPE_T_i128 __int128
#define SHAPE_A_i128(n) ((int64_t)shape_bits(n))
#define SHAPE_T_cd double _Complex
#define SHAPE_A_cd(n) (shape_real(n))
#define SHAPE_T_cf float _Complex
#define SHAPE_A_cf(n) ((float)shape_real(n))
#define SHAPE_T_f128 shape_f128
#define SHAPE_A_f128(n) ((int64_t)shape_bits(n))

#define SHAPE_SAME(kind, parameter, n)                                                                                 \
    ((parameter) == (SHAPE_T_##kind)SHAPE_A_##kind(n)                                                                  \
         ? (void)0                                                                                                     \
         : ck_abort_msg("%s: parameter %d (%s) is not what was passed (seed %llu)", __func__, (n) + 1, #kind,          \
                        (unsigned long long)shape_seed))

#define SHAPE_ARGUMENTS_0(name)
#define SHAPE_ARGUMENTS_1(name, k1) SHAPE_A_##k1(0)
#define SHAPE_ARGUMENTS_2(name, k1, k2) SHAPE_A_##k1(0), SHAPE_A_##k2(1)
#define SHAPE_ARGUMENTS_3(name, k1, k2, k3) SHAPE_A_##k1(0), SHAPE_A_##k2(1), SHAPE_A_##k3(2)
#define SHAPE_ARGUMENTS_4(name, k1, k2, k3, k4) SHAPE_A_##k1(0), SHAPE_A_##k2(1), SHAPE_A_##k3(2), SHAPE_A_##k4(3)
#define SHAPE_ARGUMENTS_5(name, k1, k2, k3, k4, k5)                                                                    \
    SHAPE_A_##k1(0), SHAPE_A_##k2(1), SHAPE_A_##k3(2), SHAPE_A_##k4(3), SHAPE_A_##k5(4)
#define SHAPE_ARGUMENTS_6(name, k1, k2, k3, k4, k5, k6)                                                                \
    SHAPE_A_##k1(0), SHAPE_A_##k2(1), SHAPE_A_##k3(2), SHAPE_A_##k4(3), SHAPE_A_##k5(4), SHAPE_A_##k6(5)
#define SHAPE_ARGUMENTS_7(name, k1, k2, k3, k4, k5, k6, k7)                                                            \
    SHAPE_A_##k1(0), SHAPE_A_##k2(1), SHAPE_A_##k3(2), SHAPE_A_##k4(3), SHAPE_A_##k5(4), SHAPE_A_##k6(5),              \
        SHAPE_A_##k7(6)
#define SHAPE_ARGUMENTS_8(name, k1, k2, k3, k4, k5, k6, k7, k8)                                                        \
    SHAPE_A_##k1(0), SHAPE_A_##k2(1), SHAPE_A_##k3(2), SHAPE_A_##k4(3), SHAPE_A_##k5(4), SHAPE_A_##k6(5),              \
        SHAPE_A_##k7(6), SHAPE_A_##k8(7)

#define SHAPE_DEFINE_0(name)                                                                                           \
    static void name(void)                                                                                             \
    {                                                                                                                  \
        shape_done();                                                                                                  \
    }
#define SHAPE_DEFINE_1(name, k1)                                                                                       \
    static void name(SHAPE_T_##k1 p1)                                                                                  \
    {                                                                                                                  \
        SHAPE_SAME(k1, p1, 0);                                                                                         \
        shape_done();                                                                                                  \
    }
#define SHAPE_DEFINE_2(name, k1, k2)                                                                                   \
    static void name(SHAPE_T_##k1 p1, SHAPE_T_##k2 p2)                                                                 \
    {                                                                                                                  \
        SHAPE_SAME(k1, p1, 0);                                                                                         \
        SHAPE_SAME(k2, p2, 1);                                                                                         \
        shape_done();                                                                                                  \
    }
#define SHAPE_DEFINE_3(name, k1, k2, k3)                                                                               \
    static void name(SHAPE_T_##k1 p1, SHAPE_T_##k2 p2, SHAPE_T_##k3 p3)                                                \
    {                                                                                                                  \
        SHAPE_SAME(k1, p1, 0);                                                                                         \
        SHAPE_SAME(k2, p2, 1);                                                                                         \
        SHAPE_SAME(k3, p3, 2);                                                                                         \
        shape_done();                                                                                                  \
    }
#define SHAPE_DEFINE_4(name, k1, k2, k3, k4)                                                                           \
    static void name(SHAPE_T_##k1 p1, SHAPE_T_##k2 p2, SHAPE_T_##k3 p3, SHAPE_T_##k4 p4)                               \
    {                                                                                                                  \
        SHAPE_SAME(k1, p1, 0);                                                                                         \
        SHAPE_SAME(k2, p2, 1);                                                                                         \
        SHAPE_SAME(k3, p3, 2);                                                                                         \
        SHAPE_SAME(k4, p4, 3);                                                                                         \
        shape_done();                                                                                                  \
    }
#define SHAPE_DEFINE_5(name, k1, k2, k3, k4, k5)                                                                       \
    static void name(SHAPE_T_##k1 p1, SHAPE_T_##k2 p2, SHAPE_T_##k3 p3, SHAPE_T_##k4 p4, SHAPE_T_##k5 p5)              \
    {                                                                                                                  \
        SHAPE_SAME(k1, p1, 0);                                                                                         \
        SHAPE_SAME(k2, p2, 1);                                                                                         \
        SHAPE_SAME(k3, p3, 2);                                                                                         \
        SHAPE_SAME(k4, p4, 3);                                                                                         \
        SHAPE_SAME(k5, p5, 4);                                                                                         \
        shape_done();                                                                                                  \
    }
#define SHAPE_DEFINE_6(name, k1, k2, k3, k4, k5, k6)                                                                   \
    static void name(SHAPE_T_##k1 p1, SHAPE_T_##k2 p2, SHAPE_T_##k3 p3, SHAPE_T_##k4 p4, SHAPE_T_##k5 p5,              \
                     SHAPE_T_##k6 p6)                                                                                  \
    {                                                                                                                  \
        SHAPE_SAME(k1, p1, 0);                                                                                         \
        SHAPE_SAME(k2, p2, 1);                                                                                         \
        SHAPE_SAME(k3, p3, 2);                                                                                         \
        SHAPE_SAME(k4, p4, 3);                                                                                         \
        SHAPE_SAME(k5, p5, 4);                                                                                         \
        SHAPE_SAME(k6, p6, 5);                                                                                         \
        shape_done();                                                                                                  \
    }
#define SHAPE_DEFINE_7(name, k1, k2, k3, k4, k5, k6, k7)                                                               \
    static void name(SHAPE_T_##k1 p1, SHAPE_T_##k2 p2, SHAPE_T_##k3 p3, SHAPE_T_##k4 p4, SHAPE_T_##k5 p5,              \
                     SHAPE_T_##k6 p6, SHAPE_T_##k7 p7)                                                                 \
    {                                                                                                                  \
        SHAPE_SAME(k1, p1, 0);                                                                                         \
        SHAPE_SAME(k2, p2, 1);                                                                                         \
        SHAPE_SAME(k3, p3, 2);                                                                                         \
        SHAPE_SAME(k4, p4, 3);                                                                                         \
        SHAPE_SAME(k5, p5, 4);                                                                                         \
        SHAPE_SAME(k6, p6, 5);                                                                                         \
        SHAPE_SAME(k7, p7, 6);                                                                                         \
        shape_done();                                                                                                  \
    }
#define SHAPE_DEFINE_8(name, k1, k2, k3, k4, k5, k6, k7, k8)                                                           \
    static void name(SHAPE_T_##k1 p1, SHAPE_T_##k2 p2, SHAPE_T_##k3 p3, SHAPE_T_##k4 p4, SHAPE_T_##k5 p5,              \
                     SHAPE_T_##k6 p6, SHAPE_T_##k7 p7, SHAPE_T_##k8 p8)                                                \
    {                                                                                                                  \
        SHAPE_SAME(k1, p1, 0);                                                                                         \
        SHAPE_SAME(k2, p2, 1);                                                                                         \
        SHAPE_SAME(k3, p3, 2);                                                                                         \
        SHAPE_SAME(k4, p4, 3);                                                                                         \
        SHAPE_SAME(k5, p5, 4);                                                                                         \
        SHAPE_SAME(k6, p6, 5);                                                                                         \
        SHAPE_SAME(k7, p7, 6);                                                                                         \
        SHAPE_SAME(k8, p8, 7);                                                                                         \
        shape_done();                                                                                                  \
    }
#define SHAPE_DEFINE(n, ...) SHAPE_DEFINE_##n(__VA_ARGS__)

#define SHAPE_NAME(...) SHAPE_NAME_(__VA_ARGS__, )
#define SHAPE_NAME_(name, ...) name

/* clang-format off */
#define SHAPES(X) \
    X(0, shape_0) \
    X(1, shape_1, b) \
    X(1, shape_2, bi) \
    X(1, shape_3, i8) \
    X(1, shape_4, u8) \
    X(1, shape_5, i16) \
    X(1, shape_6, u16) \
    X(1, shape_7, i32) \
    X(1, shape_8, i32c) \
    X(1, shape_9, u32) \
    X(1, shape_10, u32i) \
    X(1, shape_11, i64) \
    X(1, shape_12, i64i) \
    X(1, shape_13, u64) \
    X(1, shape_14, en) \
    X(1, shape_15, ptr) \
    X(1, shape_16, str) \
    X(1, shape_17, fun) \
    X(1, shape_18, f) \
    X(1, shape_19, fi) \
    X(1, shape_20, d) \
    X(1, shape_21, df) \
    X(1, shape_22, di) \
    X(1, shape_23, ld) \
    X(1, shape_24, ldi) \
    X(1, shape_25, i128) \
    X(1, shape_26, cd) \
    X(1, shape_27, cf) \
    X(1, shape_28, f128) \
    X(2, shape_29, i32, ptr) \
    X(3, shape_30, i32, ptr, i64) \
    X(4, shape_31, i32, ptr, i64, u8) \
    X(5, shape_32, i32, ptr, i64, u8, i32) \
    X(6, shape_33, i32, ptr, i64, u8, i32, ptr) \
    X(7, shape_34, i32, ptr, i64, u8, i32, ptr, i64) \
    X(8, shape_35, i32, ptr, i64, u8, i32, ptr, i64, u8) \
    X(2, shape_36, d, d) \
    X(3, shape_37, d, d, d) \
    X(4, shape_38, d, d, d, d) \
    X(5, shape_39, d, d, d, d, d) \
    X(6, shape_40, d, d, d, d, d, d) \
    X(7, shape_41, d, d, d, d, d, d, d) \
    X(8, shape_42, d, d, d, d, d, d, d, d) \
    X(8, shape_43, f, f, f, f, f, f, f, f) \
    X(8, shape_44, fi, fi, fi, fi, fi, fi, fi, fi) \
    X(8, shape_45, ld, ld, ld, ld, ld, ld, ld, ld) \
    X(8, shape_46, ldi, ldi, ldi, ldi, ldi, ldi, ldi, ldi) \
    X(8, shape_47, i128, i128, i128, i128, i128, i128, i128, i128) \
    X(8, shape_48, cd, cd, cd, cd, cd, cd, cd, cd) \
    X(8, shape_49, cf, cf, cf, cf, cf, cf, cf, cf) \
    X(8, shape_50, f128, f128, f128, f128, f128, f128, f128, f128) \
    X(8, shape_51, bi, bi, bi, bi, bi, bi, bi, bi) \
    X(8, shape_52, i8, i8, i8, i8, i8, i8, i8, i8) \
    X(8, shape_53, i16, i16, i16, i16, i16, i16, i16, i16) \
    X(8, shape_54, u32i, u32i, u32i, u32i, u32i, u32i, u32i, u32i) \
    X(8, shape_55, i32c, i32c, i32c, i32c, i32c, i32c, i32c, i32c) \
    X(8, shape_56, i64i, i64i, i64i, i64i, i64i, i64i, i64i, i64i) \
    X(8, shape_57, ptr, d, d, d, d, d, d, d) \
    X(8, shape_58, d, d, d, d, d, d, d, i32) \
    X(8, shape_59, i32, d, i32, d, i32, d, i32, d) \
    X(8, shape_60, d, i32, d, i32, d, i32, d, i32) \
    X(8, shape_61, ld, i32, ld, i32, ld, i32, ld, i32) \
    X(8, shape_62, i32, ld, i32, ld, i32, ld, i32, ld) \
    X(8, shape_63, i128, i32, i128, i32, i128, i32, i128, i32) \
    X(8, shape_64, i32, i128, i32, i128, i32, i128, i32, i128) \
    X(8, shape_65, f, d, ld, di, fi, df, ldi, cd) \
    X(8, shape_66, i32, i32, i32, i32, i32, i32, i32, ld) \
    X(8, shape_67, i32, i32, i32, i32, i32, i32, i32, i128) \
    X(8, shape_68, i32, i32, i32, i32, i32, i32, i8, i16) \
    X(8, shape_69, i32, i32, i32, i32, i32, i32, f, d) \
    X(8, shape_70, i32, i32, i32, i32, i32, i32, i32, bi) \
    X(8, shape_71, ld, ld, ld, ld, i32, i32, i32, i32) \
    X(8, shape_72, i128, i128, i128, i128, i8, d, u16, f) \
    X(8, shape_73, i32, cd, cd, cd, cd, cd, i8, b) \
    X(2, shape_74, fun, u16) \
    X(2, shape_75, u32, fun) \
    X(2, shape_76, fun, u8) \
    X(2, shape_77, i64, str) \
    X(3, shape_78, u16, b, u64) \
    X(3, shape_79, u64, u8, u8) \
    X(3, shape_80, u16, i64, en) \
    X(3, shape_81, str, en, u64) \
    X(4, shape_82, i32, i32, i64, fun) \
    X(4, shape_83, fun, i64, i64, u64) \
    X(4, shape_84, u8, fun, ptr, en) \
    X(4, shape_85, u64, u8, i32, str) \
    X(4, shape_86, i32, i8, u32, d) \
    X(8, shape_87, fi, ld, u32, i32c, ldi, b, i128, fi) \
    X(8, shape_88, di, fi, di, fi, u64, i16, cd, fi) \
    X(3, shape_89, ld, ldi, fi) \
    X(3, shape_90, u8, f, df) \
    X(6, shape_91, f128, u16, ptr, i128, i8, f128) \
    X(3, shape_92, i64, f, f) \
    X(8, shape_93, i32, fun, f128, u16, fun, u32i, en, f) \
    X(5, shape_94, i32, i32, u8, fi, cd) \
    X(3, shape_95, ptr, f, i32) \
    X(8, shape_96, df, u32i, i64i, i128, u8, u32, u64, d) \
    X(5, shape_97, f, str, b, ld, cf) \
    X(5, shape_98, u16, d, ld, bi, i32) \
    X(7, shape_99, di, i64i, df, i16, cd, cd, d) \
    X(2, shape_100, f, cd) \
    X(5, shape_101, i32, df, df, bi, fi) \
    X(3, shape_102, f, str, i16) \
    X(4, shape_103, i16, d, ldi, i32c) \
    X(5, shape_104, cd, u64, di, di, f128) \
    X(8, shape_105, di, str, d, ptr, str, i64i, di, u8) \
    X(8, shape_106, f, ldi, df, fun, df, i16, u32, i8) \
    X(8, shape_107, i64, fi, f, u32, f, u32i, str, fun) \
    X(2, shape_108, df, di) \
    X(8, shape_109, i16, di, cd, ptr, di, fi, i32, u32i) \
    X(3, shape_110, ptr, df, u32i) \
    X(7, shape_111, ld, i32, fi, i128, df, i64i, ldi) \
    X(8, shape_112, i64i, fi, i64, fi, di, fun, u16, cf) \
    X(6, shape_113, u8, df, ld, ldi, f128, df) \
    X(5, shape_114, u16, u8, di, f128, fi) \
    X(4, shape_115, fi, u8, f128, cf) \
    X(6, shape_116, d, u16, ld, f, ld, f) \
    X(4, shape_117, d, di, f, f) \
    X(2, shape_118, f128, u16) \
    X(4, shape_119, ptr, f, i32, di) \
    X(6, shape_120, f, df, i128, f, fi, u8) \
    X(8, shape_121, i64i, i32, i32c, f, bi, en, f128, cd) \
    X(7, shape_122, di, di, ldi, f, i8, cf, cd) \
    X(3, shape_123, i32, i128, i16) \
    X(8, shape_124, f, u32i, fi, u8, b, ldi, i128, d) \
    X(8, shape_125, u32, ptr, i64, df, d, b, i8, fun) \
    X(8, shape_126, df, df, i128, en, b, f, f, cf) \
    X(8, shape_127, b, f, df, i64, ld, u8, f128, i32c) \
    X(6, shape_128, i64i, di, fun, i8, u32, cd) \
    X(8, shape_129, df, bi, f, u16, cf, ldi, cf, cf) \
    X(4, shape_130, i32c, f, i64i, f128) \
    X(8, shape_131, cd, df, f, di, i64i, u32i, fun, bi) \
    X(8, shape_132, u32, fun, fun, u8, u8, df, i128, bi) \
    X(5, shape_133, u32i, d, i64i, df, i32) \
    X(4, shape_134, str, d, ptr, cd) \
    X(3, shape_135, i16, fi, cf) \
    X(8, shape_136, ld, d, u8, cd, i32c, b, i8, u64) \
    X(6, shape_137, i64, u32, i128, fi, en, u32) \
    X(7, shape_138, cf, fun, ptr, df, d, i8, cd) \
    X(6, shape_139, u32, i8, bi, i32c, b, i8) \
    X(5, shape_140, bi, fi, u64, ptr, di) \
    X(4, shape_141, i64, f, df, df) \
    X(6, shape_142, i32c, f128, cf, i64, b, b) \
    X(8, shape_143, ld, fi, d, i32c, u32, df, i128, i64) \
    X(3, shape_144, ptr, cf, u32i) \
    X(2, shape_145, u64, ld) \
    X(4, shape_146, ptr, df, cf, fi) \
    X(3, shape_147, fun, u64, di) \
    X(8, shape_148, cf, f128, ld, cd, i8, d, i8, i128) \
    X(3, shape_149, bi, i32c, b) \
    X(3, shape_150, u32, df, cf) \
    X(4, shape_151, ptr, i16, i32, fun) \
    X(5, shape_152, df, f, d, f, ptr) \
    X(3, shape_153, fun, di, i32) \
    X(5, shape_154, f128, di, u16, f, cf) \
    X(3, shape_155, d, i128, i32c) \
    X(5, shape_156, f, ld, str, f128, cf) \
    X(5, shape_157, f128, u64, fun, d, ldi) \
    X(7, shape_158, cd, u64, u8, cf, en, fi, fi) \
    X(7, shape_159, f128, d, di, en, d, fi, i64)
/* clang-format on */

#endif
