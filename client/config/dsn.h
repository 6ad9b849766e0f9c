#ifndef MIRROR_CLIENT_CONFIG_DSN_H_
#define MIRROR_CLIENT_CONFIG_DSN_H_

#include <string>

#include "client/config/source_config.h"

// The `dsn` of a [[source]], which has the syntax of its kind's own library.

namespace mirror {

/// Returns the error of a dsn, for people, without any of its text;
/// empty: none. A password in it is an error, and so is a passfile.
std::string DsnProblem(SourceKind kind, const std::string& dsn);

/// Returns the database's place, for people, without user and options:
/// `PostgreSQL at "db1,db2, database crm"`. `dsn` must have no DsnProblem().
std::string DsnPlace(SourceKind kind, const std::string& dsn);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_DSN_H_
