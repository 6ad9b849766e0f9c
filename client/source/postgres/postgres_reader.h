#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_READER_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_READER_H_

#include <memory>
#include <string>

#include "client/source/postgres/postgres_rows.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/reader.h"
#include "client/source/server/server_reader.h"
#include "client/source/server/server_reader_log.h"

namespace mirror {

struct PostgresReaderOptions : ServerReaderOptions {
  PostgresAccess access;
  std::string schema = "public";                 ///< Tables have the names that they have in this schema.
  ServerReaderLog<PostgresLook>* log = nullptr;  ///< Null: there is none. Must outlive the reader.
};

/// Reads one schema of a PostgreSQL database, 14 or later: its tables, with each partitioned table as one. It
/// writes nothing there, and only needs SELECT.
///
/// A column has the wire type of its own type; without one it is TEXT, as PostgreSQL writes it. Generated
/// columns are left out. When a value does not fit its type (an infinity, NaN, a date before the year 1,
/// 24:00:00), the column becomes ANY and stays so: that is the record.
///
/// Each reader of rows has its own session and transaction, from its first row to its last: all its rows are
/// of one moment, and writers are not blocked. Other sessions cannot change the table's definition meanwhile;
/// if one waits to do so, the reader is cancelled (kUnavailable). Between readers only HoldMoment() holds
/// something: a snapshot in a session of its own, for at most PostgresMoment::kKeptFor, and the stage of the
/// log at that time. A table that is emptied, rewritten or redefined after it is kAborted. At most four
/// readers are active at once.
///
/// Errors: those of postgres::Connection::Open(), from the first call that needs the database.
std::unique_ptr<SourceReader> OpenPostgresReader(PostgresReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_READER_H_
