/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_GENERATOR_H
#define CONNECT_GENERATOR_H

#include "connect/connector.h"

/* USING generator. */
extern const struct source_ops generator_source_ops;

#endif
