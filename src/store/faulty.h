/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_FAULTY_H
#define STORE_FAULTY_H

#include "store/store.h"

/*
 * faulty - a store that fails on order, around another one
 *
 * Before each operation `decide` is asked; it says what happens to that operation.
 */
enum store_fault {
    STORE_FAULT_NONE,
    STORE_FAULT_BEFORE,   /* nothing is done; ERR_IO retry (put_if_absent: UNKNOWN) */
    STORE_FAULT_AFTER,    /* it is done, the answer is lost: ERR_IO retry / UNKNOWN */
    STORE_FAULT_TRUNCATE, /* put, put_if_absent: half of the body is stored, answer lost */
    STORE_FAULT_REFUSE,   /* ERR_CONFIG, nothing done */
};
enum store_op {
    STORE_OP_GET,
    STORE_OP_HEAD,
    STORE_OP_PUT,
    STORE_OP_PUT_IF_ABSENT,
    STORE_OP_LIST,
    STORE_OP_DELETE
};

typedef enum store_fault (*store_decide_fn)(void *user, enum store_op op, struct str key);

/* Takes `inner`. */
struct store *store_faulty_open(struct store *inner, store_decide_fn decide, void *user);

#endif
