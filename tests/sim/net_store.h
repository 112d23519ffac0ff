/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_NET_STORE_H
#define SIM_NET_STORE_H

#include "fiber.h"
#include "store/store.h"

/*
 * net_store - an object store at the other end of a bad network
 *
 * One struct net holds the objects and the requests under way; every process opens handles on it.
 * GET and LIST are strictly consistent: they answer what is there at the moment they are carried
 * out.  Answers come late, or not at all.  A put_if_absent waits in the net until the scheduler
 * delivers or drops it, whether its sender still waits, has given up or is dead.
 */
struct net_object {
    char *key;
    struct buf body;
    int64_t modified_us;
};

/* One put_if_absent under way. */
struct net_request {
    uint64_t id;
    char *key;
    struct buf body;
    struct net_wait *wait; /* NULL = nobody waits for the answer any more */
    bool overwrite;        /* an idempotent put whose sender gave up */
};

/* What goes wrong, in parts of 1000. */
struct net_weather {
    unsigned yield;          /* a GET, LIST or PUT lets others run before and after */
    unsigned fail;           /* an idempotent operation fails for good */
    unsigned lost;           /* the answer of a put_if_absent does not arrive */
    unsigned give_up;        /* a sender that is asked gives up waiting */
    unsigned twice;          /* a put_if_absent arrives once more, later */
    unsigned exists_instead; /* …and the answer is that of the second arrival */
    unsigned truncate;       /* half of the body is kept */
};

/* Rules that can be broken on purpose, to see that the oracle notices. */
enum net_break { NET_BREAK_NONE, NET_BREAK_FENCE, NET_BREAK_READBACK };

struct net {
    struct rng *rng;
    struct net_weather weather;
    enum net_break broken;
    VEC(struct net_object) objects; /* by key */
    VEC(struct net_request) requests;
    uint64_t request_count;
    int64_t version_count;   /* commits 0 … count-1 are in the log, or were */
    VEC(struct buf) archive; /* what they were, for the oracle */
    bool truncated;          /* a commit was */
    char fault[512];         /* what the net itself found wrong; "" = nothing */
};

/* What the store knows of the process that opened it. */
struct net_client {
    int id;
    bool dead;  /* crashed: everything answers ERR_CANCELED, nothing is sent */
    bool begun; /* its start commit is done */
};

void net_done(struct net *net);
/* A handle for one process. `client` must outlive it. */
struct store *net_open(struct net *net, struct net_client *client);
/* What the handle is on. */
struct net *net_of_store(struct store *store);

/* By the scheduler: request `index` arrives, or is lost. */
void net_deliver(struct net *net, size_t index);
void net_drop(struct net *net, size_t index);

/* Done by others in an instant. NULL = not there. */
const struct net_object *net_find(const struct net *net, struct str key);
void net_set(struct net *net, struct str key, struct str body);
/* Whole, even when it was cleaned away; ptr NULL = no such version. */
struct str net_commit(const struct net *net, int64_t version);
/* A month passes: requests under way are lost, commits before the newest checkpoint are cleaned
 * away. */
void net_month(struct net *net);
/* The next version, from somebody who is always lucky. */
int64_t net_append_commit(struct net *net, struct str body);

#endif
