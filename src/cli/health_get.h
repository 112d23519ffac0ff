/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_HEALTH_GET_H
#define CLI_HEALTH_GET_H

#include "base/base.h"

/*
 * health_get - one plain HTTP GET, with a deadline
 */
struct cli_health_target {
    char host[256]; /* without brackets */
    uint16_t port;
    char path[512]; /* with its leading slash; empty = none was given */
};

/* http://HOST[:PORT][/PATH] (the port is 4040 unless given). ERR_CONFIG for anything else. */
int cli_health_get_parse_url(struct str url, struct cli_health_target *ret_target, struct err *err);

/* HOST:PORT as a server is told to listen on; any address (0.0.0.0, [::]) is asked on loopback. */
int cli_health_get_parse_address(struct str address, struct cli_health_target *ret_target,
                                 struct err *err);

/* The answer's status; its body is appended. ERR_IO (retry): nobody answers in time, or what
 * answers does not speak HTTP. */
int cli_health_get(const struct cli_health_target *target, int64_t timeout_us, struct buf *body,
                   struct err *err);

#endif
