/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LOCAL_H
#define STORE_LOCAL_H

#include "store/store.h"

/*
 * local - a folder as an object store
 *
 * `path` may be relative to the working directory; the folder is made when first written.
 */
int store_local_open(struct str path, struct store **ret_store, struct err *err);

#endif
