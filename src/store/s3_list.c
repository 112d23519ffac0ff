/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_list - ListObjectsV2
 *
 *  (1) "There is nothing" is said only after a whole, well-formed answer that
 *      says so itself; a page that is cut off is asked for again, then an error.
 *  (2) Keys reach the caller in ascending bytewise order, across pages too; a
 *      store that gives them otherwise is refused, because whoever looks for the
 *      end of a log would stop too early.
 *  (3) Each page makes progress or the listing fails: no endless loops.
 *  (4) Keys are decoded only if the answer says that they are encoded: we ask
 *      for encoding-type=url, which not every server knows.  MinIO and AWS write a space
 *      as '+' then.
 *
 * Keys that end in '/' are markers that some tools leave for folders: not objects.
 */
#include "store/s3_list.h"

#include "store/key.h"
#include "store/s3_http.h"
#include "store/s3_xml.h"

#define PAGE_MAX ((size_t)16 << 20) /* 1,000 keys of 1,024 bytes, each byte as %XX, are 4 MB */

void store_s3_list_page_done(struct store_s3_list_page *page)
{
    vec_foreach (struct store_s3_list_item, item, &page->items) {
        mem_free(item->key);
    }
    vec_done(&page->items);
    mem_free(TAKE(page->token));
}

static int bad_page(const char *what, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "list: the server's answer %s", what);
}

/* One field of the <Contents> that was opened last. */
static int item_field(struct store_s3_list_item *item, struct str name, struct str text,
                      struct err *err)
{
    bool has_zone;
    assert(item != NULL);
    if (str_eq_c(name, "Key")) {
        mem_free(item->key);
        item->key = str_dup(text);
        item->key_len = text.len;
    } else if (str_eq_c(name, "Size") && !str_to_u64(str_trim(text), &item->size_bytes)) {
        return bad_page("has a size that is not a number", err);
    } else if (str_eq_c(name, "LastModified") &&
               !clock_parse_timestamp(str_trim(text), &item->modified_us, &has_zone)) {
        return bad_page("has a time that is not one", err);
    }
    return 0;
}

struct page_state {
    bool truncated_seen;
    bool encoded;
};

/* An element directly below the root has ended. */
static int page_field(struct store_s3_list_page *page, struct page_state *state, struct str name,
                      struct str text, struct err *err)
{
    if (str_eq_c(name, "IsTruncated")) {
        state->truncated_seen = str_to_bool(str_trim(text), &page->truncated);
    } else if (str_eq_c(name, "EncodingType")) {
        state->encoded = str_eq_nocase_c(str_trim(text), "url");
    } else if (str_eq_c(name, "NextContinuationToken")) {
        mem_free(page->token);
        page->token = str_dup(text);
    } else if (str_eq_c(name, "Contents")) {
        assert(page->items.items != NULL);
        return vec_last(&page->items)->key == NULL ? bad_page("has an object without a key", err)
                                                   : 0;
    }
    return 0;
}

static int decode_keys(struct store_s3_list_page *page, struct err *err)
{
    AUTO_BUF struct buf decoded = {0};
    vec_foreach (struct store_s3_list_item, item, &page->items) {
        for (size_t i = 0; i < item->key_len; i++) {
            item->key[i] = item->key[i] == '+' ? ' ' : item->key[i];
        }
        buf_reset(&decoded);
        if (uri_decode(&decoded, str_n(item->key, item->key_len), err) < 0) {
            return bad_page("has a key that is not encoded as it says", err);
        }
        mem_free(item->key);
        item->key = str_dup(buf_str(&decoded));
        item->key_len = decoded.len;
    }
    return 0;
}

int store_s3_list_parse(struct str xml, struct store_s3_list_page *page, struct err *err)
{
    AUTO_S3_XML struct store_s3_xml x = {.in = xml};
    struct page_state state = {0};
    enum store_s3_xml_event event;
    while ((event = store_s3_xml_next(&x)) != STORE_S3_XML_END) {
        if (event == STORE_S3_XML_BAD) {
            return bad_page("is not whole XML", err);
        }
        if (!str_eq_c(x.path[0], "ListBucketResult")) {
            return bad_page("is not a list", err);
        }
        struct str name = x.path[x.depth - 1];
        if (event == STORE_S3_XML_OPEN) {
            if (x.depth == 2 && str_eq_c(name, "Contents")) {
                vec_push(&page->items);
            }
        } else if (x.depth == 2) {
            TRY(page_field(page, &state, name, buf_str(&x.text), err));
        } else if (x.depth == 3 && str_eq_c(x.path[1], "Contents")) {
            TRY(item_field(vec_last(&page->items), name, buf_str(&x.text), err));
        }
    }
    if (!state.truncated_seen) {
        return bad_page("does not say whether it is the last page", err);
    }
    return state.encoded ? decode_keys(page, err) : 0;
}

/* A listing under way. */
struct listing {
    struct store_s3 *s;
    struct str prefix;      /* as the caller gave it */
    struct buf full_prefix; /* with the store's own */
    struct buf start_after; /* the same, or empty */
    struct buf last_key;
    store_list_fn on_entry;
    void *user;
};

static void listing_done(struct listing *l)
{
    buf_done(&l->full_prefix);
    buf_done(&l->start_after);
    buf_done(&l->last_key);
}

#define AUTO_LISTING AUTO(listing_done)

/* Gets and parses the page from `token` on (NULL = the first), trying a damaged one again. */
static int get_page(struct listing *l, const char *token, struct store_s3_list_page *page,
                    struct err *err)
{
    const unsigned tries = 3;
    struct store_sigv4_pair query[5] = {
        {STR("list-type"), STR("2")},
        {STR("encoding-type"), STR("url")},
        {STR("prefix"), buf_str(&l->full_prefix)},
    };
    size_t query_count = 3;
    if (token != NULL) {
        query[query_count++] = (struct store_sigv4_pair){STR("continuation-token"), str_of(token)};
    } else if (l->start_after.len > 0) {
        query[query_count++] =
            (struct store_sigv4_pair){STR("start-after"), buf_str(&l->start_after)};
    }
    AUTO_BUF struct buf body = {0};
    AUTO_ANSWER struct store_s3_answer answer = {0};
    struct store_s3_request request = {
        .action = "list",
        .permission = "s3:ListBucket",
        .method = "GET",
        .key = l->prefix,
        .on_bucket = true,
        .query = query,
        .query_count = query_count,
        .fd = -1,
        .out = &body,
    };
    int rc = 0;
    for (unsigned i = 0; i < tries; i++) {
        buf_init(&body, PAGE_MAX);
        if (TRY(store_s3_http_send(l->s, &request, &answer, err)) == STORE_S3_SENT_REFUSED) {
            return store_s3_http_refusal(l->s, &request, &answer, err);
        }
        rc = store_s3_list_parse(buf_str(&body), page, err);
        buf_done(&body);
        if (rc >= 0) {
            return 0;
        }
        store_s3_list_page_done(page);
        *page = (struct store_s3_list_page){0};
    }
    return rc;
}

/* Outcome 1 = the caller wants no more. */
static int give_item(struct listing *l, const struct store_s3_list_item *item, struct err *err)
{
    struct str key = str_n(item->key, item->key_len);
    struct str own_prefix = str_of(l->s->config.prefix);
    if (!str_starts(key, buf_str(&l->full_prefix))) {
        return bad_page("has a key that was not asked for", err);
    }
    if (l->last_key.len > 0 && str_cmp(key, buf_str(&l->last_key)) <= 0) {
        char shown[STORE_KEY_SHOWN];
        return err_set(err, ERR_CORRUPT,
                       "list: the server's keys are not in order at \"%s\"; "
                       "Delta tables need a store that lists in order",
                       store_key_show(key, shown));
    }
    buf_reset(&l->last_key);
    buf_add_str(&l->last_key, key);
    bool is_marker = key.ptr[key.len - 1] == '/';
    if (is_marker || (l->start_after.len > 0 && str_cmp(key, buf_str(&l->start_after)) <= 0)) {
        return 0;
    }
    struct store_entry entry = {
        .key = str_skip(key, own_prefix.len),
        .size_bytes = item->size_bytes,
        .modified_us = item->modified_us,
    };
    return l->on_entry(l->user, &entry, err);
}

static int list_pages(struct listing *l, struct err *err)
{
    AUTO_FREE char *token = NULL;
    for (;;) {
        AUTO_LIST_PAGE struct store_s3_list_page page = {0};
        TRY(get_page(l, token, &page, err));
        vec_foreach (struct store_s3_list_item, item, &page.items) {
            if (item->key_len == 0) {
                return bad_page("has an empty key", err);
            }
            if (TRY(give_item(l, item, err)) > 0) {
                return 0;
            }
        }
        if (!page.truncated) {
            return 0;
        }
        if (page.token == NULL || page.token[0] == '\0' ||
            (token != NULL && strcmp(token, page.token) == 0)) {
            return bad_page("says that there is more, but not where", err);
        }
        mem_free(token);
        token = TAKE(page.token);
    }
}

int store_s3_list(struct store *store, struct str prefix, struct str start_after,
                  store_list_fn on_entry, void *user, struct err *err)
{
    struct store_s3 *s = store_s3_of(store);
    AUTO_LISTING struct listing l = {.s = s, .prefix = prefix, .on_entry = on_entry, .user = user};
    buf_add_c(&l.full_prefix, s->config.prefix);
    buf_add_str(&l.full_prefix, prefix);
    if (start_after.len > 0) {
        buf_add_c(&l.start_after, s->config.prefix);
        buf_add_str(&l.start_after, start_after);
    }
    return list_pages(&l, err);
}
