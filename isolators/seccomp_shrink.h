/* isolators/seccomp_shrink.h - the same filter in fewer instructions.
 *
 * Each task loads its filter anew, and the kernel checks, converts and compiles every instruction each time: for a profile
 * of the usual kind that took longer than making its namespaces. libseccomp compares with every number that is named; here
 * the program is asked what it answers for each, neighbours of one answer become a range, and ranges are found by halving.
 * What depends on arguments is taken over instruction by instruction.
 */
#ifndef PROFFER_ISOLATORS_SECCOMP_SHRINK_H
#define PROFFER_ISOLATORS_SECCOMP_SHRINK_H

#include "isolators/seccomp_profile.h"

/* Answers every call as before. A program that is not understood, or would not become shorter, is left as it is. */
void seccomp_shrink(struct seccomp_program *program);

#endif
