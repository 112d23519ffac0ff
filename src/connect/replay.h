/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_REPLAY_H
#define CONNECT_REPLAY_H

#include "connect/connector.h"

/*
 * replay - messages that are read a second time, out of a file made for it
 *
 *     open   add*   close
 *
 * The file is for one process: it is written and read by the same one.
 */
struct replay_file;

int replay_file_open(const char *path, struct replay_file **ret_file, struct err *err);
/* Copies. Offsets ascend, gaps are fine; extra.origin must be there, `partition` means nothing. */
int replay_file_add(struct replay_file *file, const struct message *message, struct err *err);
/* What was added is in the file; on error too the file is to be freed. */
int replay_file_flush(struct replay_file *file, struct err *err);
void replay_file_free(struct replay_file *file); /* leaves the file; NULL is fine */
void replay_file_freep(struct replay_file **file);
#define AUTO_REPLAY_FILE AUTO(replay_file_freep)

/*
 * The source of such a file: partition 0 of a topic without id, from offset 0 to `length`.  Not
 * among the connectors that a pipeline may name.  Settings: "path" (without it there are no
 * partitions), "topic", "length".
 */
extern const struct source_ops replay_source_ops;

#endif
