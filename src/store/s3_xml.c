/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_xml - a pull parser for what S3 servers answer
 *
 *  (1) Bytes come from the network: every step looks at what is left first, and
 *      consumes at least one byte, so that any input ends.
 *  (2) A document counts only when its root element was closed; one that was cut
 *      off is BAD, never short.
 *  (3) Memory is bounded by the input's size: text is decoded into one buffer,
 *      names are views.
 */
#include "store/s3_xml.h"

void store_s3_xml_done(struct store_s3_xml *x)
{
    buf_done(&x->text);
}

bool store_s3_xml_is(const struct store_s3_xml *x, size_t depth, const char *first,
                     const char *last)
{
    assert(depth >= 1 && depth <= STORE_S3_XML_DEPTH);
    return x->depth == depth && str_eq_c(x->path[0], first) && str_eq_c(x->path[depth - 1], last);
}

/* Drops everything up to and including `end`; false when it is not there. */
static bool skip_past(struct str *in, struct str end)
{
    ptrdiff_t at = str_find_str(*in, end);
    if (at < 0) {
        return false;
    }
    *in = str_skip(*in, (size_t)at + end.len);
    return true;
}

static void add_utf8(struct buf *out, uint32_t c)
{
    char bytes[4];
    size_t len;
    if (c < 0x80) {
        bytes[0] = (char)c;
        len = 1;
    } else if (c < 0x800) {
        bytes[0] = (char)(0xC0 | (c >> 6));
        bytes[1] = (char)(0x80 | (c & 0x3F));
        len = 2;
    } else if (c < 0x10000) {
        bytes[0] = (char)(0xE0 | (c >> 12));
        bytes[1] = (char)(0x80 | ((c >> 6) & 0x3F));
        bytes[2] = (char)(0x80 | (c & 0x3F));
        len = 3;
    } else {
        bytes[0] = (char)(0xF0 | (c >> 18));
        bytes[1] = (char)(0x80 | ((c >> 12) & 0x3F));
        bytes[2] = (char)(0x80 | ((c >> 6) & 0x3F));
        bytes[3] = (char)(0x80 | (c & 0x3F));
        len = 4;
    }
    buf_add(out, bytes, len);
}

/* "#38" or "#x26" as a code point; false when it is none that XML may name. */
static bool char_reference(struct str name, uint32_t *ret_char)
{
    bool hex = name.len > 2 && name.ptr[1] == 'x';
    struct str digits = str_skip(name, hex ? 2 : 1);
    uint32_t c = 0;
    if (digits.len == 0 || digits.len > 8) {
        return false;
    }
    for (size_t i = 0; i < digits.len; i++) {
        char d = digits.ptr[i];
        uint32_t value;
        if (d >= '0' && d <= '9') {
            value = (uint32_t)(d - '0');
        } else if (hex && (d | 0x20) >= 'a' && (d | 0x20) <= 'f') {
            value = (uint32_t)((d | 0x20) - 'a') + 10;
        } else {
            return false;
        }
        c = c * (hex ? 16 : 10) + value;
        if (c > 0x10FFFF) {
            return false;
        }
    }
    if (c == 0 || (c >= 0xD800 && c <= 0xDFFF)) {
        return false;
    }
    *ret_char = c;
    return true;
}

/* The input stands at '&'. */
static bool take_entity(struct store_s3_xml *x)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    ptrdiff_t end = str_find(str_head(x->in, x->in.len < 12 ? x->in.len : 12), ';');
    if (end < 2) {
        return false;
    }
    struct str name = str_head(str_skip(x->in, 1), (size_t)end - 1);
    x->in = str_skip(x->in, (size_t)end + 1);
    for (size_t i = 0; i < ARRAY_COUNT(named); i++) {
        if (str_eq_c(name, named[i].name)) {
            buf_add_char(&x->text, named[i].c);
            return true;
        }
    }
    uint32_t c;
    if (name.ptr[0] != '#' || !char_reference(name, &c)) {
        return false;
    }
    add_utf8(&x->text, c);
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The name at the start of `tag`, without its name space; what follows stays in *tag. */
static struct str take_name(struct str *tag)
{
    size_t len = 0;
    while (len < tag->len && !is_space(tag->ptr[len]) && tag->ptr[len] != '/') {
        len++;
    }
    struct str name = str_head(*tag, len);
    *tag = str_skip(*tag, len);
    ptrdiff_t colon = str_rfind(name, ':');
    return colon < 0 ? name : str_skip(name, (size_t)colon + 1);
}

/* Length of a tag's inside: up to a '>' that is not within quotes; -1 = cut off. */
static ptrdiff_t tag_len(struct str in)
{
    char quote = '\0';
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            return (ptrdiff_t)i;
        } else if (c == '<') {
            return -1;
        }
    }
    return -1;
}

static enum store_s3_xml_event close_tag(struct store_s3_xml *x, struct str name)
{
    if (x->depth == 0 || !str_eq(x->path[x->depth - 1], name)) {
        return STORE_S3_XML_BAD;
    }
    x->closed = true;
    return STORE_S3_XML_CLOSE;
}

/* The input stands behind '<' of an opening or closing tag. */
static enum store_s3_xml_event take_tag(struct store_s3_xml *x)
{
    ptrdiff_t len = tag_len(x->in);
    if (len <= 0) {
        return STORE_S3_XML_BAD;
    }
    struct str tag = str_head(x->in, (size_t)len);
    x->in = str_skip(x->in, (size_t)len + 1);
    if (tag.ptr[0] == '/') {
        tag = str_skip(tag, 1);
        struct str name = take_name(&tag);
        return str_trim(tag).len == 0 ? close_tag(x, name) : STORE_S3_XML_BAD;
    }
    struct str name = take_name(&tag);
    if (name.len == 0 || x->depth == STORE_S3_XML_DEPTH || (x->depth == 0 && x->seen_root)) {
        return STORE_S3_XML_BAD;
    }
    x->seen_root = true;
    x->path[x->depth++] = name;
    x->self_closed = tag.len > 0 && tag.ptr[tag.len - 1] == '/';
    buf_reset(&x->text);
    return STORE_S3_XML_OPEN;
}

/* Text, white space, or a section that stands for itself. False when malformed. */
static bool take_text(struct store_s3_xml *x)
{
    if (str_starts(x->in, STR("<?"))) {
        return skip_past(&x->in, STR("?>"));
    }
    if (str_starts(x->in, STR("<!--"))) {
        x->in = str_skip(x->in, 4);
        return skip_past(&x->in, STR("-->"));
    }
    if (str_starts(x->in, STR("<![CDATA["))) {
        struct str text = str_skip(x->in, 9);
        x->in = text;
        if (x->depth == 0 || !skip_past(&x->in, STR("]]>"))) {
            return false;
        }
        buf_add(&x->text, text.ptr, text.len - x->in.len - 3);
        return true;
    }
    if (x->in.ptr[0] == '&') {
        return x->depth > 0 && take_entity(x);
    }
    size_t len = 0;
    while (len < x->in.len && x->in.ptr[len] != '<' && x->in.ptr[len] != '&') {
        len++;
    }
    struct str text = str_head(x->in, len);
    x->in = str_skip(x->in, len);
    if (x->depth == 0) {
        return len > 0 && str_trim(text).len == 0;
    }
    buf_add_str(&x->text, text);
    return len > 0;
}

enum store_s3_xml_event store_s3_xml_next(struct store_s3_xml *x)
{
    if (x->closed) {
        assert(x->depth > 0);
        x->closed = false;
        x->depth--;
        buf_reset(&x->text);
    }
    if (x->self_closed) {
        x->self_closed = false;
        x->closed = true;
        return STORE_S3_XML_CLOSE;
    }
    if (!x->seen_root && str_starts(x->in, STR("\xEF\xBB\xBF"))) {
        x->in = str_skip(x->in, 3);
    }
    while (x->in.len > 0) {
        bool is_tag =
            x->in.ptr[0] == '<' && x->in.len > 1 && x->in.ptr[1] != '?' && x->in.ptr[1] != '!';
        if (is_tag) {
            x->in = str_skip(x->in, 1);
            return take_tag(x);
        }
        if (!take_text(x)) {
            return STORE_S3_XML_BAD;
        }
    }
    return x->depth == 0 && x->seen_root ? STORE_S3_XML_END : STORE_S3_XML_BAD;
}
