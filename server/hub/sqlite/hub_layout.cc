#include "server/hub/sqlite/hub_layout.h"

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hub/store/hub_records.h"
#include "server/own_records/sqlite_record.h"

namespace mirror {
namespace {

constexpr char kOwnIndexes[] = R"(
CREATE INDEX IF NOT EXISTS _hub_rows_golden ON _hub_rows(golden_id) WHERE golden_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS _hub_rows_new ON _hub_rows(row_id) WHERE golden_id IS NULL;
CREATE INDEX IF NOT EXISTS _hub_rows_doomed ON _hub_rows(row_id) WHERE doomed = 1;
CREATE INDEX IF NOT EXISTS _hub_records_empty ON _hub_records(empty_since) WHERE empty_since IS NOT NULL;
CREATE INDEX IF NOT EXISTS _hub_records_frozen ON _hub_records(golden_id) WHERE frozen <> '[]';
CREATE INDEX IF NOT EXISTS _hub_records_work ON _hub_records(golden_id) WHERE work IS NOT NULL;
CREATE INDEX IF NOT EXISTS _hub_alias_into ON golden_alias(into_id);
CREATE INDEX IF NOT EXISTS _hub_apart_other ON _hub_apart(other_id);
CREATE INDEX IF NOT EXISTS _hub_issued_at ON _hub_issued(at);
CREATE INDEX IF NOT EXISTS _hub_issued_golden ON _hub_issued(golden_id);
CREATE INDEX IF NOT EXISTS _hub_deliveries_golden ON _hub_deliveries(golden_id);
CREATE INDEX IF NOT EXISTS _hub_deliveries_turn ON _hub_deliveries(
  data_source, state, coalesce(refused_until, 0), operation, rank, number);
CREATE INDEX IF NOT EXISTS _hub_deliveries_fresh ON _hub_deliveries(data_source) WHERE fresh = 1;
)";

/// Layout 2 had no `refusals`.
absl::Status AddRefusals(const sqlite::Connection& connection) {
  const absl::StatusOr<std::int64_t> there = connection.Number(
      "SELECT count(*) FROM temp.pragma_table_info('_hub_deliveries') WHERE name = 'refusals'");
  if (!there.ok() || *there > 0) return there.status();
  return connection.Execute(absl::StrCat("ALTER TABLE _hub_deliveries ADD COLUMN ",
                                         HubDeliveries().ColumnSql(Dialect::kSqlite, "refusals")));
}

absl::Status LayOutEntity(const sqlite::Connection& connection, const HubEntity& entity) {
  const std::string table = QuoteName(absl::StrCat("golden_", entity.name));
  absl::Status status =
      connection.Execute(absl::StrCat("CREATE TABLE IF NOT EXISTS ", table, "(golden_id TEXT PRIMARY KEY)"));
  if (!status.ok()) return status;
  std::set<std::string> there;
  sqlite::Statement columns = connection.Prepare("SELECT name FROM temp.pragma_table_info(?)");
  ASSIGN_OR_RETURN(std::vector<std::string> names, columns.With("golden_" + entity.name).Texts());
  for (const std::string& name : names) there.insert(FoldName(name));
  for (const std::string& attribute : AttributesOf(entity)) {
    if (!there.insert(FoldName(attribute)).second) continue;
    status = connection.Execute(absl::StrCat("ALTER TABLE ", table, " ADD COLUMN ", QuoteName(attribute)));
    if (!status.ok()) return status;
  }
  sqlite::Statement literal = connection.Prepare("SELECT quote(?)");
  if (status = literal.With(entity.name).StepToRow(); !status.ok()) return status;
  return connection.Execute(
      absl::StrCat("CREATE VIEW IF NOT EXISTS ", QuoteName(absl::StrCat("golden_", entity.name, "_member")),
                   " AS SELECT golden_id, data_source, table_name, key, joined_by, touched, doomed, unsure "
                   "FROM _hub_rows WHERE entity = ",
                   literal.Text(0)));
}

}  // namespace

absl::Status LayOutHub(const sqlite::Connection& connection, const HubRules& rules) {
  constexpr char kDoing[] = "making the hub's tables";
  for (const OwnTable* const table : HubTables()) {
    RETURN_IF_ERROR(connection.Execute(table->CreateMissingSql(kInSqlite), kDoing));
  }
  RETURN_IF_ERROR(connection.Execute(kOwnIndexes, kDoing));
  RETURN_IF_ERROR(AddRefusals(connection));
  for (const HubEntity& entity : rules.entities) {
    RETURN_IF_ERROR(LayOutEntity(connection, entity));
  }
  return absl::OkStatus();
}

}  // namespace mirror
