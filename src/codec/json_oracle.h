/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_ORACLE_H
#define CODEC_JSON_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * json_oracle - jansson, for tests that want a second opinion
 *
 * Not part of the product.  jansson and base/json.h both have a json_null: it is loaded with
 * dlopen and spoken to from one file, so that neither sees the other's names.
 */
struct codec_json_oracle; /* one value; owned by the root */

enum codec_json_oracle_kind {
    ORACLE_NULL,
    ORACLE_FALSE,
    ORACLE_TRUE,
    ORACLE_INTEGER,
    ORACLE_REAL,
    ORACLE_STRING,
    ORACLE_ARRAY,
    ORACLE_OBJECT,
};

#define ORACLE_ERROR 160

/* NULL when jansson refuses the text; why is in `error`. Free the root. */
struct codec_json_oracle *codec_json_oracle_parse(const char *text, size_t len,
                                                  char error[ORACLE_ERROR]);
void codec_json_oracle_free(struct codec_json_oracle *root);

enum codec_json_oracle_kind codec_json_oracle_kind(const struct codec_json_oracle *v);
long long codec_json_oracle_integer(const struct codec_json_oracle *v);
double codec_json_oracle_real(const struct codec_json_oracle *v);
const char *codec_json_oracle_string(const struct codec_json_oracle *v, size_t *ret_len);
size_t codec_json_oracle_count(const struct codec_json_oracle *v); /* elements or members */
struct codec_json_oracle *codec_json_oracle_element(const struct codec_json_oracle *v, size_t i);
/* NULL when there is no such member. */
struct codec_json_oracle *codec_json_oracle_member(const struct codec_json_oracle *v,
                                                   const char *name);

#endif
