#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_WORDS_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_WORDS_H_

#include <string>

#include "absl/status/status.h"

namespace mirror {

/// The table is not what was announced.
absl::Status MovedOdbcTable(const std::string& table);
/// Somebody wrote while its pages were read.
absl::Status WrittenOdbcTable(const std::string& table);

/// An error of reading a table, for people, with the code that SourceReader promises: kAborted where a new
/// look helps.
absl::Status ExplainOdbcReading(const absl::Status& status, const std::string& table,
                                const std::string& user);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_WORDS_H_
