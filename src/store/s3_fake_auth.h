/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_S3_FAKE_AUTH_H
#define STORE_S3_FAKE_AUTH_H

#include "store/s3_fake.h"
#include "store/s3_fake_http.h"

/*
 * s3_fake_auth - whether the fake lets a request in
 */

/* False when the request is refused; `a` says why. */
bool s3_fake_auth_admit(const struct s3_fake_options *o, const struct s3_fake_request *r,
                        struct s3_fake_answer *a);

#endif
