/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_test - logfmt or JSON lines on stderr
 *
 * Each case writes to a pipe in place of stderr.  Secrets stay registered for
 * the rest of the process, so those used here appear in no other case.
 */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log_capture.h"
#include "base/mem.h"
#include "base/thread.h"

/* The line without its time, which is checked for its form. */
static void assert_line(void **state, const char *expected)
{
    struct str line = log_captured(state);
    assert_true(str_starts(line, STR("ts=")));
    int64_t us;
    bool has_zone;
    assert_true(clock_parse_timestamp(str_head(str_skip(line, 3), 24), &us, &has_zone));
    assert_true(has_zone && line.ptr[26] == 'Z');
    int64_t now_us = clock_wall_us();
    assert_true(us <= now_us && us > now_us - INT64_C(60000000));
    assert_string_equal(line.ptr + 28, expected);
}

static void fields_are_logfmt(void **state)
{
    log_line(LOG_INFO, "commit", LOG_S("table", "t"), LOG_I("version", INT64_MIN),
             LOG_D("rate", 1.5), LOG_STR("part", str_head(STR("abc"), 2)), LOG_END);
    assert_line(state,
                "level=info module=base event=commit table=t version=-9223372036854775808 rate=1.5 "
                "part=ab\n");
}

static void values_are_quoted_when_they_have_to_be(void **state)
{
    log_line(LOG_WARN, "e v", LOG_S("a", ""), LOG_S("b", NULL), LOG_S("c", "x y"),
             LOG_S("d", "a=b"), LOG_S("e", "say \"hi\""), LOG_S("f", "l1\nl2\x1b"),
             LOG_S("g", "\\"), LOG_S("h", "käse"), LOG_S("i", "\xff"), LOG_S("j", "a,b:c/d"),
             LOG_D("k", (double)NAN), LOG_J("l", STR("{\"a\":1}")), LOG_END);
    assert_line(state, "level=warn module=base event=\"e v\" a=\"\" b=\"\" c=\"x y\" d=\"a=b\" "
                       "e=\"say \\\"hi\\\"\" f=\"l1\\nl2\\u001b\" g=\"\\\\\" h=käse "
                       "i=\"\xEF\xBF\xBD\" j=a,b:c/d k=nan l=\"{\\\"a\\\":1}\"\n");
}

static void lines_below_the_level_are_dropped(void **state)
{
    assert_true(log_is_on(LOG_INFO));
    assert_false(log_is_on(LOG_DEBUG));
    log_line(LOG_DEBUG, "no", LOG_END);
    assert_int_equal(log_captured(state).len, 0);
    log_open(LOG_ERROR, LOG_LOGFMT);
    log_line(LOG_WARN, "no", LOG_END);
    assert_int_equal(log_captured(state).len, 0);
    log_line(LOG_ERROR, "yes", LOG_END);
    assert_line(state, "level=error module=base event=yes\n");
    log_open(LOG_DEBUG, LOG_LOGFMT);
    log_line(LOG_DEBUG, "yes", LOG_END);
    assert_line(state, "level=debug module=base event=yes\n");
}

static void log_elsewhere(void *user)
{
    (void)user;
    log_line(LOG_INFO, "elsewhere", LOG_END);
}

static void query_is_a_context_of_the_thread(void **state)
{
    char name[] = "orders";
    log_set_query(name);
    name[0] = 'x'; /* it was copied */
    log_line(LOG_INFO, "here", LOG_I("n", 1), LOG_END);
    assert_line(state, "level=info module=base event=here query=orders n=1\n");
    struct thread t = {0};
    thread_start(&t, "elsewhere", log_elsewhere, NULL);
    thread_join(&t);
    assert_line(state, "level=info module=base event=elsewhere query=orders\n");
    log_set_query(NULL);
    log_line(LOG_INFO, "here", LOG_END);
    assert_line(state, "level=info module=base event=here\n");
}

static void log_renamed(void *user)
{
    (void)user;
    log_line(LOG_INFO, "inherited", LOG_END);
    log_set_query("other");
    (void)log_set_batch(8);
}

static void batch_is_context_until_the_end_of_the_scope(void **state)
{
    log_set_query("orders");
    {
        LOG_IN_BATCH(7);
        log_line(LOG_INFO, "a", LOG_END);
        assert_line(state, "level=info module=base event=a query=orders batch=7\n");
        struct thread t = {0};
        thread_start(&t, "elsewhere", log_renamed, NULL);
        thread_join(&t);
        assert_line(state, "level=info module=base event=inherited query=orders batch=7\n");
        log_line(LOG_INFO, "c", LOG_END);
        assert_line(state, "level=info module=base event=c query=orders batch=7\n");
    }
    log_line(LOG_INFO, "d", LOG_END);
    assert_line(state, "level=info module=base event=d query=orders\n");
}

static void field_of_the_line_goes_before_its_context(void **state)
{
    log_set_query("orders");
    LOG_IN_BATCH(7);
    log_line(LOG_INFO, "a", LOG_I("batch", 9), LOG_S("query", "x"), LOG_END);
    assert_line(state, "level=info module=base event=a batch=9 query=x\n");
}

static void module_is_the_folder_of_the_line(void **state)
{
    (void)state;
    assert_int_equal(log_module_of("../src/store/s3.c"), LOG_MODULE_STORE);
    assert_int_equal(log_module_of("src/cli/run.c"), LOG_MODULE_CLI);
    assert_int_equal(log_module_of("job/run.c"), LOG_MODULE_JOB);
    assert_int_equal(log_module_of("elsewhere/run.c"), LOG_MODULE_BASE);
    assert_int_equal(log_module_of("run.c"), LOG_MODULE_BASE);
    for (size_t i = 0; i < LOG_MODULE_COUNT; i++) {
        AUTO_FREE char *path = mem_printf("/x/src/%s/y.c", log_module_name((enum log_module)i));
        assert_int_equal(log_module_of(path), i);
    }
}

static void each_module_has_its_level(void **state)
{
    struct log_levels levels;
    struct err err;
    assert_int_equal(log_levels_parse(STR("store=debug, warn ,delta=error"), &levels, &err), 0);
    log_open_levels(&levels, LOG_LOGFMT);
    log_line_in(LOG_MODULE_STORE, LOG_DEBUG, "a", LOG_END);
    assert_line(state, "level=debug module=store event=a\n");
    log_line_in(LOG_MODULE_JOB, LOG_INFO, "b", LOG_END);
    log_line_in(LOG_MODULE_DELTA, LOG_WARN, "c", LOG_END);
    assert_false(log_is_on(LOG_INFO));
    assert_true(log_is_on(LOG_WARN));
    assert_int_equal(log_captured(state).len, 0);
    log_line_in(LOG_MODULE_JOB, LOG_WARN, "d", LOG_END);
    assert_line(state, "level=warn module=job event=d\n");
    assert_int_equal(log_levels_parse(STR("kafka=debug"), &levels, &err), 0);
    assert_int_equal(levels.of[LOG_MODULE_KAFKA], LOG_DEBUG);
    assert_int_equal(levels.of[LOG_MODULE_CLI], LOG_INFO);
}

static void bad_levels_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "no level is given"},
        {"verbose", "there is no level \"verbose\", but debug, info, warn, error"},
        {"warning", "there is no level \"warning\", but debug, info, warn, error"},
        {"inof", "there is no level \"inof\", but debug, info, warn, error"},
        {"errors", "there is no level \"errors\"; did you mean \"error\"?"},
        {"info,stores=debug", "there is no module \"stores\"; did you mean \"store\"?"},
        {"all=debug", "there is no module \"all\", but base, column, store, codec, sql, delta, "
                      "connect, kafka, plan, job, http, cli"},
        {"info,", "there is no level \"\", but debug, info, warn, error"},
        {"store=", "there is no level \"\", but debug, info, warn, error"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct log_levels levels;
        struct err err;
        assert_int_equal(log_levels_parse(str_of(cases[i].text), &levels, &err), ERR_CONFIG);
        assert_string_equal(err.msg, cases[i].message);
    }
}

static int64_t now_us;

static int64_t test_clock(void)
{
    return now_us;
}

static void repeats_are_left_out_and_counted(void **state)
{
    log_use_clock(test_clock);
    now_us = 1000000;
    log_set_query("q");
    for (int i = 0; i < 5; i++) {
        log_often(LOG_WARN, NULL, "again", LOG_I("i", i), LOG_END);
    }
    assert_line(state, "level=warn module=base event=again query=q i=0\n");
    log_often(LOG_WARN, "key", "again", LOG_END);
    assert_line(state, "level=warn module=base event=again query=q\n");
    now_us += 9999999;
    log_often(LOG_WARN, NULL, "again", LOG_END);
    assert_int_equal(log_captured(state).len, 0);
    now_us += 1;
    log_often(LOG_WARN, NULL, "again", LOG_I("i", 9), LOG_END);
    assert_line(state, "level=warn module=base event=again query=q i=9 repeated=5\n");
    log_often_in(LOG_MODULE_STORE, LOG_WARN, NULL, "again", LOG_END);
    assert_line(state, "level=warn module=store event=again query=q\n");
    log_set_query("r");
    log_often(LOG_WARN, NULL, "again", LOG_END);
    assert_line(state, "level=warn module=base event=again query=r\n");
    log_often(LOG_DEBUG, NULL, "again", LOG_END); /* off: not even counted */
    log_often(LOG_WARN, NULL, "again", LOG_END);
    log_flush();
    assert_line(state, "level=warn module=base event=suppressed query=r of=again repeated=1\n");
    log_flush();
    assert_int_equal(log_captured(state).len, 0);
    log_use_clock(NULL);
}

static void lines_are_counted_by_level(void **state)
{
    (void)state;
    uint64_t before[LOG_LEVEL_COUNT];
    uint64_t after[LOG_LEVEL_COUNT];
    log_counts(before);
    log_line(LOG_DEBUG, "off", LOG_END);
    log_line(LOG_INFO, "on", LOG_END);
    log_line(LOG_ERROR, "on", LOG_END);
    log_line(LOG_ERROR, "on", LOG_END);
    log_counts(after);
    static const uint64_t grown[LOG_LEVEL_COUNT] = {0, 1, 0, 2};
    for (size_t i = 0; i < LOG_LEVEL_COUNT; i++) {
        assert_int_equal(after[i] - before[i], grown[i]);
    }
}

static void errors_are_logged_with_their_place(void **state)
{
    struct err err;
    err_set_retry(&err, "put \"x\": 503");
    err.file = "src/x.c";
    err.line = 7;
    log_err(LOG_ERROR, "failed", &err);
    assert_line(
        state,
        "level=error module=base event=failed code=io message=\"put \\\"x\\\": 503\" retry=true "
        "at=src/x.c:7\n");
}

static struct json *captured_json(void **state, struct arena *arena)
{
    struct str line = log_captured(state);
    assert_int_equal(str_find(line, '\n'), line.len - 1);
    struct json *root = NULL;
    struct err err;
    if (json_parse(arena, line, &root, &err) < 0) {
        fail_msg("%s: %s", err.msg, line.ptr);
    }
    return root;
}

static void json_lines_are_one_object_each(void **state)
{
    AUTO_ARENA struct arena arena = {0};
    log_open(LOG_INFO, LOG_JSON);
    assert_int_equal(log_format_now(), LOG_JSON);
    log_set_query("q\"1");
    log_line(LOG_INFO, "progress", LOG_S("text", "a\n\"\xff"), LOG_I("n", -5), LOG_D("d", 0.25),
             LOG_D("inf", (double)INFINITY), LOG_J("tree", STR("{\n \"x\" : [1, 2]\n}")),
             LOG_J("broken", STR("{\"x\"")), LOG_END);
    struct json *root = captured_json(state, &arena);
    static const char *const names[] = {"ts", "level", "module", "event", "query", "text",
                                        "n",  "d",     "inf",    "tree",  "broken"};
    size_t at = 0;
    json_foreach (member, root) {
        assert_true(str_eq_c(member->name, names[at++]));
    }
    assert_int_equal(at, ARRAY_COUNT(names));
    assert_int_equal(json_find(root, "ts")->text.len, 24);
    assert_true(str_eq_c(json_find(root, "level")->text, "info"));
    assert_true(str_eq_c(json_find(root, "query")->text, "q\"1"));
    assert_true(str_eq_c(json_find(root, "text")->text, "a\n\"\xEF\xBF\xBD"));
    assert_true(str_eq_c(json_find(root, "n")->text, "-5"));
    assert_true(str_eq_c(json_find(root, "d")->text, "0.25"));
    assert_int_equal(json_find(root, "inf")->kind, JSON_NULL);
    assert_int_equal(json_find(json_find(root, "tree"), "x")->count, 2);
    assert_true(str_eq_c(json_find(root, "broken")->text, "{\"x\""));
}

static void secrets_are_masked_in_every_value(void **state)
{
    AUTO_ARENA struct arena arena = {0};
    log_mask(STR("hunter2"));
    log_mask(STR("hunter2-and-more"));
    log_mask(STR("se\"cr\net/"));
    log_mask(STR("abc")); /* too short */
    log_mask(STR("it's\\me"));
    log_set_query("x-hunter2");
    log_line(LOG_INFO, "e-hunter2", LOG_S("a", "hunter2"), LOG_S("b", "hunter2-and-more!"),
             LOG_S("c", "hunterhunter2hunter2"), LOG_S("d", "se\"cr\net/"), LOG_S("e", "abc"),
             LOG_J("f", STR("{\"p\":\"se\\\"cr\\net/\"}")), LOG_S("g", "k=se%22cr%0Aet%2F&x"),
             LOG_S("h", "='it''s\\me'"), LOG_S("i", "\"it''s\\\\me\""), LOG_END);
    assert_line(
        state,
        "level=info module=base event=e-*** query=x-*** a=*** b=***! c=hunter****** d=*** e=abc "
        "f=\"{\\\"p\\\":\\\"***\\\"}\" g=\"k=***&x\" "
        "h=\"='***'\" i=\"\\\"***\\\"\"\n");
    log_open(LOG_INFO, LOG_JSON);
    log_line(LOG_INFO, "e", LOG_J("f", STR("{\"p\":\"se\\\"cr\\net/\",\"q\":1}")), LOG_END);
    struct json *root = captured_json(state, &arena);
    assert_true(str_eq_c(json_find(json_find(root, "f"), "p")->text, "***"));
    struct err err;
    err_set(&err, ERR_CONFIG, "password hunter2 refused");
    log_err(LOG_ERROR, "failed", &err);
    assert_int_equal(str_find_str(log_captured(state), STR("hunter2")), -1);
}

static void secret_that_breaks_json_leaves_a_string(void **state)
{
    AUTO_ARENA struct arena arena = {0};
    log_mask(STR("867530912"));
    log_open(LOG_INFO, LOG_JSON);
    log_line(LOG_INFO, "e", LOG_J("f", STR("{\"p\":867530912}")), LOG_END);
    struct json *root = captured_json(state, &arena);
    assert_true(str_eq_c(json_find(root, "f")->text, "{\"p\":***}"));
}

static void secret_like_a_level_does_not_garble_the_line(void **state)
{
    log_mask(STR("warn"));
    log_line(LOG_WARN, "e", LOG_S("a", "warning"), LOG_END);
    assert_line(state, "level=warn module=base event=e a=***ing\n");
}

static void text_is_masked_in_place(void **state)
{
    (void)state;
    log_mask(STR("s3cr3t"));
    log_mask(STR("s3cr3t"));
    char text[] = "s3cr3t s3cr3 s3cr3ts3cr3t";
    log_mask_text(text);
    assert_string_equal(text, "*** s3cr3 ******");
    char empty[] = "";
    log_mask_text(empty);
    assert_string_equal(empty, "");
}

static void line_that_is_too_large_says_so(void **state)
{
    enum { BYTES = 2 << 20 };
    AUTO_FREE char *large = mem_alloc(BYTES);
    memset(large, 'x', BYTES);
    log_line(LOG_INFO, "e", LOG_STR("a", str_n(large, BYTES)), LOG_END);
    assert_line(
        state, "level=info module=base event=e error=\"the fields of this line were too large\"\n");
    AUTO_ARENA struct arena arena = {0};
    log_open(LOG_INFO, LOG_JSON);
    log_line(LOG_INFO, "e", LOG_STR("a", str_n(large, 600000)), LOG_STR("b", str_n(large, 600000)),
             LOG_END);
    assert_non_null(json_find(captured_json(state, &arena), "error"));
}

static void logging_leaves_errno_alone(void **state)
{
    struct log_capture *c = *state;
    errno = EAGAIN;
    log_line(LOG_INFO, "e", LOG_END);
    assert_int_equal(errno, EAGAIN);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    dup2(full, STDERR_FILENO);
    errno = EAGAIN;
    log_line(LOG_INFO, "lost", LOG_END);
    assert_int_equal(errno, EAGAIN);
    dup2(c->pipe[1], STDERR_FILENO);
    fd_close(&full);
    assert_line(state, "level=info module=base event=e\n");
}

enum { WRITERS = 4, LINES = 200 };

static void log_many(void *user)
{
    for (int64_t i = 0; i < LINES; i++) {
        log_line(LOG_INFO, "many", LOG_STR("from", *(struct str *)user), LOG_I("i", i), LOG_END);
    }
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    struct str names[WRITERS];
    struct thread threads[WRITERS] = {0};
    char text[WRITERS][300];
    for (size_t i = 0; i < WRITERS; i++) {
        memset(text[i], 'A' + (int)i, sizeof(text[i]));
        names[i] = str_n(text[i], sizeof(text[i]));
        thread_start(&threads[i], "log", log_many, &names[i]);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        thread_join(&threads[i]);
    }
    struct str rest = log_captured(state);
    struct str line;
    int64_t next[WRITERS] = {0};
    while (str_split(&rest, '\n', &line) && line.len > 0) {
        ptrdiff_t from = str_find_str(line, STR("from="));
        size_t writer = (size_t)(line.ptr[from + 5] - 'A');
        assert_true(writer < WRITERS);
        AUTO_FREE char *tail =
            mem_printf("from=%.*s i=%" PRId64, STR_FMT(names[writer]), next[writer]++);
        assert_true(str_ends(line, str_of(tail)));
    }
    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(next[i], LINES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_are_logfmt, log_capture_begin, log_capture_end),
        cmocka_unit_test_setup_teardown(values_are_quoted_when_they_have_to_be, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(lines_below_the_level_are_dropped, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(query_is_a_context_of_the_thread, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(errors_are_logged_with_their_place, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(json_lines_are_one_object_each, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(secrets_are_masked_in_every_value, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(secret_that_breaks_json_leaves_a_string, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(secret_like_a_level_does_not_garble_the_line,
                                        log_capture_begin, log_capture_end),
        cmocka_unit_test_setup_teardown(text_is_masked_in_place, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(line_that_is_too_large_says_so, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(logging_leaves_errno_alone, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(lines_of_several_threads_do_not_mix, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(batch_is_context_until_the_end_of_the_scope,
                                        log_capture_begin, log_capture_end),
        cmocka_unit_test_setup_teardown(field_of_the_line_goes_before_its_context,
                                        log_capture_begin, log_capture_end),
        cmocka_unit_test_setup_teardown(module_is_the_folder_of_the_line, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(each_module_has_its_level, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(bad_levels_are_named, log_capture_begin, log_capture_end),
        cmocka_unit_test_setup_teardown(repeats_are_left_out_and_counted, log_capture_begin,
                                        log_capture_end),
        cmocka_unit_test_setup_teardown(lines_are_counted_by_level, log_capture_begin,
                                        log_capture_end),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
