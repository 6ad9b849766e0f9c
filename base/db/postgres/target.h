#ifndef MIRROR_BASE_DB_POSTGRES_TARGET_H_
#define MIRROR_BASE_DB_POSTGRES_TARGET_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror::postgres {

/// Names and values, for libpq's parameters and for settings.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// The database to connect to, and the options of the connection.
struct ConnectAs {
  /// libpq's string: "host=db1,db2 dbname=crm sslmode=verify-full", or "postgresql://db1/crm". No password.
  std::string conninfo;
  /// File in libpq's format, readable only by its owner; read at each connect. Empty: libpq's ~/.pgpass.
  std::string passfile = {};
  std::string application_name = {};  ///< Name in pg_stat_activity; at most 63 bytes.
  /// Time for all hosts together; connect_timeout in the conninfo is the time for each one.
  std::chrono::milliseconds connect_within{10'000};
  /// Longest wait without data from the server; 0: no limit. A server that is silent for longer counts as
  /// lost. Slow statements need more: see Connection::SetAnswerWithin().
  std::chrono::milliseconds answer_within{60'000};
  Parameters settings = {};  ///< Set at connect, after PinnedSettings().
  /// The session refuses views and foreign tables, if the server supports that (PostgreSQL 15.8, 16.4, 17):
  /// they would run code of their owner.
  bool tables_only = false;
  /// A connection for reading the log of its database. Only Command() and Execute() work.
  bool replication = false;
  std::size_t statements_max = 256;  ///< Greatest number of remembered texts, see PreparedStatements.
};

/// Removes libpq's variables (PGPASSWORD, PGHOST, PGSERVICE, ...) from this process's environment: only the
/// configuration decides where a program connects, and as which user. Call before the first thread.
void ForgetEnvironment();

/// Settings that our SQL needs, whatever the defaults of server, database or role: names are looked up only
/// in pg_catalog, values have one form, and rows that a policy hides are an error.
const Parameters& PinnedSettings();

/// Parses a connection string, by libpq's keywords. Errors: kInvalidArgument, which does not repeat the text:
/// libpq cannot read it, or it contains a password, or names a service.
absl::StatusOr<Parameters> ReadConninfo(const std::string& conninfo);
/// Null: the parameter is not given.
const std::string* FindParameter(const Parameters& parameters, std::string_view keyword);
/// Returns PostgreSQL at "db1,db2, database crm": the address, for messages.
std::string PlaceWords(const Parameters& parameters);

// Only for the files of this folder.

/// The hosts to try in order, each with all its parameters.
struct Target {
  std::vector<Parameters> attempts;
  std::string name;  ///< Result of PlaceWords().
};
/// Also checks the passfile. Errors: those of ReadConninfo() and ReadKeyFile().
absl::StatusOr<Target> ReadTarget(const ConnectAs& as);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_TARGET_H_
