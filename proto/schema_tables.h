/* proto/schema_tables.h - the schema as Markdown: the generated part of docs/protocol.md. */
#ifndef PROFFER_PROTO_SCHEMA_TABLES_H
#define PROFFER_PROTO_SCHEMA_TABLES_H

#include "base/buf.h"

/* The lines between which the tables stand in the document. */
#define SCHEMA_TABLES_BEGIN "<!-- tables: made from proto/schema.h by `make docs` -->\n"
#define SCHEMA_TABLES_END   "<!-- end of tables -->\n"

/* Append a list of all messages, then the fields of each message and record, then the enums. */
void schema_write_tables(struct buf *out);

#endif
