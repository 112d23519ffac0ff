/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_fake_server - the sockets and threads of the fake servers; for tests only
 *
 * One thread a connection, and one that accepts.
 */
#include "store/http_fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_fake_session {
    struct http_fake_server *server;
    struct thread thread;
    struct s3_fake_conn conn;
};

static void serve(void *user)
{
    struct http_fake_session *session = user;
    struct http_fake_server *s = session->server;
    struct s3_fake_conn *conn = &session->conn;
    bool ok = true;
    if (s->tls != NULL) {
        conn->ssl = SSL_new(s->tls);
        SSL_set_fd(conn->ssl, conn->fd);
        ok = SSL_accept(conn->ssl) == 1;
    }
    while (ok && !stop_is_set(&s->stop)) {
        ok = s->serve(s->user, conn);
    }
    MUTEX_GUARD(&s->lock);
    s3_fake_conn_done(conn);
}

static void accept_all(void *user)
{
    struct http_fake_server *s = user;
    while (!stop_is_set(&s->stop)) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        if (poll(&p, 1, 20) <= 0) {
            continue;
        }
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        MUTEX_GUARD(&s->lock);
        struct http_fake_session *session = mem_new(struct http_fake_session);
        session->server = s;
        session->conn.fd = fd;
        *vec_push(&s->sessions) = session;
        thread_start(&session->thread, "fake-http", serve, session);
    }
}

void http_fake_server_open(struct http_fake_server *s, int port, SSL_CTX *tls,
                           http_fake_serve_fn serve_one, void *user)
{
    *s = (struct http_fake_server){.serve = serve_one, .user = user, .tls = tls};
    stop_init(&s->stop);
    mutex_init(&s->lock);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(s->fd >= 0);
    int one = 1;
    (void)setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    bool ok = bind(s->fd, (struct sockaddr *)&at, len) == 0 && listen(s->fd, 64) == 0 &&
              getsockname(s->fd, (struct sockaddr *)&at, &len) == 0;
    assert(ok);
    s->port = ntohs(at.sin_port);
    snprintf(s->url, sizeof(s->url), "%s://127.0.0.1:%d", tls != NULL ? "https" : "http", s->port);
    thread_start(&s->acceptor, "fake-http", accept_all, s);
}

void http_fake_server_close(struct http_fake_server *s)
{
    stop_set(&s->stop);
    thread_join(&s->acceptor);
    mutex_lock(&s->lock);
    for (size_t i = 0; i < s->sessions.count; i++) {
        if (s->sessions.items[i]->conn.fd >= 0) {
            (void)shutdown(s->sessions.items[i]->conn.fd, SHUT_RDWR);
        }
    }
    mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->sessions.count; i++) {
        thread_join(&s->sessions.items[i]->thread);
        mem_free(s->sessions.items[i]);
    }
    vec_done(&s->sessions);
    fd_close(&s->fd);
    SSL_CTX_free(s->tls);
    mutex_done(&s->lock);
    stop_done(&s->stop);
}

size_t http_fake_server_connections(struct http_fake_server *s)
{
    MUTEX_GUARD(&s->lock);
    return s->sessions.count;
}
