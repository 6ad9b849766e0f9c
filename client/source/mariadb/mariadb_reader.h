#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_READER_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_READER_H_

#include <memory>

#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/reader.h"
#include "client/source/server/server_reader.h"
#include "client/source/server/server_reader_log.h"

namespace mirror {

struct MariadbReaderOptions : ServerReaderOptions {
  MariadbAccess access;
  ServerReaderLog<MariadbLook>* log = nullptr;  ///< Null: there is none. Must outlive the reader.
};

/// Opens a reader for the tables of one MariaDB database, 10.5 or later, without a log. It writes nothing
/// there, and only needs SELECT. It does not see a table on which the user has no right at all.
///
/// A column has the wire type that corresponds to its own type. If there is none, it is TEXT, as MariaDB
/// writes it. Generated columns are left out. If a value does not fit the type (0000-00-00), the column
/// becomes ANY and stays so: the record says that.
///
/// Each reader of rows has its own session and transaction, from its first row to its last. All its rows are
/// of one moment, and writers are not blocked. Other sessions cannot change the table's definition meanwhile.
/// If one waits to do so, the reader is cancelled (kUnavailable). Nothing is held between readers. At most
/// four readers are active at once.
///
/// Errors: those of mariadb::Connection::Open(), from the first call that needs the database.
std::unique_ptr<SourceReader> OpenMariadbReader(MariadbReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_READER_H_
