/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_oracle - jansson, for tests that want a second opinion
 *
 * (1) base.h is not included here: its json.h and jansson.h share names.
 * (2) The executable must not export a json_null of its own, or jansson would call that;
 *     checked when the library is loaded.
 */
#include "codec/json_oracle.h"

#include <dlfcn.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct functions {
    __typeof__(json_loadb) *loadb;
    __typeof__(json_delete) *del;
    __typeof__(json_integer_value) *integer_value;
    __typeof__(json_real_value) *real_value;
    __typeof__(json_string_value) *string_value;
    __typeof__(json_string_length) *string_length;
    __typeof__(json_array_size) *array_size;
    __typeof__(json_array_get) *array_get;
    __typeof__(json_object_size) *object_size;
    __typeof__(json_object_get) *object_get;
};

static struct functions jansson;

static void *symbol(void *library, const char *name)
{
    void *at = dlsym(library, name);
    if (at == NULL) {
        fprintf(stderr, "jansson: %s\n", dlerror());
        abort();
    }
    return at;
}

static void load_library(void)
{
    if (jansson.loadb != NULL) {
        return;
    }
    if (dlsym(RTLD_DEFAULT, "json_null") != NULL) {
        fprintf(stderr, "jansson: this executable exports json_null\n");
        abort();
    }
    void *library = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "jansson: %s\n", dlerror());
        abort();
    }
#define LOAD(member, name) jansson.member = (__typeof__(jansson.member))symbol(library, name)
    LOAD(loadb, "json_loadb");
    LOAD(del, "json_delete");
    LOAD(integer_value, "json_integer_value");
    LOAD(real_value, "json_real_value");
    LOAD(string_value, "json_string_value");
    LOAD(string_length, "json_string_length");
    LOAD(array_size, "json_array_size");
    LOAD(array_get, "json_array_get");
    LOAD(object_size, "json_object_size");
    LOAD(object_get, "json_object_get");
#undef LOAD
}

static const json_t *value_of(const struct codec_json_oracle *v)
{
    return (const json_t *)(const void *)v;
}

static struct codec_json_oracle *oracle_of(json_t *v)
{
    return (struct codec_json_oracle *)(void *)v;
}

struct codec_json_oracle *codec_json_oracle_parse(const char *text, size_t len,
                                                  char error[ORACLE_ERROR])
{
    load_library();
    json_error_t e;
    json_t *root = jansson.loadb(text, len, JSON_ALLOW_NUL, &e);
    snprintf(error, ORACLE_ERROR, "%s", root == NULL ? e.text : "");
    return oracle_of(root);
}

void codec_json_oracle_free(struct codec_json_oracle *root)
{
    json_t *v = (json_t *)(void *)root;
    if (v != NULL && v->refcount != (size_t)-1 && --v->refcount == 0) {
        jansson.del(v);
    }
}

enum codec_json_oracle_kind codec_json_oracle_kind(const struct codec_json_oracle *v)
{
    switch (json_typeof(value_of(v))) {
    case JSON_NULL:
        return ORACLE_NULL;
    case JSON_FALSE:
        return ORACLE_FALSE;
    case JSON_TRUE:
        return ORACLE_TRUE;
    case JSON_INTEGER:
        return ORACLE_INTEGER;
    case JSON_REAL:
        return ORACLE_REAL;
    case JSON_STRING:
        return ORACLE_STRING;
    case JSON_ARRAY:
        return ORACLE_ARRAY;
    case JSON_OBJECT:
        return ORACLE_OBJECT;
    }
    return ORACLE_NULL;
}

long long codec_json_oracle_integer(const struct codec_json_oracle *v)
{
    return jansson.integer_value(value_of(v));
}

double codec_json_oracle_real(const struct codec_json_oracle *v)
{
    return jansson.real_value(value_of(v));
}

const char *codec_json_oracle_string(const struct codec_json_oracle *v, size_t *ret_len)
{
    *ret_len = jansson.string_length(value_of(v));
    return jansson.string_value(value_of(v));
}

size_t codec_json_oracle_count(const struct codec_json_oracle *v)
{
    return json_is_array(value_of(v)) ? jansson.array_size(value_of(v))
                                      : jansson.object_size(value_of(v));
}

struct codec_json_oracle *codec_json_oracle_element(const struct codec_json_oracle *v, size_t i)
{
    return oracle_of(jansson.array_get(value_of(v), i));
}

struct codec_json_oracle *codec_json_oracle_member(const struct codec_json_oracle *v,
                                                   const char *name)
{
    return oracle_of(jansson.object_get(value_of(v), name));
}
