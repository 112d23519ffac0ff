/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

/*
 * failpoint - named places where a test can make the process die or wait
 *
 * SLUICE_FAILPOINT="name" kills the process (SIGKILL) when it first gets to
 * that place, "name:3" at the third time, "name:1:pause" stops it with SIGSTOP
 * there instead.  Without the variable a point costs one load.
 */
void failpoint_hit(const char *name);

#define FAILPOINT(name) failpoint_hit(name)

#endif
