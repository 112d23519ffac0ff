/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem_test - allocation that does not fail
 */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void zero_bytes_are_an_allocation_too(void **state)
{
    (void)state;
    AUTO_FREE void *a = mem_alloc(0);
    AUTO_FREE void *b = mem_zalloc(0);
    AUTO_FREE void *c = mem_dup(NULL, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    a = mem_realloc(a, 0);
    assert_non_null(a);
}

static void copies_are_equal_and_separate(void **state)
{
    (void)state;
    char text[] = "abc";
    AUTO_FREE char *copy = mem_strdup(text);
    AUTO_FREE char *bytes = mem_dup(text, 2);
    text[0] = 'x';
    assert_string_equal(copy, "abc");
    assert_memory_equal(bytes, "ab", 2);
    assert_null(mem_strdup(NULL));
}

static void printf_gives_the_whole_text(void **state)
{
    (void)state;
    AUTO_FREE char *text = mem_printf("%s/%05d", "a", 42);
    assert_string_equal(text, "a/00042");
}

static void arrays_are_zeroed(void **state)
{
    (void)state;
    AUTO_FREE int *numbers = mem_new_array(int, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(numbers[i], 0);
    }
}

static void freep_frees_and_clears(void **state)
{
    (void)state;
    char *text = mem_strdup("abc");
    mem_freep(&text);
    assert_null(text);
    mem_freep(&text); /* NULL is fine */
}

/* Runs `fn` in a child and returns the signal that ended it. */
static int signal_of(void (*fn)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        fn();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void overflow(void)
{
    mem_free(mem_alloc(mem_product(SIZE_MAX / 2, 3)));
}

static void array_beyond_the_address_space_aborts(void **state)
{
    (void)state;
    assert_int_equal(mem_product(SIZE_MAX, 1), SIZE_MAX);
    assert_int_equal(mem_product(0, SIZE_MAX), 0);
    assert_int_equal(signal_of(overflow), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_bytes_are_an_allocation_too),
        cmocka_unit_test(copies_are_equal_and_separate),
        cmocka_unit_test(printf_gives_the_whole_text),
        cmocka_unit_test(arrays_are_zeroed),
        cmocka_unit_test(freep_frees_and_clears),
        cmocka_unit_test(array_beyond_the_address_space_aborts),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
