#ifndef MIRROR_SERVER_HUB_HUB_SESSION_H_
#define MIRROR_SERVER_HUB_HUB_SESSION_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"
#include "server/hub/hub_schema.h"
#include "server/hub/plan/hub_values.h"
#include "server/own_records/record.h"

namespace mirror {

/// Statements on a hub's schema within one transaction. Writing statements are collected. They are sent
/// together before the next reading statement, or when there are many. In SQL, @ stands for the schema. The
/// constructor's arguments must outlive this object. Errors: the connection's.
class HubSession {
 public:
  HubSession(postgres::Connection& connection, const HubSchema& schema)
      : connection_(connection), schema_(schema), writes_(connection) {}

  absl::StatusOr<postgres::Rows> Query(std::string_view sql, postgres::Values values = {});
  /// Texts in `values` must be results of Keep().
  absl::Status Write(std::string_view sql, postgres::Values values = {});
  /// Writes, and keeps the values to which `fields` point until they are sent.
  absl::Status Write(std::string_view sql, Fields fields);
  /// Writes a row, replacing the one with the same key.
  template <typename Row>
  absl::Status Upsert(const Record<Row>& record, const Row& row) {
    return Write(record.UpsertSql(kHubAt), record.Write(row));
  }
  /// Writes without replacing @, for SQL with names that may contain an @.
  absl::Status WriteAsIs(const std::string& sql, postgres::Values values);
  std::string_view Keep(std::string text);
  absl::Status Flush();

  /// Changes of a data source's counts. To update a row many times in one transaction is slow, so
  /// WriteCounts() updates it once.
  struct Delta {
    std::int64_t rows = 0, writes = 0, inserts = 0;
  };
  Delta& CountOf(const std::string& data_source) { return deltas_[data_source]; }
  absl::Status WriteCounts();

 private:
  postgres::Connection& connection_;
  const HubSchema& schema_;
  postgres::Pipeline writes_;
  std::deque<std::string> kept_;
  std::deque<Fields> kept_fields_;
  std::map<std::string, Delta> deltas_;
};

/// Lists what a derivation still has to plan. In the database's indexes planned work remains until the
/// transaction ends. So a search from the beginning would pass over all finished work each time.
class HubWorkList {
 public:
  explicit HubWorkList(HubSession& session) : session_(session) {}

  /// Notes that a record was written.
  void Note(const std::string& golden_id, bool has_work);
  absl::StatusOr<std::optional<std::string>> NextRecord();
  absl::StatusOr<std::optional<RowRef>> NextRow();

 private:
  HubSession& session_;
  std::set<std::string> records_;      ///< Some of the records with work.
  std::deque<std::int64_t> new_rows_;  ///< Some of the rows without a record.
  std::int64_t last_new_row_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_SESSION_H_
