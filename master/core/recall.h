/* master/core/recall.h - what the registry has from the reigns before, at the start. */
#ifndef PROFFER_MASTER_CORE_RECALL_H
#define PROFFER_MASTER_CORE_RECALL_H

#include "master/core/state.h"

int recall(struct master *master, const struct message *record, struct err *err);

#endif
