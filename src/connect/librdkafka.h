/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECT_LIBRDKAFKA_H
#define CONNECT_LIBRDKAFKA_H

/* librdkafka's headers, less a warning of theirs under -Wextra. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-qualifiers"
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#pragma GCC diagnostic pop

#endif
