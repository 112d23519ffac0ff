/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_CONFIG_H
#define STORE_S3_CONFIG_H

#include "store/store.h"

/*
 * s3_config - where an S3 store is and with which keys, from options and environment
 */
enum store_s3_keys_from {
    STORE_S3_KEYS_FIXED, /* options or environment */
    STORE_S3_KEYS_FILE,  /* reading the files again may give newer ones */
    STORE_S3_KEYS_CONTAINER,
    STORE_S3_KEYS_INSTANCE,
};

struct store_s3_credentials {
    char *access_key;
    char *secret_key;
    char *session_token; /* "" = none */
    enum store_s3_keys_from from;
    int64_t expires_us; /* wall clock; 0 = not known to expire */
};

/* Owns all its strings; "" = not set. */
struct store_s3_config {
    char *scheme;    /* "http" or "https" */
    char *host;      /* with the port unless it is the scheme's own; without the bucket */
    char *base_path; /* "" or "/storage/s3": what stands before every path */
    char *bucket;
    char *prefix; /* "" or "a/b/" */
    char *region;
    char *ca_file;
    bool path_style;
    bool is_aws; /* the host follows from the region */
    int64_t deadline_us;
    uint64_t part_bytes;
    struct store_s3_credentials credentials;
};

/* `location` is "s3://bucket/prefix" (s3a, s3n). ERR_CONFIG says what to set. */
int store_s3_config_init(struct str location, const struct store_options *options,
                         struct store_s3_config *ret_config, struct err *err);
void store_s3_config_done(struct store_s3_config *config);

/* Asks where `old` came from again; `stop` ends the wait. Outcome 1 = others, 0 = the same. */
int store_s3_config_reload(const struct store_s3_credentials *old, struct stop *stop,
                           struct store_s3_credentials *ret_credentials, struct err *err);
void store_s3_config_wipe(struct store_s3_credentials *credentials); /* done, overwriting them */

/* "s3.eu-west-1.amazonaws.com"; caller frees. */
char *store_s3_config_aws_host(const char *region);

/* "http", "127.0.0.1:9000", "" from an endpoint; without a scheme it is http. Caller frees all. */
int store_s3_config_endpoint(struct str endpoint, char **ret_scheme, char **ret_host,
                             char **ret_base_path, struct err *err);

#endif
