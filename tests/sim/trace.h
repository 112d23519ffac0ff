/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "base/base.h"

/* What happened, line by line, when --trace asks for it. */
extern bool trace_on;
void trace_line(const char *fmt, ...) PRINTF(1, 2);
#define TRACE(...)                                                                                 \
    do {                                                                                           \
        if (trace_on) {                                                                            \
            trace_line(__VA_ARGS__);                                                               \
        }                                                                                          \
    } while (0)

#endif
