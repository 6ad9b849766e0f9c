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
  ServerReaderLog<MariadbLook>* log = nullptr;  ///< Null: there is none. Outlives the reader.
};

/// Reads the tables of one MariaDB database, 10.5 or later, without a log. It writes nothing there, and needs
/// no more than SELECT; of a table on which it has no right at all it does not know.
///
/// A column has the type that its own stands for; what has none is TEXT, as MariaDB writes it. Generated
/// columns are left out. A column with a value that its type has no place for (0000-00-00) becomes ANY when
/// the value is met, and stays so: that is the record.
///
/// Each reader of rows has a session and a transaction of its own, from its first row to its last: all of its
/// rows are of one moment, beside which others write. Meanwhile nobody else can change the table's
/// definition; who waits to do so has it broken off (kUnavailable). Between readers nothing is held. At most
/// four are at work at once.
///
/// Errors: those of mariadb::Connection::Open(), from the first call that needs the database.
std::unique_ptr<SourceReader> OpenMariadbReader(MariadbReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_READER_H_
