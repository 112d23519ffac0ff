/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

#include "store/store.h"

/*
 * memory - objects in the process's memory, for tests
 *
 * "memory://name" opened twice in one process is the same set of objects; it goes when the last
 * handle is closed.
 */
struct store *store_memory_open(const char *name);

#endif
