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

/// Names and values, as of libpq's parameters and of settings.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Which database, and how it is spoken with.
struct ConnectAs {
  /// libpq's: "host=db1,db2 dbname=crm sslmode=verify-full", or "postgresql://db1/crm". It holds no password.
  std::string conninfo;
  /// libpq's format, for its owner alone; read at each connect. Empty: as libpq does, ~/.pgpass.
  std::string passfile = {};
  std::string application_name = {};  ///< As pg_stat_activity shows it; at most 63 bytes.
  /// For all hosts together; connect_timeout in the conninfo is that of each one.
  std::chrono::milliseconds connect_within{10'000};
  /// How long a call waits while nothing comes from the server; 0: for ever. A server that is silent for
  /// longer counts as gone. Statements that take longer need more: see Connection::SetAnswerWithin().
  std::chrono::milliseconds answer_within{60'000};
  Parameters settings = {};  ///< Made at connect, over PinnedSettings().
  /// The session refuses views and foreign tables, if the server can do that (PostgreSQL 15.8, 16.4, 17):
  /// they would run what their owner made.
  bool tables_only = false;
  /// A connection that can read the log of its database. It takes Command() and Execute() alone.
  bool replication = false;
  std::size_t statements_max = 256;  ///< Texts that are remembered, see PreparedStatements.
};

/// Takes libpq's variables (PGPASSWORD, PGHOST, PGSERVICE, ...) out of this process's environment: where a
/// program connects, and as whom, is said by its configuration alone. Before the first thread.
void ForgetEnvironment();

/// What our SQL relies on, whatever a server, a database or a role has as its default: names are looked for
/// in pg_catalog alone, values have one form, and rows that a policy hides are an error.
const Parameters& PinnedSettings();

/// What it gives, by libpq's keywords. Errors: kInvalidArgument, without its text: libpq cannot read it, or
/// it holds a password, or names a service.
absl::StatusOr<Parameters> ReadConninfo(const std::string& conninfo);
/// Null: it gives none.
const std::string* FindParameter(const Parameters& parameters, std::string_view keyword);
/// PostgreSQL at "db1,db2, database crm": where it is, for messages.
std::string PlaceWords(const Parameters& parameters);

// For this room.

/// One host after the other, each with all its parameters.
struct Target {
  std::vector<Parameters> attempts;
  std::string name;  ///< Its PlaceWords().
};
/// Checks the passfile, too. Errors: those of ReadConninfo() and ReadKeyFile().
absl::StatusOr<Target> ReadTarget(const ConnectAs& as);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_TARGET_H_
