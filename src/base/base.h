/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_H
#define BASE_H

/*
 * base - what libc lacks
 *
 * The one header of this folder that other folders include.  Nothing here
 * knows of Kafka, SQL or Delta.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/histogram.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/queue.h"
#include "base/rand.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/uri.h"
#include "base/vec.h"

#endif
