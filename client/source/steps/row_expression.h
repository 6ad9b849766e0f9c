#ifndef MIRROR_CLIENT_SOURCE_STEPS_ROW_EXPRESSION_H_
#define MIRROR_CLIENT_SOURCE_STEPS_ROW_EXPRESSION_H_

#include <sqlite3.h>

#include <set>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

/// Whether `expression` is one SQL expression over a row of `table`, `from` being what stands behind FROM: it
/// reads nothing else, has no parameters, and gives the same for the same row as far as SQLite can tell
/// before it runs (the time of the day it cannot).
///
/// Gives the names of the columns that it reads, as SQLite has them. Errors: kInvalidArgument with SQLite's
/// words for what is wrong; kUnavailable: the database is locked.
absl::StatusOr<std::set<std::string>> CheckExpression(sqlite3* database, const std::string& from,
                                                      const std::string& table,
                                                      const std::string& expression);

/// The same as one term of a WHERE.
std::string AsTerm(const std::string& expression);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_ROW_EXPRESSION_H_
