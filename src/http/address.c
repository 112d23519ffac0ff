/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address - HOST:PORT to a socket that listens
 *
 * The socket is made here and given to the server, so that "in use" is told from other failures,
 * and the port that the kernel has chosen is known.
 */
#include "http/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG  128
#define HOST_MAX 253

void http_address_done(struct http_address *a)
{
    buf_done(&a->host);
}

static int malformed(struct str text, struct err *err)
{
    return err_set(err, ERR_CONFIG,
                   "\"%.*s\" is no address to listen on; it is HOST:PORT, such as 127.0.0.1:4040, "
                   "0.0.0.0:4040 or [::1]:4040, and port 0 is any free one",
                   STR_FMT(text));
}

int http_address_parse(struct str text, struct http_address *ret_address, struct err *err)
{
    ptrdiff_t colon = str_rfind(text, ':');
    if (colon <= 0) {
        return malformed(text, err);
    }
    struct str host = str_head(text, (size_t)colon);
    uint64_t port = 0;
    if (!str_to_u64(str_skip(text, (size_t)colon + 1), &port) || port > UINT16_MAX) {
        return malformed(text, err);
    }
    bool brackets = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (brackets) {
        host = str_n(host.ptr + 1, host.len - 2);
    }
    bool odd = false;
    for (size_t i = 0; i < host.len; i++) {
        odd = odd || host.ptr[i] <= ' ' || strchr("[]/@?#", host.ptr[i]) != NULL;
    }
    if (odd || brackets != (str_find(host, ':') >= 0) || host.len > HOST_MAX) {
        return malformed(text, err);
    }
    *ret_address = (struct http_address){.port = (uint16_t)port};
    buf_add_str(&ret_address->host, host);
    return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* The port that the socket has got. */
static unsigned port_of(int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t bytes = sizeof(bound);
    int rc = getsockname(fd, (struct sockaddr *)&bound, &bytes);
    assert(rc == 0);
    if (bound.ss_family == AF_INET) {
        return ntohs(((const struct sockaddr_in *)(const void *)&bound)->sin_port);
    }
    return ntohs(((const struct sockaddr_in6 *)(const void *)&bound)->sin6_port);
}

static int listen_on(const struct http_address *a, const struct addrinfo *found,
                     struct http_listener *ret_listener, struct err *err)
{
    AUTO_FD int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    }
    if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        int why = errno;
        err_set_errno(err, why, "cannot listen on %s:%u", a->host.ptr, a->port);
        if (why == EADDRNOTAVAIL) {
            err->code = ERR_CONFIG; /* no address of this machine */
        }
        return why == EADDRINUSE ? 0 : (int)err->code;
    }
    bool v6 = found->ai_family == AF_INET6;
    ret_listener->loopback = is_loopback(found->ai_addr);
    (void)snprintf(ret_listener->url, sizeof(ret_listener->url), "http://%s%s%s:%u/", v6 ? "[" : "",
                   a->host.ptr, v6 ? "]" : "", port_of(fd));
    ret_listener->fd = TAKE_FD(fd);
    return 1;
}

/* "localhost" may be ::1 first; 127.0.0.1 is what everybody else means by it. */
static const struct addrinfo *preferred(const struct addrinfo *found)
{
    assert(found != NULL);
    for (const struct addrinfo *it = found; it != NULL; it = it->ai_next) {
        if (it->ai_family == AF_INET) {
            return it;
        }
    }
    return found;
}

int http_address_listen(const struct http_address *a, struct http_listener *ret_listener,
                        struct err *err)
{
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", a->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(a->host.ptr, port, &hints, &found);
    if (rc != 0) {
        return err_set(err, ERR_CONFIG, "cannot listen on \"%s\": %s", a->host.ptr,
                       gai_strerror(rc));
    }
    rc = listen_on(a, preferred(found), ret_listener, err);
    freeaddrinfo(found);
    return rc;
}
