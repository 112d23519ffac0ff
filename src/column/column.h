/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COLUMN_H
#define COLUMN_H

#include "column/type.h"
#include "column/view.h"

#endif
