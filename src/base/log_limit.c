/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_limit - which of the lines that repeat are written
 *
 *  (1) The first line of a kind is written at once, the next one that comes when the interval
 *      since the last written one is over.
 *  (2) No line is left out without being counted in one that is written later: the next of its
 *      kind, or a summary when the kind is forgotten or the log is flushed.
 *  (3) Memory is fixed.
 */
#include "base/log_limit.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

/* FNV-1a; a 0 in between, so that "a" "bc" is not "ab" "c". */
static uint64_t hash_add(uint64_t hash, struct str s)
{
    for (size_t i = 0; i <= s.len; i++) {
        hash ^= i < s.len ? (unsigned char)s.ptr[i] : 0;
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t kind_hash(const struct log_kind *kind)
{
    char module = (char)kind->module;
    uint64_t hash = hash_add(UINT64_C(0xcbf29ce484222325), str_n(&module, 1));
    hash = hash_add(hash, str_of(kind->event));
    hash = hash_add(hash, kind->query);
    hash = hash_add(hash, kind->key);
    return hash == 0 ? 1 : hash;
}

/* The kind's entry, or the one to put it into: a free one, else the oldest. */
static struct log_limit_entry *find(struct log_limit *limit, uint64_t hash)
{
    struct log_limit_entry *best = &limit->entries[0];
    for (size_t i = 0; i < ARRAY_COUNT(limit->entries); i++) {
        struct log_limit_entry *e = &limit->entries[i];
        if (e->hash == hash) {
            return e;
        }
        bool better = best->hash != 0 && (e->hash == 0 || e->written_us < best->written_us);
        best = better ? e : best;
    }
    return best;
}

bool log_limit_pass(struct log_limit *limit, const struct log_kind *kind, int64_t now_us,
                    uint64_t *ret_repeated, struct log_left_out *ret_forgotten)
{
    assert(kind->event != NULL);
    uint64_t hash = kind_hash(kind);
    struct log_limit_entry *e = find(limit, hash);
    *ret_repeated = 0;
    ret_forgotten->count = 0;
    if (e->hash == hash && now_us - e->written_us < LOG_LIMIT_INTERVAL_US) {
        e->left_out.count++;
        return false;
    }
    if (e->hash == hash) {
        *ret_repeated = e->left_out.count;
    } else if (e->hash != 0) {
        *ret_forgotten = e->left_out;
    }
    *e = (struct log_limit_entry){.hash = hash, .written_us = now_us};
    e->left_out.module = kind->module;
    e->left_out.level = kind->level;
    e->left_out.event = kind->event;
    snprintf(e->left_out.query, sizeof(e->left_out.query), "%.*s", STR_FMT(kind->query));
    return true;
}

bool log_limit_take(struct log_limit *limit, struct log_left_out *ret_left_out)
{
    for (size_t i = 0; i < ARRAY_COUNT(limit->entries); i++) {
        struct log_limit_entry *e = &limit->entries[i];
        if (e->hash != 0 && e->left_out.count > 0) {
            *ret_left_out = e->left_out;
            e->left_out.count = 0;
            return true;
        }
    }
    return false;
}
