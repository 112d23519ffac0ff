/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_answer - what a registry's answers say
 *
 * Answers come from outside: what is not as documented is an error that names the member.
 */
#include "codec/registry_answer.h"

#define MESSAGE_SHOWN 200
#define NAME_MAX_LEN  512

/* In place of NULL members: registries that know no references write null, or nothing. */
static bool is_there(const struct json *v)
{
    return v != NULL && v->kind != JSON_NULL;
}

static int parse_kind(const struct json *root, enum codec_schema_kind *ret_kind, struct err *err)
{
    const struct json *v = json_find(root, "schemaType");
    struct str name = STR("AVRO");
    if (is_there(v) && !json_get_str(v, &name)) {
        return err_set(err, ERR_DATA, "\"schemaType\" is no string");
    }
    if (str_eq_nocase_c(name, "AVRO")) {
        *ret_kind = CODEC_SCHEMA_AVRO;
    } else if (str_eq_nocase_c(name, "PROTOBUF")) {
        *ret_kind = CODEC_SCHEMA_PROTOBUF;
    } else if (str_eq_nocase_c(name, "JSON")) {
        *ret_kind = CODEC_SCHEMA_JSON;
    } else {
        return err_set(err, ERR_DATA, "\"schemaType\" is \"%.*s\"; known: AVRO, PROTOBUF, JSON",
                       STR_FMT(str_head(name, 64)));
    }
    return 0;
}

static bool get_u32(const struct json *v, uint32_t *ret_value)
{
    int64_t value;
    if (!json_get_i64(v, &value) || value < 0 || value > UINT32_MAX) {
        return false;
    }
    *ret_value = (uint32_t)value;
    return true;
}

static int parse_references(const struct json *root, struct arena *arena,
                            struct codec_registry_answer *answer, struct err *err)
{
    const struct json *list = json_find(root, "references");
    if (!is_there(list)) {
        return 0;
    }
    if (list->kind != JSON_ARRAY) {
        return err_set(err, ERR_DATA, "\"references\" is no array");
    }
    struct codec_registry_reference *out =
        arena_new_array(arena, struct codec_registry_reference, list->count);
    size_t count = 0;
    json_foreach (item, list) {
        struct codec_registry_reference *r = &out[count];
        if (!json_get_str(json_find(item, "name"), &r->name) ||
            !json_get_str(json_find(item, "subject"), &r->subject) ||
            !get_u32(json_find(item, "version"), &r->version)) {
            return err_set(err, ERR_DATA,
                           "\"references\" has one without name, subject or version");
        }
        if (r->name.len > NAME_MAX_LEN || r->subject.len > NAME_MAX_LEN) {
            return err_set(err, ERR_DATA, "\"references\" has a name longer than %d bytes",
                           NAME_MAX_LEN);
        }
        r->name = arena_str(arena, r->name);
        r->subject = arena_str(arena, r->subject);
        count++;
    }
    answer->references = out;
    answer->reference_count = count;
    return 0;
}

int codec_registry_answer_parse(struct str body, struct arena *arena,
                                struct codec_registry_answer *ret_answer, struct err *err)
{
    AUTO_ARENA struct arena scratch = {0};
    struct codec_registry_answer answer = {.has_id = false};
    struct json *root;
    TRY(json_parse(&scratch, body, &root, err));
    if (root->kind != JSON_OBJECT) {
        return err_set(err, ERR_DATA, "it is no object");
    }
    struct str text;
    if (!json_get_str(json_find(root, "schema"), &text)) {
        return err_set(err, ERR_DATA, "it has no \"schema\"");
    }
    TRY(parse_kind(root, &answer.kind, err));
    const struct json *id = json_find(root, "id");
    if (is_there(id) && !get_u32(id, &answer.id)) {
        return err_set(err, ERR_DATA, "\"id\" is no schema id");
    }
    answer.has_id = is_there(id);
    TRY(parse_references(root, arena, &answer, err));
    answer.text = arena_str(arena, text);
    *ret_answer = answer;
    return 0;
}

int64_t codec_registry_answer_error(struct str body, struct buf *out)
{
    AUTO_ARENA struct arena scratch = {0};
    struct err ignored;
    struct json *root;
    if (json_parse(&scratch, body, &root, &ignored) < 0) {
        return 0;
    }
    struct str message;
    if (json_get_str(json_find(root, "message"), &message)) {
        message = str_head(message, MESSAGE_SHOWN);
        message.len = str_utf8_prefix(message);
        for (size_t i = 0; i < message.len; i++) {
            buf_add_char(out, (unsigned char)message.ptr[i] < ' ' ? ' ' : message.ptr[i]);
        }
    }
    int64_t code;
    return json_get_i64(json_find(root, "error_code"), &code) ? code : 0;
}
