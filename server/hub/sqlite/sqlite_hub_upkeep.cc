#include "server/hub/sqlite/sqlite_hub_upkeep.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hub/sqlite/hub_apart.h"
#include "server/hub/store/hub_json.h"
#include "server/hub/store/hub_records.h"
#include "server/own_records/sqlite_record.h"

namespace mirror {
namespace {

/// A record's id, and those of all that are in it.
constexpr char kAll[] =
    "WITH RECURSIVE all_ids(id) AS (SELECT ?1 UNION SELECT a.golden_id FROM golden_alias AS a JOIN all_ids "
    "ON "
    "a.into_id = all_ids.id) ";

}  // namespace

absl::StatusOr<std::vector<RowRef>> SqliteHubUpkeep::DoomedRows() {
  sqlite::Statement read = Prepare(HubRowRefs().SelectSql(kInSqlite, "WHERE doomed = 1"));
  return ReadRows(HubRowRefs(), read);
}

absl::StatusOr<std::vector<HubUpkeep::Glance>> SqliteHubUpkeep::RowsBehind(std::int64_t row_id) {
  sqlite::Statement read = Prepare(
      "SELECT row_id, data_source, table_name, key, says FROM _hub_rows WHERE row_id > ? ORDER BY row_id "
      "LIMIT "
      "1000");
  read.With(row_id);
  std::vector<Glance> glances;
  for (;;) {
    ASSIGN_OR_RETURN(bool more, read.Step());
    if (!more) return glances;
    ASSIGN_OR_RETURN(const bool other, HasOtherWord(read.View(4)));
    glances.push_back({read.Int(0), {read.Text(1), read.Text(2), read.Text(3)}, other});
  }
}

absl::StatusOr<std::vector<std::string>> SqliteHubUpkeep::EmptySince(std::int64_t at, std::size_t limit) {
  return Prepare("SELECT golden_id FROM _hub_records WHERE empty_since <= ? ORDER BY empty_since LIMIT ?")
      .With(at, limit)
      .Texts();
}

absl::StatusOr<std::vector<std::string>> SqliteHubUpkeep::RecordsOfOthers() {
  std::set<std::string> names;
  for (const HubEntity& entity : rules_.entities) names.insert(entity.name);
  return Prepare(
             "SELECT golden_id FROM _hub_records WHERE entity NOT IN (SELECT value FROM json_each(?)) LIMIT "
             "1000")
      .With(NamesJson(names))
      .Texts();
}

absl::Status SqliteHubUpkeep::ForgetRecord(const GoldenRecord& record) {
  absl::Status status = HubApart(statements_).Write(record.id, {});
  for (const std::string& hash : record.indexed) {
    if (!status.ok()) return status;
    status = Prepare("DELETE FROM _hub_keys WHERE hash = ? AND entity = ? AND row_id = 0 AND golden_id = ?")
                 .With(hash, record.entity, record.id)
                 .Run();
  }
  for (const std::string& sql :
       {absl::StrCat(kAll, "DELETE FROM _hub_issued WHERE golden_id IN (SELECT id FROM all_ids)"),
        absl::StrCat(kAll, "DELETE FROM golden_alias WHERE golden_id IN (SELECT id FROM all_ids)"),
        absl::StrCat("DELETE FROM ", QuoteName("golden_" + record.entity), " WHERE golden_id = ?1"),
        std::string("DELETE FROM _hub_records WHERE golden_id = ?1")}) {
    if (!status.ok()) return status;
    status = Prepare(sql).With(record.id).Run();
  }
  return status;
}

absl::Status SqliteHubUpkeep::ForgetIssued(std::int64_t before, std::int64_t now, std::size_t limit) {
  ASSIGN_OR_RETURN(std::vector<std::string> ids,
                   Prepare("SELECT delivery_id FROM _hub_issued WHERE at < ? ORDER BY at LIMIT ?")
                       .With(before, limit)
                       .Texts());
  for (const std::string& id : ids) {
    absl::Status status =
        Prepare(
            "UPDATE _hub_issued SET at = ?2 WHERE delivery_id = ?1 AND EXISTS (SELECT 1 FROM _hub_deliveries "
            "WHERE delivery_id = ?1)")
            .With(id, now)
            .Run();
    if (status.ok()) {
      status = Prepare("DELETE FROM _hub_issued WHERE delivery_id = ?1 AND at < ?2").With(id, before).Run();
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> SqliteHubUpkeep::Thaw(const std::string& golden_id) {
  ASSIGN_OR_RETURN(
      const std::vector<std::string> thawed,
      Prepare(
          "UPDATE _hub_records SET frozen = '[]', turns = NULL, work = coalesce(work, '{}') WHERE frozen <> "
          "'[]' AND (?1 = '' OR golden_id = ?1) RETURNING golden_id")
          .With(golden_id)
          .Texts());
  return thawed.size();
}

}  // namespace mirror
