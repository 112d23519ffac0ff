/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JOB_SERVICE_H
#define JOB_SERVICE_H

#include "base/base.h"

/*
 * service - what a service manager is told of the job: the second face of job/
 *
 * READY=1 once, STATUS=, STOPPING=1, and WATCHDOG=1 as long as everything that is watched has made
 * a step since the last one: an engine that hangs falls silent, and the manager starts it again.
 * Without a NOTIFY_SOCKET all of it does nothing.  All functions from any thread; NULL is fine.
 */
struct service;

/* Reads the environment; one that makes no sense is logged and left alone. */
struct service *service_open(void);
void service_close(struct service *s); /* nothing is watched any more */

/* From here on the pulse counts, until it is taken off. `pulse` is borrowed till then. */
void service_watch(struct service *s, struct pulse *pulse);
void service_unwatch(struct service *s, struct pulse *pulse);

/* The job is up: said once. */
void service_ready(struct service *s);
void service_stopping(struct service *s);
/* One line, shown by `systemctl status`; without secrets. Said when it is another than before. */
void service_status(struct service *s, struct str text);

/* How often the watched pulses are looked at: well within the watchdog's time. */
int64_t service_look_us(int64_t watchdog_us);

static inline void service_closep(struct service **s)
{
    service_close(*s);
}
#define AUTO_SERVICE AUTO(service_closep)

#endif
