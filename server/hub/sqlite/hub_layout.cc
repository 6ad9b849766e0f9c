#include "server/hub/sqlite/hub_layout.h"

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr char kOwnTables[] = R"(
CREATE TABLE IF NOT EXISTS _hub_state(
  one INTEGER PRIMARY KEY CHECK (one = 1), time INTEGER NOT NULL, hold INTEGER NOT NULL,
  records INTEGER NOT NULL, deliveries INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS _hub_feeds(
  data_source TEXT PRIMARY KEY, journal_id TEXT NOT NULL, number INTEGER NOT NULL, token TEXT NOT NULL,
  salt INTEGER, before_journal_id TEXT, before_number INTEGER, before_token TEXT, cycle INTEGER NOT NULL,
  at INTEGER NOT NULL, ledger_number INTEGER NOT NULL, source_older INTEGER NOT NULL,
  mirror_older INTEGER NOT NULL, suspended INTEGER, own_restore INTEGER NOT NULL,
  reread INTEGER NOT NULL, forgotten INTEGER NOT NULL, erased INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS _hub_rules(one INTEGER PRIMARY KEY CHECK (one = 1), digest TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS _hub_rows(
  row_id INTEGER PRIMARY KEY, data_source TEXT NOT NULL, table_name TEXT NOT NULL, key TEXT NOT NULL,
  entity TEXT NOT NULL, golden_id TEXT, says TEXT NOT NULL, changed_ms INTEGER, touched INTEGER NOT NULL,
  read_at INTEGER NOT NULL, doomed INTEGER NOT NULL, unsure INTEGER NOT NULL, joined_by TEXT NOT NULL,
  former TEXT, keys TEXT NOT NULL, work TEXT, UNIQUE (data_source, table_name, key)) STRICT;
CREATE INDEX IF NOT EXISTS _hub_rows_golden ON _hub_rows(golden_id) WHERE golden_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS _hub_rows_new ON _hub_rows(row_id) WHERE golden_id IS NULL;
CREATE INDEX IF NOT EXISTS _hub_rows_doomed ON _hub_rows(row_id) WHERE doomed = 1;
CREATE TABLE IF NOT EXISTS _hub_records(
  golden_id TEXT PRIMARY KEY, entity TEXT NOT NULL, number INTEGER NOT NULL, says TEXT NOT NULL,
  had TEXT NOT NULL, frozen TEXT NOT NULL, turns TEXT, keys TEXT NOT NULL, work TEXT,
  empty_since INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS _hub_records_empty ON _hub_records(empty_since) WHERE empty_since IS NOT NULL;
CREATE INDEX IF NOT EXISTS _hub_records_frozen ON _hub_records(golden_id) WHERE frozen <> '[]';
CREATE INDEX IF NOT EXISTS _hub_records_work ON _hub_records(golden_id) WHERE work IS NOT NULL;
CREATE TABLE IF NOT EXISTS _hub_keys(
  hash TEXT NOT NULL, entity TEXT NOT NULL, row_id INTEGER NOT NULL, golden_id TEXT NOT NULL,
  PRIMARY KEY (hash, entity, row_id, golden_id)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS golden_alias(
  golden_id TEXT PRIMARY KEY, into_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS _hub_alias_into ON golden_alias(into_id);
CREATE TABLE IF NOT EXISTS _hub_apart(
  golden_id TEXT NOT NULL, other_id TEXT NOT NULL CHECK (golden_id < other_id),
  PRIMARY KEY (golden_id, other_id)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS _hub_apart_other ON _hub_apart(other_id);
CREATE TABLE IF NOT EXISTS _hub_issued(
  delivery_id TEXT PRIMARY KEY, golden_id TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS _hub_issued_at ON _hub_issued(at);
CREATE INDEX IF NOT EXISTS _hub_issued_golden ON _hub_issued(golden_id);
CREATE TABLE IF NOT EXISTS _hub_deliveries(
  delivery_id TEXT PRIMARY KEY, data_source TEXT NOT NULL, table_name TEXT NOT NULL,
  operation INTEGER NOT NULL, key TEXT NOT NULL, golden_id TEXT NOT NULL, body TEXT NOT NULL,
  needs INTEGER NOT NULL, number INTEGER NOT NULL, state INTEGER NOT NULL, fresh INTEGER NOT NULL,
  rank INTEGER NOT NULL, refused_until INTEGER, reason TEXT, refusals INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS _hub_deliveries_golden ON _hub_deliveries(golden_id);
CREATE INDEX IF NOT EXISTS _hub_deliveries_turn ON _hub_deliveries(
  data_source, state, coalesce(refused_until, 0), operation, rank, number);
CREATE INDEX IF NOT EXISTS _hub_deliveries_fresh ON _hub_deliveries(data_source) WHERE fresh = 1;
CREATE TABLE IF NOT EXISTS _hub_counts(
  data_source TEXT PRIMARY KEY, rows INTEGER NOT NULL, writes INTEGER NOT NULL,
  inserts INTEGER NOT NULL) STRICT;
)";

/// Layout 2 had no `refusals`.
absl::Status AddRefusals(const sqlite::Connection& connection) {
  const absl::StatusOr<std::int64_t> there = connection.Number(
      "SELECT count(*) FROM temp.pragma_table_info('_hub_deliveries') WHERE name = 'refusals'");
  if (!there.ok() || *there > 0) return there.status();
  return connection.Execute("ALTER TABLE _hub_deliveries ADD COLUMN refusals INTEGER");
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
  RETURN_IF_ERROR(connection.Execute(kOwnTables, "making the hub's tables"));
  RETURN_IF_ERROR(AddRefusals(connection));
  for (const HubEntity& entity : rules.entities) {
    RETURN_IF_ERROR(LayOutEntity(connection, entity));
  }
  return absl::OkStatus();
}

}  // namespace mirror
