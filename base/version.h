/* base/version.h - which Proffer this is; `make` passes the commit in. */
#ifndef PROFFER_BASE_VERSION_H
#define PROFFER_BASE_VERSION_H

#define PROFFER_VERSION "0.1.0"

#ifndef PROFFER_GIT_SHA
#define PROFFER_GIT_SHA ""
#endif

#endif
