#ifndef MIRROR_BASE_DB_POSTGRES_OWN_RELATIONS_H_
#define MIRROR_BASE_DB_POSTGRES_OWN_RELATIONS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"

namespace mirror::postgres {

/// Names in a schema that a program reserves for itself, without quotes. Another role may have made objects
/// with these names.
struct OwnRelations {
  std::string schema;
  std::vector<std::string> tables = {};  ///< Ordinary tables to which nobody may add triggers or rules.
  std::vector<std::string> views = {};
  std::vector<std::string> indexes = {};
  /// Ordinary or partitioned tables to which others may add triggers.
  std::vector<std::string> shared = {};
};

/// The names that OwnGuard::Find() found.
struct OwnFound {
  bool has_schema = false;
  std::set<std::string> names = {};  ///< The relations that exist.
};

/// Checks, before the program uses relations with these names, that they belong to the role of the session.
/// Reading a relation of another role, or only planning a query of it, may run functions of its owner with
/// the rights of the session. The guard itself reads only the catalogs. The schema and every relation that
/// exists must belong to the current role, and each relation must be of the expected kind. If a transaction
/// first locks one of the tables and then checks, the result is valid until the transaction ends. Threads:
/// any.
class OwnGuard {
 public:
  explicit OwnGuard(const OwnRelations& own);
  OwnGuard(const OwnGuard&) = delete;
  OwnGuard& operator=(const OwnGuard&) = delete;

  /// Checks the names and returns those that exist. Errors: kFailedPrecondition for which IsForeign() returns
  /// true: the message has the statement that solves the problem; those of the connection.
  absl::StatusOr<OwnFound> Find(Connection& connection) const;
  /// Queues the check. If it fails, no later statement of the pipeline runs. IsRefusal() returns true for its
  /// error, which has no message for people: call Find() to get one. This object must live until the pipeline
  /// has run.
  void QueueIn(Pipeline& pipeline) const;
  /// Returns true if an error comes from a queued check.
  static bool IsRefusal(const absl::Status& status);

  const std::string& schema() const { return schema_; }

 private:
  const std::string schema_;
  Array names_, kinds_;
  const std::vector<Value> values_;  ///< Views of the members above.
};

/// Returns true if an error says that another role has a name of ours.
bool IsForeign(const absl::Status& status);
/// Makes an error for which IsForeign() returns true, with the message of another layer for people.
absl::Status ForeignError(const std::string& what, const std::string& remedy);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_OWN_RELATIONS_H_
