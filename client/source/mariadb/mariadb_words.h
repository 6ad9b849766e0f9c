#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_WORDS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_WORDS_H_

#include <string>

#include "absl/status/status.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/server/server_words.h"

// What people are told of a source in MariaDB.

namespace mirror {

/// An error while rows of a table are read, as TableReader::Next() promises it.
absl::Status ExplainReading(const absl::Status& status, const MariadbTable& table,
                            const MariadbSource& place);
/// Why the table's rows cannot be read; empty: they can, as far as the catalogs say.
std::string WhyUnreadable(const MariadbTable& table, const MariadbSource& place);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_WORDS_H_
