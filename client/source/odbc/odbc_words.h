#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_WORDS_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_WORDS_H_

#include <string>

#include "absl/status/status.h"
#include "client/source/server/server_words.h"

namespace mirror {

/// Somebody wrote while its pages were read.
absl::Status WrittenOdbcTable(const std::string& table);

/// An error of reading a table, for people, with the code that SourceReader promises: kAborted where a new
/// look helps.
absl::Status ExplainOdbcReading(const absl::Status& status, const std::string& table,
                                const std::string& user);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_WORDS_H_
