/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_fake_http - the server's half of HTTP/1.1, for the fake S3 in tests
 *
 * Enough for what libcurl sends: bodies have a Content-Length.  Anything else
 * aborts, since the client is ours.
 */
#include "store/s3_fake_http.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void s3_fake_conn_done(struct s3_fake_conn *c)
{
    if (c->ssl != NULL) {
        SSL_free(c->ssl);
        c->ssl = NULL;
    }
    fd_close(&c->fd);
    buf_done(&c->input);
}

void s3_fake_conn_reset(struct s3_fake_conn *c)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

bool s3_fake_conn_write(struct s3_fake_conn *c, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t written;
        if (c->ssl != NULL) {
            written = SSL_write(c->ssl, bytes.ptr, (int)bytes.len);
        } else {
            written = send(c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        }
        if (written <= 0) {
            return false;
        }
        bytes = str_skip(bytes, (size_t)written);
    }
    return true;
}

/* More input; false at the end of the connection. */
static bool fill(struct s3_fake_conn *c)
{
    const size_t block = (size_t)64 << 10;
    char *at = buf_reserve(&c->input, block);
    assert(at != NULL);
    ssize_t got;
    if (c->ssl != NULL) {
        got = SSL_read(c->ssl, at, (int)block);
    } else {
        got = recv(c->fd, at, block, 0);
    }
    if (got <= 0) {
        return false;
    }
    c->input.len += (size_t)got;
    return true;
}

static void consume(struct s3_fake_conn *c, size_t len)
{
    memmove(c->input.ptr, c->input.ptr + len, c->input.len - len);
    c->input.len -= len;
}

static void parse_head(struct s3_fake_request *r)
{
    struct str rest = buf_str(&r->head);
    struct str line;
    bool got = str_split(&rest, '\n', &line);
    assert(got);
    struct str words = str_trim(line);
    struct str target;
    got = str_split(&words, ' ', &r->method) && str_split(&words, ' ', &target);
    assert(got);
    buf_printf(&r->target, "%.*s %.*s", STR_FMT(r->method), STR_FMT(target));
    ptrdiff_t mark = str_find(target, '?');
    r->path = mark < 0 ? target : str_head(target, (size_t)mark);
    r->query = mark < 0 ? STR("") : str_skip(target, (size_t)mark + 1);
    while (str_split(&rest, '\n', &line)) {
        ptrdiff_t colon = str_find(line, ':');
        if (colon <= 0) {
            continue;
        }
        for (ptrdiff_t i = 0; i < colon; i++) {
            char *c = r->head.ptr + (line.ptr - r->head.ptr) + i;
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
        }
        *vec_push(&r->headers) = (struct store_sigv4_pair){
            str_head(line, (size_t)colon), str_trim(str_skip(line, (size_t)colon + 1))};
    }
}

int s3_fake_request_read(struct s3_fake_conn *c, struct s3_fake_request *r)
{
    ptrdiff_t end;
    while ((end = str_find_str(buf_str(&c->input), STR("\r\n\r\n"))) < 0) {
        if (!fill(c)) {
            return 0;
        }
    }
    buf_add(&r->head, c->input.ptr, (size_t)end + 2);
    consume(c, (size_t)end + 4);
    parse_head(r);
    struct str length = s3_fake_request_header(r, "content-length");
    uint64_t want = 0;
    bool is_number = length.len == 0 || str_to_u64(length, &want);
    assert(is_number);
    while (c->input.len < want) {
        if (!fill(c)) {
            r->body_cut = true;
            want = c->input.len;
        }
    }
    if (want > 0) {
        buf_add(&r->body, c->input.ptr, (size_t)want);
        consume(c, (size_t)want);
    }
    return 1;
}

void s3_fake_request_done(struct s3_fake_request *r)
{
    buf_done(&r->head);
    buf_done(&r->body);
    buf_done(&r->target);
    vec_done(&r->headers);
}

struct str s3_fake_request_header(const struct s3_fake_request *r, const char *name)
{
    for (size_t i = 0; i < r->headers.count; i++) {
        if (str_eq_c(r->headers.items[i].name, name)) {
            return r->headers.items[i].value;
        }
    }
    return STR("");
}

bool s3_fake_request_query(const struct s3_fake_request *r, const char *name, struct buf *out)
{
    struct str rest = r->query;
    struct str pair;
    while (rest.len > 0 && str_split(&rest, '&', &pair)) {
        ptrdiff_t equals = str_find(pair, '=');
        struct str found = equals < 0 ? pair : str_head(pair, (size_t)equals);
        if (str_eq_c(found, name)) {
            struct err err;
            struct str value = equals < 0 ? STR("") : str_skip(pair, (size_t)equals + 1);
            int rc = uri_decode(out, value, &err);
            assert(rc >= 0);
            return true;
        }
    }
    return false;
}

void s3_fake_answer_done(struct s3_fake_answer *a)
{
    buf_done(&a->headers);
    buf_done(&a->body);
}

void s3_fake_answer_error(struct s3_fake_answer *a, int status, const char *code)
{
    a->status = status;
    buf_reset(&a->headers);
    buf_reset(&a->body);
    if (code != NULL) {
        buf_printf(&a->body,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
                   "<Message>The fake says &quot;%s&quot;</Message></Error>",
                   code, code);
    }
}

void s3_fake_http_date(struct buf *out, int64_t wall_us)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t seconds = wall_us / 1000000;
    int64_t year;
    unsigned month;
    unsigned day;
    clock_civil_of(seconds / 86400, &year, &month, &day);
    int second = (int)(seconds % 86400);
    buf_printf(out, "%s, %02u %s %d %02d:%02d:%02d GMT", days[seconds / 86400 % 7], day,
               months[month - 1], (int)year, second / 3600, second / 60 % 60, second % 60);
}

SSL_CTX *s3_fake_tls_new(const char *pem_path, bool expired)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    assert(key != NULL);
    assert(cert != NULL);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -172800);
    X509_gmtime_adj(X509_getm_notAfter(cert), expired ? -86400 : 86400);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"fake", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "IP:127.0.0.1");
    assert(alt != NULL);
    X509_add_ext(cert, alt, -1);
    X509_EXTENSION_free(alt);
    int signature_bytes = X509_sign(cert, key, EVP_sha256());
    assert(signature_bytes > 0);

    FILE *pem = fopen(pem_path, "w");
    assert(pem != NULL);
    PEM_write_X509(pem, cert);
    fclose(pem);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    assert(tls != NULL);
    SSL_CTX_use_certificate(tls, cert);
    SSL_CTX_use_PrivateKey(tls, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    return tls;
}
