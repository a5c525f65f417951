/* SPDX-License-Identifier: Apache-2.0
 *
 * processors_test.c - affinity, and the quota of control groups read from made-up trees below a temporary folder. */
#include "port/port.h"
#include "port/processors.h"

#include "support.h"

#include <sched.h>
#include <sys/stat.h>

static char root[64];

static void root_make(void)
{
    strcpy(root, "/tmp/weft-processors-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void root_remove(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    ck_assert_int_eq(system(command), 0);
}

/* A file with its folders. */
static void put(const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

#define MOUNTS_BEFORE                                                                                                  \
    "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"                                                          \
    "22 21 0:5 / /proc rw - proc proc rw\n"
#define MOUNT_V2 "30 21 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_V1                                                                                                       \
    "31 21 0:27 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory\n"                                      \
    "32 21 0:28 / /sys/fs/cgroup/cpu,cpuacct rw master:3 shared:11 - cgroup cgroup rw,cpu,cpuacct\n"

START_TEST(p09_quota_of_the_own_group_is_rounded_up)
{
    static const struct {
        const char *text;
        int expected;
    } cases[] = {
        {"max 100000\n", 0},
        {"100000 100000\n", 1},
        {"100001 100000\n", 2},
        {"150000 100000\n", 2},
        {"400000 100000\n", 4},
        {"50000 100000\n", 1},
        {"1000 1000000\n", 1},
        {"", 0},
        {"nonsense\n", 0},
        {"0 100000\n", 0},
        {"100000 0\n", 0},
        {"-1 100000\n", 0},
        {"999999999000 1000\n", 999999999},
    };
    put("/proc/self/cgroup", "0::/a/b\n");
    put("/proc/self/mountinfo", MOUNTS_BEFORE MOUNT_V2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put("/sys/fs/cgroup/a/b/cpu.max", cases[i].text);
        ck_assert_msg(weft__port_quota(root) == cases[i].expected, "\"%s\": %d", cases[i].text, weft__port_quota(root));
    }
}
END_TEST

START_TEST(p09_the_tightest_group_above_counts)
{
    put("/proc/self/cgroup", "0::/a/b/c\n");
    put("/proc/self/mountinfo", MOUNTS_BEFORE MOUNT_V2);
    put("/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
    put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    ck_assert_int_eq(weft__port_quota(root), 3);
    put("/sys/fs/cgroup/a/b/c/cpu.max", "200000 100000\n");
    ck_assert_int_eq(weft__port_quota(root), 2);
    put("/sys/fs/cgroup/cpu.max", "10000 100000\n"); /* a container's top is somebody's group */
    ck_assert_int_eq(weft__port_quota(root), 1);
}
END_TEST

START_TEST(p09_version_1_is_read)
{
    put("/proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/x/y\n1:name=systemd:/z\n0::/\n");
    put("/proc/self/mountinfo", MOUNTS_BEFORE MOUNT_V1);
    put("/sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_period_us", "100000\n");
    ck_assert_int_eq(weft__port_quota(root), 0);
    put("/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "250000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
    ck_assert_int_eq(weft__port_quota(root), 3);
    put("/sys/fs/cgroup/cpu,cpuacct/x/y/cpu.cfs_quota_us", "120000\n");
    ck_assert_int_eq(weft__port_quota(root), 2);
}
END_TEST

/* A container that sees only its own part of the hierarchy, mounted where there is a space in the name. */
START_TEST(p09_the_root_of_the_mount_is_taken_off)
{
    put("/proc/self/cgroup", "0::/outer/inner/me\n");
    put("/proc/self/mountinfo", MOUNTS_BEFORE "30 21 0:26 /outer/inner /my\\040groups rw - cgroup2 cgroup2 rw\n");
    put("/my groups/me/cpu.max", "500000 100000\n");
    ck_assert_int_eq(weft__port_quota(root), 5);
    /* The same words, but another group. */
    put("/proc/self/cgroup", "0::/outer/innermost\n");
    put("/my groups/cpu.max", "700000 100000\n");
    ck_assert_int_eq(weft__port_quota(root), 7);
}
END_TEST

START_TEST(p09_nothing_to_read_means_no_quota)
{
    ck_assert_int_eq(weft__port_quota(root), 0);
    put("/proc/self/cgroup", "0::/a\n");
    ck_assert_int_eq(weft__port_quota(root), 0);
    put("/proc/self/mountinfo", MOUNTS_BEFORE "one short line\n - cgroup2\n30 - cgroup2 x y\n");
    ck_assert_int_eq(weft__port_quota(root), 0);
    put("/proc/self/mountinfo", MOUNTS_BEFORE MOUNT_V2);
    ck_assert_int_eq(weft__port_quota(root), 0);
}
END_TEST

START_TEST(p09_affinity_counts)
{
    ck_assert_int_ge(weft__port_affinity(), 1);
    cpu_set_t set, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    ck_assert_int_eq(weft__port_affinity(), CPU_COUNT(&set));
    ck_assert_int_le(weft__port_processors(), CPU_COUNT(&set));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &set)) {
            CPU_SET(i, &one);
            break;
        }
    }
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_int_eq(weft__port_affinity(), 1);
    ck_assert_int_eq(weft__port_processors(), 1);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("processors");
    TCase *quota = tcase_create("quota");
    tcase_add_checked_fixture(quota, root_make, root_remove);
    tcase_add_test(quota, p09_quota_of_the_own_group_is_rounded_up);
    tcase_add_test(quota, p09_the_tightest_group_above_counts);
    tcase_add_test(quota, p09_version_1_is_read);
    tcase_add_test(quota, p09_the_root_of_the_mount_is_taken_off);
    tcase_add_test(quota, p09_nothing_to_read_means_no_quota);
    suite_add_tcase(all, quota);
    TCase *affinity = tcase_create("affinity");
    tcase_add_test(affinity, p09_affinity_counts);
    suite_add_tcase(all, affinity);
    return all;
}

int main(void)
{
    return test_main(suite());
}
