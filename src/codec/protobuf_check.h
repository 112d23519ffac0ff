/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_CHECK_H
#define CODEC_PROTOBUF_CHECK_H

#include "codec/protobuf_plan.h"

/*
 * protobuf_check - bytes that nobody wants, as strictly read as those that somebody does
 *
 * Functions take a position behind a tag and return the one behind its value; NULL when the
 * message is bad (the fault is written then).
 */

/* The value of a tag that the message does not know, groups in groups included; where a group's
 * closing tag begins is then in d->group_end. */
const char *codec_protobuf_check_skip(struct codec_protobuf *d,
                                      const struct codec_protobuf_node *node, uint32_t tag,
                                      const char *p, const char *end);

/* The value of a known field whose tag has one of its wire types; d->group_end as above. */
const char *codec_protobuf_check_value(struct codec_protobuf *d,
                                       const struct codec_protobuf_node *node,
                                       const struct codec_protobuf_field *field, uint32_t tag,
                                       const char *p, const char *end);

/* All fields of a message; group = the number of the group it is, 0 = it ends at `end`. */
const char *codec_protobuf_check_message(struct codec_protobuf *d,
                                         const struct codec_protobuf_node *node,
                                         const struct codec_protobuf_message *message,
                                         const char *p, const char *end, uint32_t group);

/*
 * Whether a whole message, of bytes that were checked, has every required field, and so all
 * messages in it.
 */
bool codec_protobuf_check_required(struct codec_protobuf *d, const struct codec_protobuf_node *node,
                                   const struct codec_protobuf_message *message, struct str bytes);

/* Nothing but a fault: there is no tag at p. */
const char *codec_protobuf_check_bad_tag(struct codec_protobuf *d,
                                         const struct codec_protobuf_node *node, const char *p,
                                         const char *end) COLD;

#endif
