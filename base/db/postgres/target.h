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

/// Names with values: parameters of libpq, or settings.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// The database to connect to, and the options of the connection.
struct ConnectAs {
  /// Connection string of libpq, such as "host=db1,db2 dbname=crm sslmode=verify-full" or
  /// "postgresql://db1/crm". It must not contain a password.
  std::string conninfo;
  /// Password file in libpq's format, to which only its owner has access. It is read for each connection.
  /// Empty: libpq's ~/.pgpass.
  std::string passfile = {};
  std::string application_name = {};  ///< Name in pg_stat_activity; at most 63 bytes.
  /// Time for connecting, for all hosts together. connect_timeout in the conninfo is the time for each host.
  std::chrono::milliseconds connect_within{10'000};
  /// Longest wait without data from the server; 0: no limit. A server that is silent for longer counts as
  /// lost. Slow statements need more: see Connection::SetAnswerWithin().
  std::chrono::milliseconds answer_within{60'000};
  Parameters settings = {};  ///< Settings that are set when the connection is opened, after PinnedSettings().
  /// The session refuses views and foreign tables, because they may run code of their owner. Servers before
  /// PostgreSQL 15.8, 16.4 and 17 do not support this.
  bool tables_only = false;
  /// True: a replication connection, for reading the log of its database. Only Command() and Execute() can be
  /// used with it.
  bool replication = false;
  std::size_t statements_max = 256;  ///< Greatest number of statements in PreparedStatements.
};

/// Removes libpq's variables (PGPASSWORD, PGHOST, PGSERVICE, ...) from the environment of this process, so
/// that only the configuration decides to which server and as which user the program connects. Call it before
/// the first thread is started.
void ForgetEnvironment();

/// Returns the settings that our SQL needs, whatever the defaults of server, database or role are. With them,
/// unqualified names are looked up only in pg_catalog, values have one form, and it is an error if a policy
/// would hide rows.
const Parameters& PinnedSettings();

/// Parses a connection string, by libpq's keywords. Errors: kInvalidArgument: libpq cannot parse the text, or
/// it contains a password or the name of a service. The message does not repeat the text.
absl::StatusOr<Parameters> ReadConninfo(const std::string& conninfo);
/// Returns the value of a parameter. Null: the parameter is not given.
const std::string* FindParameter(const Parameters& parameters, std::string_view keyword);
/// Returns the address for messages: PostgreSQL at "db1,db2, database crm".
std::string PlaceWords(const Parameters& parameters);

// Only for the files of this folder.

/// The hosts to try in order, each with all its parameters.
struct Target {
  std::vector<Parameters> attempts;
  std::string name;  ///< Result of PlaceWords().
};
/// Returns the hosts to connect to. It also checks the passfile. Errors: those of ReadConninfo() and
/// ReadKeyFile().
absl::StatusOr<Target> ReadTarget(const ConnectAs& as);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_TARGET_H_
