/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_compile_test - .proto files through protoc; skipped where it is not installed, but for
 * what is said then
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "codec/protobuf.h"
#include "codec/protobuf_compile.h"

static bool has_protoc(void)
{
    return access("/usr/bin/protoc", X_OK) == 0 || access("/usr/local/bin/protoc", X_OK) == 0;
}

/* A folder with main.proto, which imports part.proto from the folder `parts`. */
static char *make_folder(const char *main_text)
{
    struct err err;
    char *folder;
    assert_int_equal(fs_make_temp_dir("/tmp", "compile-test", &folder, &err), 0);
    AUTO_FREE char *parts = mem_printf("%s/parts", folder);
    AUTO_FREE char *part = mem_printf("%s/parts/part.proto", folder);
    AUTO_FREE char *main_path = mem_printf("%s/main.proto", folder);
    assert_int_equal(fs_make_dirs(parts, &err), 0);
    assert_int_equal(fs_write_file(part,
                                   STR("syntax = \"proto3\";\npackage x;\n"
                                       "message Part { int32 n = 1; }\n"),
                                   &err),
                     0);
    assert_int_equal(fs_write_file(main_path, str_of(main_text), &err), 0);
    return folder;
}

static void remove_folder(char *folder)
{
    struct err err;
    assert_int_equal(fs_remove_tree(folder, &err), 0);
    mem_free(folder);
}

static int compile(const char *folder, bool with_parts, struct buf *out, struct err *err)
{
    AUTO_FREE char *file = mem_printf("%s/main.proto", folder);
    AUTO_FREE char *parts = mem_printf("%s/parts", folder);
    const char *files[] = {file, NULL};
    const char *includes[] = {folder, parts, NULL};
    return codec_protobuf_compile(files, with_parts ? includes : NULL, out, err);
}

static void a_file_and_its_imports_become_a_set(void **state)
{
    (void)state;
    if (!has_protoc()) {
        skip();
    }
    char *folder = make_folder("syntax = \"proto3\";\npackage x;\nimport \"part.proto\";\n"
                               "message Main { Part part = 1; }\n");
    AUTO_BUF struct buf set = {0};
    struct err err = {0};
    if (compile(folder, true, &set, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    AUTO_ARENA struct arena arena = {0};
    struct codec_options options = {.protobuf_descriptors = buf_str(&set),
                                    .protobuf_message = STR("Main")};
    const struct type *type;
    assert_int_equal(codec_describe(STR("protobuf"), &options, &arena, &type, &err), 0);
    AUTO_BUF struct buf text = {0};
    type_print(type, &text);
    assert_string_equal(text.ptr, "STRUCT<part: STRUCT<n: INT>>");
    remove_folder(folder);
}

static void the_folder_of_a_file_is_looked_into_when_none_is_named(void **state)
{
    (void)state;
    if (!has_protoc()) {
        skip();
    }
    char *folder = make_folder("syntax = \"proto3\";\nmessage Main { int32 n = 1; }\n");
    AUTO_BUF struct buf set = {0};
    struct err err = {0};
    assert_int_equal(compile(folder, false, &set, &err), 0);
    assert_true(set.len > 0);
    remove_folder(folder);
}

static void what_protoc_refuses_is_told_with_file_and_line(void **state)
{
    (void)state;
    if (!has_protoc()) {
        skip();
    }
    char *folder = make_folder("syntax = \"proto3\";\nmessage Main {\n  int33 n = 1;\n}\n");
    AUTO_BUF struct buf set = {0};
    struct err err = {0};
    assert_int_equal(compile(folder, true, &set, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "main.proto:3:3: \"int33\" is not defined"));
    assert_null(strchr(err.msg, '\n'));
    assert_int_equal(set.len, 0);
    remove_folder(folder);
}

static void a_missing_protoc_says_what_to_install(void **state)
{
    (void)state;
    AUTO_FREE char *path = mem_strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    const char *files[] = {"main.proto", NULL};
    AUTO_BUF struct buf set = {0};
    struct err err = {0};
    int rc = codec_protobuf_compile(files, NULL, &set, &err);
    setenv("PATH", path, 1);
    assert_int_equal(rc, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "protobuf-compiler"));
    assert_non_null(strstr(err.msg, "--descriptor_set_out"));
    const char *none[] = {NULL};
    assert_int_equal(codec_protobuf_compile(none, NULL, &set, &err), ERR_CONFIG);
}

/* Runs a protoc that is this script, until the deadline. */
static int run_script(const char *script, int64_t deadline_mono_us, struct err *err)
{
    AUTO_PROTOC_FOLDER char *folder = NULL;
    assert_int_equal(codec_protobuf_compile_folder(&folder, err), 0);
    AUTO_FREE char *program = mem_printf("%s/protoc", folder);
    AUTO_FREE char *text = mem_printf("#!/bin/sh\n%s\n", script);
    assert_int_equal(fs_write_file(program, str_of(text), err), 0);
    assert_int_equal(chmod(program, 0700), 0);
    AUTO_FREE char *path = mem_strdup(getenv("PATH"));
    AUTO_FREE char *paths = mem_printf("%s:%s", folder, path);
    struct codec_protobuf_compile_run run = {
        .folder = folder,
        .files = (const char *const[]){"own.proto", "-b.proto", NULL},
        .includes = (const char *const[]){"some where", NULL},
        .deadline_mono_us = deadline_mono_us,
        .refusal = ERR_DATA,
        .own_name = "own.proto",
    };
    AUTO_BUF struct buf set = {0};
    setenv("PATH", paths, 1);
    int rc = codec_protobuf_compile_run(&run, &set, err);
    setenv("PATH", path, 1);
    return rc;
}

static void complaints_become_one_line(void **state)
{
    (void)state;
    int64_t later = clock_mono_us() + INT64_C(60) * 1000000;
    struct err err = {0};
    const char *script =
        "printf 'own.proto:1:2: bad\\nown.prototype: x\\n  b.proto: y\\n\\n' >&2; exit 1";
    assert_int_equal(run_script(script, later, &err), ERR_DATA);
    assert_string_equal(err.msg, "protoc: 1:2: bad; own.prototype: x; b.proto: y");
    assert_int_equal(run_script("exit 9", later, &err), ERR_DATA);
    assert_string_equal(err.msg, "protoc: failed and did not say why (code 9)");
    assert_int_equal(run_script("echo \"$1 $3 $4 $5\" >&2; exit 1", later, &err), ERR_DATA);
    assert_string_equal(err.msg,
                        "protoc: --include_imports --proto_path=some where own.proto ./-b.proto");
    assert_int_equal(run_script("exit 0", later, &err), ERR_CONFIG); /* it has written nothing */
}

static void a_protoc_that_does_not_end_is_killed_at_the_deadline(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(run_script("exec sleep 100", clock_mono_us() + 50000, &err), ERR_IO);
    assert_true(err.retry);
    assert_string_equal(err.msg, "protoc did not end in time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_and_its_imports_become_a_set),
        cmocka_unit_test(the_folder_of_a_file_is_looked_into_when_none_is_named),
        cmocka_unit_test(what_protoc_refuses_is_told_with_file_and_line),
        cmocka_unit_test(a_missing_protoc_says_what_to_install),
        cmocka_unit_test(complaints_become_one_line),
        cmocka_unit_test(a_protoc_that_does_not_end_is_killed_at_the_deadline),
    };
    return cmocka_run_group_tests_name("protobuf_compile", tests, NULL, NULL);
}
