#ifndef MIRROR_SERVER_HUB_SQLITE_HUB_APART_H_
#define MIRROR_SERVER_HUB_SQLITE_HUB_APART_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/statement.h"

namespace mirror {

/// `_hub_apart`: pairs of records that an operator parted; each pair stands there once, the lesser id first.
/// Within a transaction of the caller. Errors: those of the hub's file. Threads: one.
class HubApart {
 public:
  /// `statements` outlives it.
  explicit HubApart(sqlite::StatementCache& statements) : statements_(statements) {}

  absl::StatusOr<std::set<std::string>> Of(const std::string& golden_id);
  /// It is apart from these alone from here on.
  absl::Status Write(const std::string& golden_id, const std::set<std::string>& apart);
  /// What one was apart from, the other is; they are not apart any more.
  absl::Status Merge(const std::string& gone, const std::string& into);

 private:
  sqlite::Statement Prepare(const std::string& sql) { return statements_.Prepare(sql, "the hub's file"); }
  absl::Status Forget(const std::string& golden_id);
  absl::Status Add(const std::string& one, const std::string& other);

  sqlite::StatementCache& statements_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_SQLITE_HUB_APART_H_
