/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PROTOBUF_ROWS_H
#define CODEC_PROTOBUF_ROWS_H

#include "codec/protobuf_plan.h"

/*
 * protobuf_rows - taking back a value that a later one replaces
 */

/* The value of a field that came in the message being decoded is as if never written, its lists'
 * elements included: for the member of a oneof that gives way. */
void codec_protobuf_rows_unwrite(const struct codec_protobuf_entry *entry, struct column *col,
                                 size_t row);

#endif
