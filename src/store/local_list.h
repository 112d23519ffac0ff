/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LOCAL_LIST_H
#define STORE_LOCAL_LIST_H

#include "store/store.h"

/*
 * local_list - the regular files below a folder, in the order of their whole keys
 */
struct store_local_listing {
    const char *root; /* "" for "/" */
    struct str prefix;
    struct str start_after;
    struct stop *stop; /* ends it with ERR_CANCELED */
    store_list_fn on_entry;
    void *user;
};

int store_local_list(const struct store_local_listing *l, struct err *err);

#endif
