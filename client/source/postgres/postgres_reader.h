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
  std::string schema = "public";                 ///< Tables have the names that they have in it.
  ServerReaderLog<PostgresLook>* log = nullptr;  ///< Null: there is none. Outlives the reader.
};

/// Reads one schema of a PostgreSQL database, 14 or later: its tables, and partitioned tables as wholes. It
/// writes nothing there, and needs no more than SELECT.
///
/// A column has the type that its own stands for; what has none is TEXT, as PostgreSQL writes it. Generated
/// columns are left out. A column with a value that its type has no place for (an infinity, NaN, a date
/// before the year 1, 24:00:00) becomes ANY when the value is met, and stays so: that is the record.
///
/// Each reader of rows has a session and a transaction of its own, from its first row to its last: all of its
/// rows are of one moment, beside which others write. Meanwhile nobody else can change the table's
/// definition; who waits to do so has it broken off (kUnavailable). Between readers nothing is held but what
/// HoldMoment() does: a snapshot in a session of its own, for at most PostgresMoment::kKeptFor, and the stage
/// of the log as it is then. A table that is emptied, rewritten or redefined behind it is kAborted. At most
/// four readers are at work at once.
///
/// Errors: those of postgres::Connection::Open(), from the first call that needs the database.
std::unique_ptr<SourceReader> OpenPostgresReader(PostgresReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_READER_H_
