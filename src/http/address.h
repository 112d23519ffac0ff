/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_ADDRESS_H
#define HTTP_ADDRESS_H

#include "base/base.h"

/*
 * address - HOST:PORT to a socket that listens
 */
struct http_address {
    struct buf host; /* as given, without brackets */
    uint16_t port;   /* 0 = any */
};
void http_address_done(struct http_address *a);
#define AUTO_HTTP_ADDRESS AUTO(http_address_done)

/* "localhost:4040", "0.0.0.0:0", "[::1]:4040". ERR_CONFIG. */
int http_address_parse(struct str text, struct http_address *ret_address, struct err *err);

struct http_listener {
    int fd;
    bool loopback; /* reached from this machine only */
    char url[300];
};

/* 1 = listens; 0 = the address is in use by another (*err says so, as ERR_IO); ERR_CONFIG for a
 * host that is not one of this machine's or is not known, ERR_IO for the rest. */
int http_address_listen(const struct http_address *a, struct http_listener *ret_listener,
                        struct err *err);

#endif
