/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_FILE_H
#define CONNECT_FILE_H

#include "connect/connector.h"

/* USING file. */
extern const struct source_ops file_source_ops;

#endif
