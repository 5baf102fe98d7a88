/* base/version.h - which Proffer this is. */
#ifndef PROFFER_BASE_VERSION_H
#define PROFFER_BASE_VERSION_H

#define PROFFER_VERSION "0.1.0"

/* The commit it was built from, shortened; "" when built outside a repository. `make` passes it to
 * version.c alone, so that a new commit compiles one file. */
extern const char version_git_sha[];

#endif
