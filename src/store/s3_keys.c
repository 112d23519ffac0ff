/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_keys - newer keys for a store whose keys are temporary
 *
 *  (1) One thread fetches; the others go on with the keys there are while these are still good,
 *      and wait for it when they are not.
 *  (2) A service that fails takes no keys away: the old ones are used until the server refuses
 *      them, and beyond, since a service in trouble may hand out keys that it means to extend.
 *  (3) A fetch that brought nothing new is not repeated at once.
 *  (4) .keys_lock is taken before .lock, never the other way round; the credentials change only
 *      under both.
 */
#include "store/s3_keys.h"

#define RENEW_EARLY_US ((int64_t)5 * 60 * 1000000)
#define RENEW_AGAIN_US ((int64_t)10 * 1000000)

enum keys_due { KEYS_GOOD, KEYS_DUE, KEYS_EXPIRED };

/* The lock is held. */
static enum keys_due keys_due(const struct store_s3 *s)
{
    int64_t expires_us = s->config.credentials.expires_us;
    int64_t now_us = clock_wall_us() + s->clock_offset_us;
    if (expires_us == 0 || now_us < expires_us - RENEW_EARLY_US ||
        clock_mono_us() < s->keys_retry_us) {
        return KEYS_GOOD;
    }
    return now_us < expires_us ? KEYS_DUE : KEYS_EXPIRED;
}

/* keys_lock is held. True = there are other keys now. */
static bool keys_fetch(struct store_s3 *s)
{
    struct store_s3_credentials fresh = {0};
    struct err err;
    int rc = store_s3_config_reload(&s->config.credentials, &s->stop, &fresh, &err);
    if (rc < 0) {
        log_mask_text(err.msg);
        store_tell(&s->base, &(struct store_event){
                                 .kind = STORE_EVENT_KEYS, .operation = "keys", .reason = err.msg});
    }
    MUTEX_GUARD(&s->lock);
    if (rc != 1) {
        s->keys_retry_us = clock_mono_us() + RENEW_AGAIN_US;
        return false;
    }
    store_s3_config_wipe(&s->config.credentials);
    s->config.credentials = fresh;
    s->keys_generation++;
    return true;
}

void store_s3_keys_prepare(struct store_s3 *s)
{
    {
        MUTEX_GUARD(&s->lock);
        enum keys_due due = keys_due(s);
        if (due == KEYS_GOOD || (due == KEYS_DUE && s->keys_busy)) {
            return;
        }
        s->keys_busy = true;
    }
    MUTEX_GUARD(&s->keys_lock);
    bool due = false;
    {
        MUTEX_GUARD(&s->lock);
        due = keys_due(s) != KEYS_GOOD; /* or another thread was first */
    }
    if (due) {
        (void)keys_fetch(s);
    }
    MUTEX_GUARD(&s->lock);
    s->keys_busy = false;
}

bool store_s3_keys_replace(struct store_s3 *s, uint64_t generation)
{
    MUTEX_GUARD(&s->keys_lock);
    {
        MUTEX_GUARD(&s->lock);
        if (s->keys_generation != generation) {
            return true;
        }
    }
    return keys_fetch(s);
}
