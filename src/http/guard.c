/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard - who may ask, and who may change something
 *
 *  (1) The Host header must be a name under which this server is meant to be reached.  A web page
 *      that makes its own name resolve to this machine (DNS rebinding) sends its own name, and is
 *      refused; an address written as digits cannot be rebound.
 *  (2) What changes something needs a header that no form and no script of another site can send
 *      without a preflight, which is never granted: there are no CORS headers.
 *  (3) Where others than this machine's users can reach the socket, it needs the token.  A name of
 *      --ui-host and a proxy's headers mean that they can, also with a loopback address.
 *  (4) The token is compared in a time that does not tell how much of it was right.
 */
#include "http/guard.h"

#include <arpa/inet.h>
#include <ctype.h>

#define TOKEN_MIN 8
#define HOST_MAX  253

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (!isalnum(c) && c != '-' && c != '.' && c != '_') {
            return false;
        }
    }
    return name.len > 0 && name.len <= HOST_MAX;
}

static void add_host(struct http_guard *g, struct str name)
{
    char *lower = str_dup(name);
    for (char *c = lower; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    *vec_push(&g->hosts) = lower;
}

static int check_token(const char *token, struct err *err)
{
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        if (token[i] <= ' ' || token[i] > '~') {
            return err_set(err, ERR_CONFIG,
                           "the token of the status page has a character that no header can carry; "
                           "letters, digits and - . _ ~ + / = are safe");
        }
    }
    if (len < TOKEN_MIN) {
        return err_set(err, ERR_CONFIG,
                       "the token of the status page is shorter than %d characters; openssl rand "
                       "-hex 32 makes a good one",
                       TOKEN_MIN);
    }
    return 0;
}

int http_guard_init(struct http_guard *g, bool loopback, const char *listen_host, const char *token,
                    const char *hosts, struct err *err)
{
    if (token != NULL) {
        TRY(check_token(token, err));
    }
    struct str rest = str_of(hosts);
    struct str name;
    while (rest.ptr != NULL && str_split(&rest, ',', &name)) {
        name = str_trim(name);
        if (name.len > 0 && !is_name(name)) {
            return err_set(err, ERR_CONFIG,
                           "\"%.*s\" is no host name to let in; give names without scheme and "
                           "port, separated by commas",
                           STR_FMT(name));
        }
    }
    *g = (struct http_guard){.loopback = loopback, .token = mem_strdup(token)};
    rest = str_of(hosts);
    while (rest.ptr != NULL && str_split(&rest, ',', &name)) {
        name = str_trim(name);
        if (name.len > 0) {
            add_host(g, name);
        }
    }
    if (!loopback && is_name(str_of(listen_host))) {
        add_host(g, str_of(listen_host));
    }
    if (token != NULL) {
        log_mask(str_of(token));
    }
    return 0;
}

void http_guard_done(struct http_guard *g)
{
    for (size_t i = 0; i < g->hosts.count; i++) {
        mem_free(g->hosts.items[i]);
    }
    vec_done(&g->hosts);
    mem_freep(&g->token);
}

/* ---- the Host header ------------------------------------------------------------------------ */

/* Cuts ":port" off; false when malformed. An IPv6 literal loses its brackets. */
static bool host_of(struct str header, struct str *ret_host, bool *ret_v6)
{
    struct str host = header;
    struct str port = STR_NULL;
    *ret_v6 = header.len > 0 && header.ptr[0] == '[';
    if (*ret_v6) {
        ptrdiff_t end = str_find(header, ']');
        if (end < 0) {
            return false;
        }
        host = str_n(header.ptr + 1, (size_t)end - 1);
        port = str_skip(header, (size_t)end + 1);
    } else if (str_find(header, ':') >= 0) {
        host = str_head(header, (size_t)str_find(header, ':'));
        port = str_skip(header, host.len);
    }
    uint64_t number = 0;
    if (port.len > 0 &&
        (port.ptr[0] != ':' ||
         (port.len > 1 && (!str_to_u64(str_skip(port, 1), &number) || number > UINT16_MAX)))) {
        return false;
    }
    *ret_host = host;
    return host.len > 0 && host.len <= HOST_MAX && str_find(host, '\0') < 0;
}

enum place { PLACE_NONE, PLACE_LOOPBACK, PLACE_ADDRESS, PLACE_NAMED };

static enum place place_of(const struct http_guard *g, struct str header)
{
    struct str host;
    bool v6 = false;
    if (!host_of(header, &host, &v6)) {
        return PLACE_NONE;
    }
    char text[HOST_MAX + 1];
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    struct in6_addr address6;
    struct in_addr address4;
    if (v6) {
        if (inet_pton(AF_INET6, text, &address6) != 1) {
            return PLACE_NONE;
        }
        return IN6_IS_ADDR_LOOPBACK(&address6) ? PLACE_LOOPBACK : PLACE_ADDRESS;
    }
    if (inet_pton(AF_INET, text, &address4) == 1) {
        return ntohl(address4.s_addr) >> 24 == 127 ? PLACE_LOOPBACK : PLACE_ADDRESS;
    }
    if (str_eq_nocase_c(host, "localhost")) {
        return PLACE_LOOPBACK;
    }
    for (size_t i = 0; i < g->hosts.count; i++) {
        if (str_eq_nocase_c(host, g->hosts.items[i])) {
            return PLACE_NAMED;
        }
    }
    return PLACE_NONE;
}

int http_guard_read(const struct http_guard *g, const struct http_guard_request *r,
                    const char **ret_message)
{
    enum place place = place_of(g, r->host);
    if (place == PLACE_NONE || (place == PLACE_ADDRESS && g->loopback)) {
        *ret_message = "the Host header is not a name of this server; --ui-host lets further "
                       "names in";
        return 421;
    }
    return 0;
}

/* ---- changing something --------------------------------------------------------------------- */

static bool is_token(const char *token, struct str authorization)
{
    struct str scheme = STR("Bearer ");
    if (!str_starts_nocase(authorization, scheme)) {
        return false;
    }
    struct str given = str_trim(str_skip(authorization, scheme.len));
    size_t len = strlen(token);
    volatile unsigned char wrong = given.len != len;
    for (size_t i = 0; i < given.len; i++) {
        wrong = (unsigned char)(wrong | (given.ptr[i] ^ token[i % len]));
    }
    return wrong == 0;
}

static bool is_same_origin(const struct http_guard_request *r)
{
    if (r->fetch_site.ptr != NULL && !str_eq_c(r->fetch_site, "same-origin") &&
        !str_eq_c(r->fetch_site, "none")) {
        return false;
    }
    if (r->origin.ptr == NULL) {
        return true; /* no browser */
    }
    ptrdiff_t at = str_find_str(r->origin, STR("://"));
    return at >= 0 && str_eq_nocase(str_skip(r->origin, (size_t)at + 3), r->host);
}

int http_guard_write(const struct http_guard *g, const struct http_guard_request *r,
                     const char **ret_message)
{
    if (!is_same_origin(r)) {
        *ret_message = "a page of another site may not do this";
        return 403;
    }
    if (g->token != NULL) {
        if (is_token(g->token, r->authorization)) {
            return 0;
        }
        *ret_message = "this needs the header \"Authorization: Bearer TOKEN\" with the token of "
                       "--ui-token-file";
        return 401;
    }
    if (!g->loopback || r->forwarded || place_of(g, r->host) != PLACE_LOOPBACK) {
        *ret_message = "from other machines this needs a token, and none is set: start sluice "
                       "with --ui-token-file or SLUICE_UI_TOKEN";
        return 403;
    }
    if (r->marker.ptr == NULL && r->authorization.ptr == NULL) {
        *ret_message = "this needs the header \"X-Sluice: 1\", which forms of other sites cannot "
                       "send";
        return 403;
    }
    return 0;
}
