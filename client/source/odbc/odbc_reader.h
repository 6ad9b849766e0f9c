#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_READER_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_READER_H_

#include <memory>
#include <string>

#include "client/source/odbc/odbc_sessions.h"
#include "client/source/reader.h"
#include "client/source/server/server_reader.h"

namespace mirror {

struct OdbcReaderOptions : ServerReaderOptions {
  OdbcAccess access;
};

/// Reads any database that has an ODBC driver: the tables of one schema. It writes nothing there, and only
/// needs SELECT.
///
/// It knows PostgreSQL, MySQL and MariaDB, and SQLite: it reads each value as a text without loss, and types
/// and values equal those of the native readers. For another database (the dialect "generic") types and
/// values are those of the driver. When a value does not fit its column's type, the column becomes ANY and
/// stays so: that is the record.
///
/// Each reader of rows has its own session from its first row to its last. Rows are of one moment if one
/// statement gives them and the database has snapshots (PostgreSQL, InnoDB), and for SQLite; otherwise
/// this is unknown (see docs/sources/odbc.md). No statement changes anything, and no lock blocks
/// writers.
///
/// Errors: those of odbc::Connection::Open(), from the first call that needs the database.
std::unique_ptr<SourceReader> OpenOdbcReader(OdbcReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_READER_H_
