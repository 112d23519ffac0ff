/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_rows - taking back what was written, and the keys of maps
 *
 * Columns are append-only within a chunk, but a message may turn out bad half-way, and a
 * duplicate key replaces a value that was written already.
 *
 * Invariants:
 *  (1) A list's children grow only while a value of that list is decoded; the elements of
 *      one value stand together, so a value that was written last is dropped by setting
 *      child_rows back.  The value of a map entry that is replaced leaves its elements
 *      behind, unreferenced.
 *  (2) A row that is taken back has its validity bit set again, for rows are written once
 *      and start out valid.
 *  (3) A bad message leaves no list longer than it was: each list notes its length before
 *      the first element of the message (the row being written is child_rows itself).
 */
#include "codec/json_rows.h"

#include "base/base.h"

#define KEYS_LINEAR 16

static void set_valid(struct column *col, uint64_t from, uint64_t to)
{
    for (uint64_t row = from; col->validity != NULL && row < to; row++) {
        col->validity[row / 64] |= UINT64_C(1) << (row % 64);
    }
}

static void unwrite_rows(struct column *col, uint64_t from, uint64_t to)
{
    set_valid(col, from, to);
    switch (col->type->kind) {
    case TYPE_STRUCT:
        for (size_t i = 0; i < col->child_count; i++) {
            unwrite_rows(&col->children[i], from, to);
        }
        break;
    case TYPE_ARRAY:
    case TYPE_MAP: {
        if (from == to) {
            break;
        }
        const struct column_list *lists = col->data;
        uint64_t first = lists[from].offset;
        uint64_t behind = lists[to - 1].offset + lists[to - 1].len;
        if (behind == col->child_rows && first < behind) {
            for (size_t i = 0; i < col->child_count; i++) {
                unwrite_rows(&col->children[i], first, behind);
            }
            col->child_rows = first;
        }
        break;
    }
    default:
        break;
    }
}

void codec_json_rows_unwrite(struct column *col, size_t row)
{
    unwrite_rows(col, row, row + 1);
}

/* Valid again, STRUCTs all the way down; lists further down have marks of their own. */
static void revalidate(struct column *col, uint64_t from, uint64_t to)
{
    set_valid(col, from, to);
    for (size_t i = 0; col->type->kind == TYPE_STRUCT && i < col->child_count; i++) {
        revalidate(&col->children[i], from, to);
    }
}

void codec_json_rows_abandon(struct column *col, size_t row)
{
    revalidate(col, row, row + 1);
}

void codec_json_rows_roll_back(struct codec_json *j)
{
    for (size_t m = 0; m < j->mark_count; m++) {
        struct column *col = j->marks[m].col;
        uint64_t mark = j->marks[m].child_rows;
        for (size_t i = 0; i < col->child_count; i++) {
            struct column *child = &col->children[i];
            uint64_t behind = col->child_rows + 1; /* one row may be half-written */
            revalidate(child, mark, behind < child->capacity ? behind : child->capacity);
        }
        col->child_rows = mark;
    }
}

static bool keys_are_equal(const struct column *keys, uint64_t a, uint64_t b)
{
    return str_eq(column_get_string(keys, a), column_get_string(keys, b));
}

/* The slot of row `at`'s key: free, or of an equal key. */
static uint32_t *find_slot(const struct codec_json *j, struct codec_json_keys *index,
                           const struct column *keys, uint64_t offset, uint64_t at)
{
    uint64_t hash = codec_json_plan_hash(column_get_string(keys, at), j->hash_seed);
    for (;; hash++) {
        uint32_t *slot = &index->slots[hash & (index->slot_count - 1)];
        if (*slot == 0 || keys_are_equal(keys, offset + *slot - 1, at)) {
            return slot;
        }
    }
}

/* Hashes rows [offset, at) anew into at least four times as many slots. */
static void rehash(const struct codec_json *j, struct codec_json_keys *index,
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
        *find_slot(j, index, keys, offset, row) = (uint32_t)(row - offset + 1);
    }
}

uint64_t codec_json_rows_find_key(struct codec_json *j, struct codec_json_node *map,
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
    struct codec_json_keys *index = &map->keys;
    if (index->slot_count < 2 * (count + 1)) {
        rehash(j, index, keys, offset, at);
    }
    uint32_t *slot = find_slot(j, index, keys, offset, at);
    if (*slot != 0) {
        return offset + *slot - 1;
    }
    *slot = (uint32_t)(count + 1);
    return at;
}
