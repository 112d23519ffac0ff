/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_config - where an S3 store is and with which keys, from options and environment
 *
 * For each thing the first source that has it wins:
 *
 *     endpoint     options, MINIO_ENDPOINT, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's
 *                  endpoint_url, AWS by region
 *     credentials  options, MINIO_ROOT_USER and _PASSWORD (only with MINIO_ENDPOINT),
 *                  AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN), the profile,
 *                  the container's and the instance's (s3_metadata.c)
 *     region       options, AWS_REGION, AWS_DEFAULT_REGION, the profile's, us-east-1
 *     CA file      options, AWS_CA_BUNDLE, the system's
 *
 * The profile is AWS_PROFILE or "default", in ~/.aws/credentials and ~/.aws/config
 * (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE).
 *
 *  (1) A key pair and its token come from one source, never from two.
 *  (2) No error here quotes a key, or an endpoint that has a password in it.
 *  (3) Every secret read is registered with log_mask before anything else happens.
 *
 * Not here: web identities, SSO caches, credential processes.
 */
#include "store/s3_config.h"

#include "store/key.h"
#include "store/s3_metadata.h"

#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_DEADLINE_US (120 * (int64_t)1000000)
#define DEFAULT_PART_BYTES  ((uint64_t)16 << 20)

/* What a profile of the credentials and config files says; owns its strings, NULL = not set. */
struct profile {
    char *access_key;
    char *secret_key;
    char *session_token;
    char *region;
    char *endpoint;
};

static void wipe(char **text)
{
    if (*text != NULL) {
        explicit_bzero(*text, strlen(*text));
        mem_free(TAKE(*text));
    }
}

static void profile_done(struct profile *p)
{
    wipe(&p->access_key);
    wipe(&p->secret_key);
    wipe(&p->session_token);
    mem_free(p->region);
    mem_free(p->endpoint);
    *p = (struct profile){0};
}

#define AUTO_PROFILE AUTO(profile_done)

/* An environment variable; empty counts as not set. */
static struct str env(const char *name)
{
    return str_of(getenv(name)); // NOLINT(concurrency-mt-unsafe): nothing here sets any
}

static struct str first_of(const struct str *candidates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (candidates[i].len > 0) {
            return candidates[i];
        }
    }
    return STR("");
}

#define FIRST(...)                                                                                 \
    first_of((const struct str[]){__VA_ARGS__},                                                    \
             sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))

static void profile_set(char **slot, struct str value)
{
    if (*slot == NULL && value.len > 0) {
        *slot = str_dup(value);
    }
}

/* One "name = value" line of the wanted section. What is already set stays. */
static void profile_line(struct profile *p, struct str line)
{
    const struct {
        const char *name;
        char **slot;
    } known[] = {
        {"aws_access_key_id", &p->access_key},    {"aws_secret_access_key", &p->secret_key},
        {"aws_session_token", &p->session_token}, {"region", &p->region},
        {"endpoint_url", &p->endpoint},
    };
    ptrdiff_t equals = str_find(line, '=');
    if (equals < 0) {
        return;
    }
    struct str name = str_trim(str_head(line, (size_t)equals));
    struct str value = str_trim(str_skip(line, (size_t)equals + 1));
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (str_eq_nocase_c(name, known[i].name)) {
            profile_set(known[i].slot, value);
        }
    }
}

/*
 * An ini file: "[name]" or "[profile name]", then lines; nested settings are indented.  The
 * files are optional, but one that is there must be readable.
 */
static int profile_read(struct profile *p, const char *path, struct str profile, struct err *err)
{
    if (!fs_exists(path)) {
        return 0;
    }
    AUTO_BUF struct buf text = {0};
    buf_init(&text, (size_t)1 << 20);
    TRY(fs_read_file(path, &text, err));
    struct str rest = buf_str(&text);
    struct str line;
    bool wanted = false;
    while (str_split(&rest, '\n', &line)) {
        struct str trimmed = str_trim(line);
        if (trimmed.len == 0 || trimmed.ptr[0] == '#' || trimmed.ptr[0] == ';') {
            continue;
        }
        if (trimmed.ptr[0] == '[') {
            ptrdiff_t end = str_find(trimmed, ']');
            struct str name = str_head(trimmed, end < 0 ? trimmed.len : (size_t)end);
            name = str_trim(str_skip(name, 1));
            if (str_starts(name, STR("profile "))) {
                name = str_trim(str_skip(name, 8));
            }
            wanted = str_eq(name, profile);
        } else if (wanted && line.ptr[0] != ' ' && line.ptr[0] != '\t') {
            profile_line(p, trimmed);
        }
    }
    if (text.len > 0) {
        explicit_bzero(text.ptr, text.len);
    }
    return 0;
}

static int profile_load(struct profile *p, struct err *err)
{
    struct str name = FIRST(env("AWS_PROFILE"), STR("default"));
    struct str home = env("HOME");
    static const struct {
        const char *variable;
        const char *below_home;
    } files[] = {{"AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"},
                 {"AWS_CONFIG_FILE", "/.aws/config"}};
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        AUTO_BUF struct buf path = {0};
        buf_add_str(&path, env(files[i].variable));
        if (path.len == 0 && home.len > 0) {
            buf_add_str(&path, home);
            buf_add_c(&path, files[i].below_home);
        }
        if (path.len > 0) {
            TRY(profile_read(p, path.ptr, name, err));
        }
    }
    return 0;
}

static void set_credentials(struct store_s3_credentials *c, struct str access_key,
                            struct str secret_key, struct str token)
{
    log_mask(secret_key);
    log_mask(token);
    c->access_key = str_dup(access_key);
    c->secret_key = str_dup(secret_key);
    c->session_token = str_dup(token.len == 0 ? STR("") : token);
}

/* A name without its secret, or the other way round, is a mistake worth a word. Outcome 1 = taken.
 */
static int pair_from(struct store_s3_credentials *c, const char *source, struct str access_key,
                     struct str secret_key, struct str token, struct err *err)
{
    if (access_key.len == 0 && secret_key.len == 0) {
        return 0;
    }
    if (access_key.len == 0 || secret_key.len == 0) {
        return err_set(err, ERR_CONFIG, "%s: the %s is set, the %s is not", source,
                       access_key.len > 0 ? "access key" : "secret key",
                       access_key.len > 0 ? "secret key" : "access key");
    }
    set_credentials(c, access_key, secret_key, token);
    return 1;
}

static int profile_pair(struct store_s3_credentials *c, const struct profile *p, struct err *err)
{
    int rc = TRY(pair_from(c, "AWS profile", str_of(p->access_key), str_of(p->secret_key),
                           str_of(p->session_token), err));
    if (rc > 0) {
        c->from = STORE_S3_KEYS_FILE;
    }
    return rc;
}

/* Temporary keys of the surroundings. Outcome 1 = taken, 0 = there are none; `why` says why. */
static int surrounding_keys(struct store_s3_credentials *c, struct buf *why, struct err *err)
{
    if (TRY(store_s3_metadata_container(NULL, c, why, err)) > 0) {
        c->from = STORE_S3_KEYS_CONTAINER;
        return 1;
    }
    buf_reset(why);
    if (TRY(store_s3_metadata_instance(NULL, c, why, err)) > 0) {
        c->from = STORE_S3_KEYS_INSTANCE;
        return 1;
    }
    return 0;
}

static int find_credentials(struct store_s3_credentials *c, const struct store_options *o,
                            const struct profile *p, struct err *err)
{
    if (TRY(pair_from(c, "options", o->access_key, o->secret_key, o->session_token, err)) > 0) {
        return 0;
    }
    if (env("MINIO_ENDPOINT").len > 0 &&
        TRY(pair_from(c, "MINIO_ROOT_USER and MINIO_ROOT_PASSWORD", env("MINIO_ROOT_USER"),
                      env("MINIO_ROOT_PASSWORD"), STR(""), err)) > 0) {
        return 0;
    }
    if (TRY(pair_from(c, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", env("AWS_ACCESS_KEY_ID"),
                      env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN"), err)) > 0) {
        return 0;
    }
    if (TRY(profile_pair(c, p, err)) > 0) {
        return 0;
    }
    AUTO_BUF struct buf why = {0};
    if (TRY(surrounding_keys(c, &why, err)) > 0) {
        return 0;
    }
    return err_set(err, ERR_CONFIG,
                   "no credentials for S3; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                   "AWS_PROFILE, or fs.s3a.access.key and fs.s3a.secret.key (%s)",
                   why.ptr);
}

void store_s3_config_wipe(struct store_s3_credentials *credentials)
{
    wipe(&credentials->access_key);
    wipe(&credentials->secret_key);
    wipe(&credentials->session_token);
    credentials->from = STORE_S3_KEYS_FIXED;
    credentials->expires_us = 0;
}

static int reload_files(struct store_s3_credentials *ret_credentials, struct err *err)
{
    AUTO_PROFILE struct profile p = {0};
    TRY(profile_load(&p, err));
    return profile_pair(ret_credentials, &p, err);
}

int store_s3_config_reload(const struct store_s3_credentials *old, struct stop *stop,
                           struct store_s3_credentials *ret_credentials, struct err *err)
{
    struct store_s3_credentials now = {0};
    AUTO_BUF struct buf why = {0};
    int rc = 0;
    switch (old->from) {
    case STORE_S3_KEYS_FIXED:
        return 0;
    case STORE_S3_KEYS_FILE:
        rc = reload_files(&now, err);
        break;
    case STORE_S3_KEYS_CONTAINER:
        rc = store_s3_metadata_container(stop, &now, &why, err);
        break;
    case STORE_S3_KEYS_INSTANCE:
        rc = store_s3_metadata_instance(stop, &now, &why, err);
        break;
    }
    if (TRY(rc) == 0) {
        return why.len == 0 ? 0 : err_set_retry(err, "%s", why.ptr);
    }
    now.from = old->from;
    if (strcmp(now.access_key, old->access_key) == 0 &&
        strcmp(now.secret_key, old->secret_key) == 0 &&
        strcmp(now.session_token, old->session_token) == 0 && now.expires_us == old->expires_us) {
        store_s3_config_wipe(&now);
        return 0;
    }
    *ret_credentials = now;
    return 1;
}

char *store_s3_config_aws_host(const char *region)
{
    const char *suffix = strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";
    return mem_printf("s3.%s.%s", region, suffix);
}

/* Letters, digits and what `more` has: nothing that could change the meaning of a URL. */
static bool is_plain(struct str s, const char *more)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  (c != '\0' && strchr(more, c) != NULL);
        if (!ok) {
            return false;
        }
    }
    return s.len > 0;
}

int store_s3_config_endpoint(struct str endpoint, char **ret_scheme, char **ret_host,
                             char **ret_base_path, struct err *err)
{
    bool https = str_starts_nocase(endpoint, STR("https://"));
    bool http = str_starts_nocase(endpoint, STR("http://"));
    struct str rest = str_skip(endpoint, https ? 8 : http ? 7 : 0);
    ptrdiff_t slash = str_find(rest, '/');
    struct str host = slash < 0 ? rest : str_head(rest, (size_t)slash);
    struct str path = slash < 0 ? STR("") : str_skip(rest, (size_t)slash);
    while (path.len > 0 && path.ptr[path.len - 1] == '/') {
        path = str_head(path, path.len - 1);
    }
    if (str_find(host, '@') >= 0) {
        return err_set(err, ERR_CONFIG,
                       "the S3 endpoint has a user name or password in it; "
                       "give them as access key and secret key");
    }
    bool ends_in_colon = str_ends(host, STR(":")); /* as in "ftp://host" */
    if (ends_in_colon || !is_plain(host, "-._:[]") || (path.len > 0 && !is_plain(path, "-._~/"))) {
        char shown[STORE_KEY_SHOWN];
        return err_set(err, ERR_CONFIG,
                       "S3 endpoint \"%s\" is not of the form http(s)://host[:port]",
                       store_key_show(endpoint, shown));
    }
    struct str own_port = https ? STR(":443") : STR(":80");
    if (str_ends(host, own_port)) {
        host = str_head(host, host.len - own_port.len);
    }
    *ret_scheme = mem_strdup(https ? "https" : "http");
    *ret_host = str_dup(host);
    *ret_base_path = str_dup(path);
    return 0;
}

static int find_bucket(struct str location, struct store_s3_config *config, struct err *err)
{
    struct uri_parts parts;
    uri_split(location, &parts);
    char shown[STORE_KEY_SHOWN];
    if (!is_plain(parts.authority, "-._")) {
        return err_set(err, ERR_CONFIG,
                       "location \"%s\" has no bucket name; write s3://bucket/path",
                       store_key_show(location, shown));
    }
    struct str prefix = parts.path;
    while (prefix.len > 0 && prefix.ptr[0] == '/') {
        prefix = str_skip(prefix, 1);
    }
    while (prefix.len > 0 && prefix.ptr[prefix.len - 1] == '/') {
        prefix = str_head(prefix, prefix.len - 1);
    }
    if (prefix.len > 0) {
        TRY(store_key_check("open", prefix, err));
    }
    config->bucket = str_dup(parts.authority);
    config->prefix = prefix.len == 0 ? mem_strdup("") : mem_printf("%.*s/", STR_FMT(prefix));
    return 0;
}

static int find_endpoint(struct store_s3_config *config, const struct store_options *o,
                         const struct profile *p, struct err *err)
{
    struct str endpoint = FIRST(o->endpoint, env("MINIO_ENDPOINT"), env("AWS_ENDPOINT_URL_S3"),
                                env("AWS_ENDPOINT_URL"), str_of(p->endpoint));
    config->is_aws = endpoint.len == 0;
    if (config->is_aws) {
        config->scheme = mem_strdup("https");
        config->host = store_s3_config_aws_host(config->region);
        config->base_path = mem_strdup("");
    } else {
        TRY(store_s3_config_endpoint(endpoint, &config->scheme, &config->host, &config->base_path,
                                     err));
    }
    config->path_style = !config->is_aws;
    if (o->path_style.len > 0 && !str_to_bool(o->path_style, &config->path_style)) {
        return err_set(err, ERR_CONFIG, "path style access must be true or false");
    }
    assert(config->scheme != NULL);
    assert(config->bucket != NULL);
    /* The certificate of *.s3.… covers one label only. */
    if (strcmp(config->scheme, "https") == 0 && strchr(config->bucket, '.') != NULL) {
        config->path_style = true;
    }
    return 0;
}

static int resolve(struct str location, const struct store_options *o,
                   struct store_s3_config *config, struct err *err)
{
    AUTO_PROFILE struct profile p = {0};
    TRY(find_bucket(location, config, err));
    TRY(profile_load(&p, err));
    struct str region = FIRST(o->region, env("AWS_REGION"), env("AWS_DEFAULT_REGION"),
                              str_of(p.region), STR("us-east-1"));
    if (!is_plain(region, "-_")) {
        return err_set(err, ERR_CONFIG, "the S3 region is not a region's name");
    }
    config->region = str_dup(region);
    TRY(find_endpoint(config, o, &p, err));
    TRY(find_credentials(&config->credentials, o, &p, err));
    if (!is_plain(str_of(config->credentials.access_key), "-._~+=@:!#$%&*")) {
        return err_set(err, ERR_CONFIG, "the S3 access key has a character that no key has");
    }
    config->ca_file = str_dup(FIRST(o->ca_file, env("AWS_CA_BUNDLE")));
    config->deadline_us = o->deadline_us > 0 ? o->deadline_us : DEFAULT_DEADLINE_US;
    config->part_bytes = o->part_bytes > 0 ? o->part_bytes : DEFAULT_PART_BYTES;
    return 0;
}

int store_s3_config_init(struct str location, const struct store_options *options,
                         struct store_s3_config *ret_config, struct err *err)
{
    struct store_s3_config config = {0};
    int rc = resolve(location, options, &config, err);
    if (rc < 0) {
        store_s3_config_done(&config);
        return rc;
    }
    *ret_config = config;
    return 0;
}

void store_s3_config_done(struct store_s3_config *config)
{
    store_s3_config_wipe(&config->credentials);
    mem_free(config->scheme);
    mem_free(config->host);
    mem_free(config->base_path);
    mem_free(config->bucket);
    mem_free(config->prefix);
    mem_free(config->region);
    mem_free(config->ca_file);
    *config = (struct store_s3_config){0};
}
