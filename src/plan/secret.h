/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLAN_SECRET_H
#define PLAN_SECRET_H

#include "base/base.h"

/*
 * secret - what of a pipeline must never be printed, registered with log_mask
 */

/* Whether what has this name (an option, a variable of the environment) is a secret. */
bool plan_secret_is_name(struct str name);
/* Registers the value if the name says that it is a secret; of "user:password" the password too. */
void plan_secret_mask(struct str name, struct str value);
/* Registers the password of every "scheme://user:password@host" in the text, as it is and decoded.
 */
void plan_secret_mask_urls(struct str text);

#endif
