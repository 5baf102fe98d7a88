#include "base/version.h"

#ifndef PROFFER_GIT_SHA
#define PROFFER_GIT_SHA ""
#endif

const char version_git_sha[] = PROFFER_GIT_SHA;
