/* SPDX-License-Identifier: Apache-2.0 */
#include "delta/path.h"

/*
 * path - from partition values to object keys to add.path (delta.md 1.4)
 *
 *     value          Serbia/srb%
 *     folder of key  p=Serbia%2Fsrb%25        Hive's escaping, what Spark does
 *     add.path       p=Serbia%252Fsrb%2525    the key as a URI (RFC 2396)
 *
 *  (1) Readers decode add.path exactly once; what a store does to a key on the
 *      wire is its own, third, encoding.
 *  (2) Folder names are for people and old tools; values come from the log.
 */

void delta_path_escape(struct str value, struct buf *out)
{
    static const char special[] = "\"#%'*/:=?\\{[]^";
    if (value.len == 0) {
        buf_add_c(out, "__HIVE_DEFAULT_PARTITION__");
        return;
    }
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < 0x20 || c == 0x7f || memchr(special, c, sizeof(special) - 1) != NULL) {
            buf_printf(out, "%%%02X", (unsigned)c);
        } else {
            buf_add_char(out, (char)c);
        }
    }
}

void delta_path_encode(struct str key, struct buf *out)
{
    uri_encode(out, key, "/=!$&'()*+,;:@");
}

/* "a/../b" and the like. */
static bool has_dot_dot(struct str key)
{
    struct str rest = key;
    struct str part = STR_NULL;
    while (str_split(&rest, '/', &part)) {
        if (str_eq_c(part, "..")) {
            return true;
        }
    }
    return false;
}

int delta_path_decode(struct str path, struct buf *out, struct err *err)
{
    struct uri_parts parts;
    uri_split(path, &parts);
    if (parts.scheme.len > 0 || str_starts(path, STR("/"))) {
        buf_add_str(out, path);
        return 1;
    }
    size_t start = out->len;
    int rc = uri_decode(out, path, err);
    if (rc < 0) {
        return err_wrap(err, "path \"%.*s\"", STR_FMT(path));
    }
    if (has_dot_dot(str_skip(buf_str(out), start))) {
        return err_set(err, ERR_DATA, "path \"%.*s\" leaves the table", STR_FMT(path));
    }
    return 0;
}

void delta_file_key(const struct str *partition_columns, const struct str *partition_values,
                    size_t partition_count, const char *codec, struct buf *out)
{
    for (size_t i = 0; i < partition_count; i++) {
        delta_path_escape(partition_columns[i], out);
        buf_add_char(out, '=');
        delta_path_escape(partition_values[i], out);
        buf_add_char(out, '/');
    }
    char uuid[UUID_TEXT];
    rand_uuid(uuid);
    bool plain = str_eq_nocase_c(str_of(codec), "uncompressed");
    buf_printf(out, "part-%s%s%s.parquet", uuid, plain ? "" : ".", plain ? "" : codec);
}
