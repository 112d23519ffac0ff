/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protobuf_rows - taking back what was written, and the keys of maps
 *
 * Columns are append-only within a chunk, but a message may turn out bad half-way, the members
 * of a oneof replace each other, and a later entry of a map replaces an earlier one.
 *
 * Invariants:
 *  (1) A list's children grow only while the one message is decoded that the list is a field
 *      of: however scattered its elements are in the bytes, they stand together here, behind
 *      those of all other messages, so they are dropped by setting child_rows back.
 *  (2) A row that is taken back has its validity bit set again, for rows are written once
 *      and start out valid.
 *  (3) A bad message leaves no list longer than it was: each list notes its length before
 *      the first element of the message (the row being written is child_rows itself).
 */
#include "codec/protobuf_rows.h"

#include "base/base.h"

#define KEYS_LINEAR 16

static void set_valid(struct column *col, uint64_t from, uint64_t to)
{
    for (uint64_t row = from; col->validity != NULL && row < to; row++) {
        col->validity[row / 64] |= UINT64_C(1) << (row % 64);
    }
}

/* Rows that were written whole, the last ones of the column. */
static void unwrite_rows(struct column *col, uint64_t from, uint64_t to)
{
    set_valid(col, from, to);
    if (col->type->kind == TYPE_STRUCT) {
        for (size_t i = 0; i < col->child_count; i++) {
            unwrite_rows(&col->children[i], from, to);
        }
    } else if (col->child_count > 0 && from < to) {
        /* Everything from where the first row's elements begin is these rows'. */
        uint64_t first = ((const struct column_list *)col->data)[from].offset;
        for (size_t i = 0; i < col->child_count; i++) {
            unwrite_rows(&col->children[i], first, col->child_rows);
        }
        col->child_rows = first;
    }
}

void codec_protobuf_rows_unwrite(const struct codec_protobuf_entry *entry, struct column *col,
                                 size_t row)
{
    if (entry->op == OP_LIST || entry->op == OP_MAP) {
        unwrite_rows(col, row, row + 1);
        return;
    }
    column_clear_null(col, row);
    const struct codec_protobuf_node *node = entry->node;
    for (size_t f = 0; entry->op == OP_MESSAGE && f < node->message->field_count; f++) {
        const struct codec_protobuf_entry *inner = &node->entries[f];
        if (inner->node != NULL && (node->seen[f / 64] >> (f % 64) & 1) != 0) {
            codec_protobuf_rows_unwrite(inner, &col->children[inner->column], row);
        }
    }
}

void codec_protobuf_rows_abandon(struct column *col, size_t row)
{
    column_clear_null(col, row);
}

/* Valid again, STRUCTs all the way down; lists further down have marks of their own. */
static void revalidate(struct column *col, uint64_t from, uint64_t to)
{
    set_valid(col, from, to);
    for (size_t i = 0; col->type->kind == TYPE_STRUCT && i < col->child_count; i++) {
        revalidate(&col->children[i], from, to);
    }
}

void codec_protobuf_rows_roll_back(struct codec_protobuf *d)
{
    for (size_t m = 0; m < d->mark_count; m++) {
        struct column *col = d->marks[m].col;
        uint64_t mark = d->marks[m].child_rows;
        for (size_t i = 0; i < col->child_count; i++) {
            struct column *child = &col->children[i];
            uint64_t behind = col->child_rows + 1; /* one row may be half-written */
            revalidate(child, mark, behind < child->capacity ? behind : child->capacity);
        }
        col->child_rows = mark;
    }
}

/* The bytes of a key, which has a fixed width when it is no string. */
static struct str key_of(const struct column *keys, uint64_t row)
{
    size_t width = 16;
    switch (keys->type->kind) {
    case TYPE_STRING:
    case TYPE_BINARY:
        return column_get_string(keys, row);
    case TYPE_BOOLEAN:
        width = 1;
        break;
    case TYPE_INTEGER:
        width = 4;
        break;
    case TYPE_BIGINT:
        width = 8;
        break;
    default: /* DECIMAL of at least ten digits */
        width = keys->type->precision <= 18 ? 8 : 16;
    }
    return str_n((const char *)keys->data + row * width, width);
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keys are the sender's, so their hash has a secret. */
static uint64_t hash_key(struct str s, uint64_t seed)
{
    uint64_t hash = seed ^ UINT64_C(0x9e3779b97f4a7c15);
    const char *p = s.ptr;
    size_t left = s.len;
    for (; left > 8; left -= 8, p += 8) {
        hash = mix(wire_load64(p) ^ UINT64_C(0xa0761d6478bd642f) ^ seed, hash ^ seed << 1);
    }
    uint64_t tail = 0;
    if (left > 0) {
        memcpy(&tail, p, left);
    }
    hash = mix(tail ^ UINT64_C(0xe7037ed1a0b428db) ^ seed, hash ^ s.len);
    return mix(hash, UINT64_C(0x8ebc6af09c88c6e3) ^ seed);
}

static bool keys_are_equal(const struct column *keys, uint64_t a, uint64_t b)
{
    return str_eq(key_of(keys, a), key_of(keys, b));
}

/* The slot of row `at`'s key: free, or of an equal key. */
static uint32_t *find_slot(const struct codec_protobuf *d, struct codec_protobuf_keys *index,
                           const struct column *keys, uint64_t offset, uint64_t at)
{
    for (uint64_t hash = hash_key(key_of(keys, at), d->hash_seed);; hash++) {
        uint32_t *slot = &index->slots[hash & (index->slot_count - 1)];
        if (*slot == 0 || keys_are_equal(keys, offset + *slot - 1, at)) {
            return slot;
        }
    }
}

/* Hashes rows [offset, at) anew into at least four times as many slots. */
static void rehash(const struct codec_protobuf *d, struct codec_protobuf_keys *index,
                   const struct column *keys, uint64_t offset, uint64_t at)
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
        *find_slot(d, index, keys, offset, row) = (uint32_t)(row - offset + 1);
    }
}

uint64_t codec_protobuf_rows_find_key(struct codec_protobuf *d, struct codec_protobuf_node *map,
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
    struct codec_protobuf_keys *index = &map->keys;
    if (index->slot_count < 2 * (count + 1)) {
        rehash(d, index, keys, offset, at);
    }
    uint32_t *slot = find_slot(d, index, keys, offset, at);
    if (*slot != 0) {
        return offset + *slot - 1;
    }
    *slot = (uint32_t)(count + 1);
    return at;
}
