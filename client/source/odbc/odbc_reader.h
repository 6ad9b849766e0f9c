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

/// Reads any database that has an ODBC driver: the tables of one schema. It writes nothing there, and needs
/// no more than SELECT.
///
/// PostgreSQL, MySQL and MariaDB, and SQLite are known: each value is asked for as the text that says it
/// exactly, and types and values are those of the readers of these databases. Of another database (the
/// dialect "generic") they are what its driver declares and gives. A column with a value that its type has no
/// place for becomes ANY when the value is met, and stays so: that is the record.
///
/// Each reader of rows has a session of its own from its first row to its last. Rows are of one moment where
/// one statement gives them and the database has snapshots (PostgreSQL, InnoDB), and of SQLite; else nobody
/// can tell (see docs/sources/odbc.md). No statement changes anything, and no lock is asked for that keeps
/// writers waiting.
///
/// Errors: those of odbc::Connection::Open(), from the first call that needs the database.
std::unique_ptr<SourceReader> OpenOdbcReader(OdbcReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_READER_H_
