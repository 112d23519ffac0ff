/* SPDX-License-Identifier: Apache-2.0 */
/*
 * avro_canon - the parsing canonical form of a schema, and its fingerprint
 *
 * Full names, no attributes but those that matter to a reader, in a fixed order, no white space.
 * A named schema is printed where it is first met and named from then on, as the text did it.
 */
#include "codec/avro_canon.h"

#include "base/base.h"

#define CRC_EMPTY UINT64_C(0xc15d213aa4d7a795)

struct printer {
    struct buf *out;
    VEC(const struct avro_schema *) seen; /* named schemas; sorted by address */
};

static void print_schema(struct printer *p, const struct avro_schema *s);

/* True when it was seen before; remembers it. */
static bool see(struct printer *p, const struct avro_schema *s)
{
    size_t low = 0;
    size_t high = p->seen.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((uintptr_t)p->seen.items[middle] < (uintptr_t)s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < p->seen.count && p->seen.items[low] == s) {
        return true;
    }
    vec_push(&p->seen);
    memmove(p->seen.items + low + 1, p->seen.items + low,
            (p->seen.count - 1 - low) * sizeof(*p->seen.items));
    p->seen.items[low] = s;
    return false;
}

static void print_fields(struct printer *p, const struct avro_schema *s)
{
    buf_add_c(p->out, ",\"fields\":[");
    for (size_t i = 0; i < s->names.count; i++) {
        buf_add_c(p->out, i > 0 ? ",{\"name\":" : "{\"name\":");
        json_quote(p->out, s->names.items[i]);
        buf_add_c(p->out, ",\"type\":");
        print_schema(p, s->fields[i].schema);
        buf_add_char(p->out, '}');
    }
    buf_add_char(p->out, ']');
}

static void print_named(struct printer *p, const struct avro_schema *s)
{
    if (see(p, s)) {
        json_quote(p->out, s->full_name);
        return;
    }
    buf_add_c(p->out, "{\"name\":");
    json_quote(p->out, s->full_name);
    buf_printf(p->out, ",\"type\":\"%s\"", codec_avro_schema_kind_name(s->kind));
    if (s->kind == AVRO_RECORD) {
        print_fields(p, s);
    } else if (s->kind == AVRO_FIXED) {
        buf_printf(p->out, ",\"size\":%zu", s->size);
    } else {
        buf_add_c(p->out, ",\"symbols\":[");
        for (size_t i = 0; i < s->names.count; i++) {
            buf_add_c(p->out, i > 0 ? "," : "");
            json_quote(p->out, s->names.items[i]);
        }
        buf_add_char(p->out, ']');
    }
    buf_add_char(p->out, '}');
}

static void print_schema(struct printer *p, const struct avro_schema *s)
{
    switch (s->kind) {
    case AVRO_RECORD:
    case AVRO_ENUM:
    case AVRO_FIXED:
        print_named(p, s);
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        buf_add_c(p->out, s->kind == AVRO_ARRAY ? "{\"type\":\"array\",\"items\":"
                                                : "{\"type\":\"map\",\"values\":");
        print_schema(p, s->branches[0]);
        buf_add_char(p->out, '}');
        break;
    case AVRO_UNION:
        buf_add_char(p->out, '[');
        for (size_t i = 0; i < s->branch_count; i++) {
            buf_add_c(p->out, i > 0 ? "," : "");
            print_schema(p, s->branches[i]);
        }
        buf_add_char(p->out, ']');
        break;
    default:
        buf_printf(p->out, "\"%s\"", codec_avro_schema_kind_name(s->kind));
    }
}

void codec_avro_canon_print(const struct avro_schema *schema, struct buf *out)
{
    struct printer p = {.out = out};
    print_schema(&p, schema);
    vec_done(&p.seen);
}

uint64_t codec_avro_canon_crc(struct str bytes)
{
    uint64_t crc = CRC_EMPTY;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (unsigned char)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (CRC_EMPTY & -(crc & 1));
        }
    }
    return crc;
}

uint64_t codec_avro_canon_fingerprint(const struct avro_schema *schema)
{
    AUTO_BUF struct buf form = {0};
    codec_avro_canon_print(schema, &form);
    return codec_avro_canon_crc(buf_str(&form));
}
