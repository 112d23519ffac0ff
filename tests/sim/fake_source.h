/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_FAKE_SOURCE_H
#define SIM_FAKE_SOURCE_H

#include "connect/connector.h"

/*
 * fake_source - a consumer of the world's topic
 */
extern const struct source_ops fake_source_ops;

#endif
