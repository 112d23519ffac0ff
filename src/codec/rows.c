/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows - taking back the lists of a bad message, and the keys of maps
 *
 * Invariants:
 *  (1) A bad message leaves no list longer than it was: each list notes its length before the
 *      first element of the message (the row being written is child_rows itself).  Several places
 *      may write one list (branches of a union), so marks are undone in reverse order.
 *  (2) A row that is taken back has its validity bit set again, for rows are written once and
 *      start out valid.  One row beyond child_rows may be half-written.
 */
#include "codec/rows.h"

#include "codec/json_plan.h"

#define KEYS_LINEAR 16

void codec_rows_set_valid(struct column *col, uint64_t from, uint64_t to)
{
    for (uint64_t row = from; col->validity != NULL && row < to; row++) {
        col->validity[row / 64] |= UINT64_C(1) << (row % 64);
    }
}

void codec_rows_roll_back(struct codec_rows *rows)
{
    for (size_t m = rows->mark_count; m-- > 0;) {
        struct column *col = rows->marks[m].col;
        uint64_t mark = rows->marks[m].child_rows;
        for (size_t i = 0; i < col->child_count; i++) {
            struct column *child = &col->children[i];
            uint64_t behind = col->child_rows + 1;
            behind = behind < child->capacity ? behind : child->capacity;
            for (uint64_t row = mark; row < behind; row++) {
                column_clear_null(child, row); /* lists further down have marks of their own */
            }
        }
        col->child_rows = mark;
    }
}

/* Bytes of a key that is no string; 0 = it is one. */
static size_t key_width(const struct column *keys)
{
    switch (keys->type->kind) {
    case TYPE_STRING:
    case TYPE_BINARY:
        return 0;
    case TYPE_BOOLEAN:
        return 1;
    case TYPE_INTEGER:
        return 4;
    case TYPE_BIGINT:
        return 8;
    default: /* DECIMAL of at least ten digits */
        return keys->type->precision <= 18 ? 8 : 16;
    }
}

static inline struct str key_of(const struct column *keys, size_t width, uint64_t row)
{
    return width == 0 ? column_get_string(keys, row)
                      : str_n((const char *)keys->data + row * width, width);
}

/* The slot of the key: free, or of an equal one.  Keys are the sender's, so their hash has a
 * secret. */
static uint32_t *find_slot(struct codec_rows_keys *index, uint64_t hash_seed,
                           const struct column *keys, uint64_t offset, struct str key)
{
    size_t width = key_width(keys);
    for (uint64_t hash = codec_json_plan_hash(key, hash_seed);; hash++) {
        uint32_t *slot = &index->slots[hash & (index->slot_count - 1)];
        if (*slot == 0 || str_eq(key_of(keys, width, offset + *slot - 1), key)) {
            return slot;
        }
    }
}

/* Hashes rows [offset, at) anew into at least four times as many slots. */
static void rehash(struct codec_rows_keys *index, uint64_t hash_seed, const struct column *keys,
                   uint64_t offset, uint64_t at)
{
    size_t want = 64;
    while (want < 4 * (at - offset)) {
        want *= 2;
    }
    if (want > index->slot_cap) {
        index->slots = mem_realloc(index->slots, mem_product(want, sizeof(*index->slots)));
        index->slot_cap = want;
    }
    index->slot_count = want;
    memset(index->slots, 0, want * sizeof(*index->slots));
    size_t width = key_width(keys);
    for (uint64_t row = offset; row < at; row++) {
        *find_slot(index, hash_seed, keys, offset, key_of(keys, width, row)) =
            (uint32_t)(row - offset + 1);
    }
}

uint64_t codec_rows_find_key(struct codec_rows_keys *index, uint64_t hash_seed,
                             const struct column *keys, uint64_t offset, uint64_t at)
{
    size_t width = key_width(keys);
    struct str key = key_of(keys, width, at);
    uint64_t count = at - offset;
    if (count < KEYS_LINEAR) {
        uint64_t row = offset;
        while (row < at && !str_eq(key_of(keys, width, row), key)) {
            row++;
        }
        return row;
    }
    if (index->slot_count < 2 * (count + 1)) {
        rehash(index, hash_seed, keys, offset, at);
    }
    uint32_t *slot = find_slot(index, hash_seed, keys, offset, key);
    if (*slot != 0) {
        return offset + *slot - 1;
    }
    *slot = (uint32_t)(count + 1);
    return at;
}
