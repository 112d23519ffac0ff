/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_JSON_STRING_H
#define CODEC_JSON_STRING_H

#include "codec/json_plan.h"

/*
 * json_string - strings of a message
 */

/*
 * From p, behind the opening quote, to the closing quote, checking UTF-8, escapes and control
 * characters.  NULL = the message is bad.  `*ret_escaped`: it has escapes (set true only).
 */
const char *codec_json_string_scan(struct codec_json *j, const struct codec_json_node *node,
                                   const char *p, bool *ret_escaped);

/* The text between p and the closing quote of a scanned string with escapes, in the arena. */
struct str codec_json_string_unescape(struct codec_json *j, const char *p, const char *quote);

/* Reads the string at p, a quote; returns the position behind it, NULL = the message is bad. */
const char *codec_json_string_read(struct codec_json *j, const struct codec_json_node *node,
                                   const char *p, struct str *ret_text);

/* Decodes base64 (standard alphabet, padding required, white space ignored) into the arena. */
bool codec_json_string_base64(struct codec_json *j, struct str text, struct str *ret_bytes);

#endif
