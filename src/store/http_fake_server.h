/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_HTTP_FAKE_SERVER_H
#define STORE_HTTP_FAKE_SERVER_H

#include "store/s3_fake_http.h"

/*
 * http_fake_server - the sockets and threads of the fake servers; for tests only
 */
struct http_fake_session;

/* Answers one request; false when the connection is over. Called on the connection's thread. */
typedef bool (*http_fake_serve_fn)(void *user, struct s3_fake_conn *conn);

struct http_fake_server {
    http_fake_serve_fn serve;
    void *user;
    SSL_CTX *tls; /* NULL = plain; ours from here on */
    int fd;
    int port;
    char url[64]; /* "http://127.0.0.1:PORT" */
    struct stop stop;
    struct thread acceptor;
    struct mutex lock;
    VEC(struct http_fake_session *) sessions; /* guarded by .lock, as their connections' ends */
};

/* Listens on a port of 127.0.0.1, 0 = any. `tls` may be NULL. */
void http_fake_server_open(struct http_fake_server *s, int port, SSL_CTX *tls,
                           http_fake_serve_fn serve, void *user);
/* Ends all connections and waits for their threads. */
void http_fake_server_close(struct http_fake_server *s);
/* Accepted so far. */
size_t http_fake_server_connections(struct http_fake_server *s);

#endif
