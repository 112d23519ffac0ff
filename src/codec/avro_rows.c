/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_rows - taking back what was written, and the keys of maps
 *
 * Invariants (as in json_rows.c, over another plan):
 *  (1) A bad message leaves no list longer than it was: each list notes its length before the
 *      first element of the message.  Several ops may write one list (branches of a union), so
 *      marks are undone in reverse order.
 *  (2) A row that is taken back has its validity bit set again, for rows are written once and
 *      start out valid.  One row beyond child_rows may be half-written.
 */
#include "codec/avro_rows.h"

#include "base/base.h"

#define KEYS_LINEAR 16

/* Valid again, STRUCTs all the way down; lists further down have marks of their own. */
static void revalidate(struct column *col, uint64_t from, uint64_t to)
{
    for (uint64_t row = from; col->validity != NULL && row < to; row++) {
        col->validity[row / 64] |= UINT64_C(1) << (row % 64);
    }
    for (size_t i = 0; col->type->kind == TYPE_STRUCT && i < col->child_count; i++) {
        revalidate(&col->children[i], from, to);
    }
}

void codec_avro_rows_abandon(struct column *col, size_t row)
{
    revalidate(col, row, row + 1);
}

void codec_avro_rows_roll_back(struct codec_avro *a)
{
    for (size_t m = a->mark_count; m-- > 0;) {
        struct column *col = a->marks[m].col;
        uint64_t mark = a->marks[m].child_rows;
        for (size_t i = 0; i < col->child_count; i++) {
            struct column *child = &col->children[i];
            uint64_t behind = col->child_rows + 1;
            revalidate(child, mark, behind < child->capacity ? behind : child->capacity);
        }
        col->child_rows = mark;
    }
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_key(struct str s, uint64_t seed)
{
    uint64_t hash = seed ^ UINT64_C(0x9e3779b97f4a7c15);
    for (; s.len > 16; s = str_skip(s, 16)) {
        uint64_t words[2];
        memcpy(words, s.ptr, sizeof(words));
        hash = mix(words[0] ^ UINT64_C(0xa0761d6478bd642f) ^ seed, words[1] ^ hash);
    }
    uint64_t tail[2] = {s.len, 0};
    unsigned char bytes[16] = {0};
    for (size_t i = 0; i < s.len; i++) {
        bytes[i] = (unsigned char)s.ptr[i];
    }
    hash = mix(hash ^ tail[0], UINT64_C(0x8ebc6af09c88c6e3) ^ seed);
    memcpy(tail, bytes, sizeof(tail));
    return mix(tail[0] ^ UINT64_C(0xe7037ed1a0b428db) ^ seed, tail[1] ^ hash);
}

static bool keys_are_equal(const struct column *keys, uint64_t a, uint64_t b)
{
    return str_eq(column_get_string(keys, a), column_get_string(keys, b));
}

/* The slot of row `at`'s key: free, or of an equal key. */
static uint32_t *find_slot(const struct codec_avro *a, struct avro_keys *index,
                           const struct column *keys, uint64_t offset, uint64_t at)
{
    for (uint64_t hash = hash_key(column_get_string(keys, at), a->hash_seed);; hash++) {
        uint32_t *slot = &index->slots[hash & (index->slot_count - 1)];
        if (*slot == 0 || keys_are_equal(keys, offset + *slot - 1, at)) {
            return slot;
        }
    }
}

/* Hashes rows [offset, at) anew into at least four times as many slots. */
static void rehash(const struct codec_avro *a, struct avro_keys *index, const struct column *keys,
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
    for (uint64_t row = offset; row < at; row++) {
        *find_slot(a, index, keys, offset, row) = (uint32_t)(row - offset + 1);
    }
}

uint64_t codec_avro_rows_find_key(struct codec_avro *a, struct avro_op *map,
                                  const struct column *keys, uint64_t offset, uint64_t at)
{
    uint64_t count = at - offset;
    if (count < KEYS_LINEAR) {
        for (uint64_t row = offset; row < at; row++) {
            if (keys_are_equal(keys, row, at)) {
                return row;
            }
        }
        return at;
    }
    struct avro_keys *index = &map->keys;
    if (index->slot_count < 2 * (count + 1)) {
        rehash(a, index, keys, offset, at);
    }
    uint32_t *slot = find_slot(a, index, keys, offset, at);
    if (*slot != 0) {
        return offset + *slot - 1;
    }
    *slot = (uint32_t)(count + 1);
    return at;
}
