/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_SKIP_H
#define CODEC_JSON_SKIP_H

#include "codec/json_plan.h"

/*
 * json_skip - values nobody wants
 *
 * Checks the value at p as strictly as if it were wanted, at any nesting without recursion;
 * returns the position behind it, NULL = the message is bad.
 */
const char *codec_json_skip(struct codec_json *j, const struct codec_json_node *node,
                            const char *p);

/* Behind the literal ("true") at p, NULL when it is not there. */
const char *codec_json_skip_literal(const struct codec_json *j, const char *p, struct str literal);

#endif
