#include "server/hub/hub_schema.h"

#include <cstdint>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/db/postgres/name.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hub/hub_records.h"

namespace mirror {
namespace {

/// The layout that this program writes. It uses a later layout whose `layout_min` is no greater. It upgrades
/// one from kHubLayoutMin on, which its programs can still use. It makes an earlier one anew.
constexpr std::int64_t kHubLayout = 3, kHubLayoutMin = 2;
constexpr char kLayingOut[] = "laying out the hub's schema";
constexpr std::string_view kPrefix = "mirror_hub_";
constexpr std::size_t kDigestDigits = 8;

constexpr char kOwnSchema[] = R"(
CREATE SCHEMA $;
REVOKE ALL ON SCHEMA $ FROM PUBLIC;
CREATE TABLE @_hub (one boolean PRIMARY KEY CHECK (one), storage text NOT NULL, layout bigint NOT NULL,
  layout_min bigint NOT NULL, program text NOT NULL);
CREATE TABLE @_hub_news (one boolean PRIMARY KEY CHECK (one), noted bigint NOT NULL, read bigint NOT NULL)
  WITH (fillfactor = 50);
)";
/// Keys may be longer than an index allows: it has their hashes.
constexpr char kPostgresIndexes[] = R"(
CREATE INDEX _hub_rows_key ON @_hub_rows (data_source, table_name, hashtextextended(key, 0));
CREATE INDEX _hub_rows_golden ON @_hub_rows (golden_id) WHERE golden_id IS NOT NULL;
CREATE INDEX _hub_rows_new ON @_hub_rows (row_id) WHERE golden_id IS NULL;
CREATE INDEX _hub_rows_doomed ON @_hub_rows (row_id) WHERE doomed;
CREATE INDEX _hub_records_empty ON @_hub_records (empty_since) WHERE empty_since IS NOT NULL;
CREATE INDEX _hub_records_work ON @_hub_records (golden_id) WHERE work IS NOT NULL;
CREATE INDEX ON @_hub_apart (other_id);
CREATE INDEX _hub_alias_into ON @golden_alias (into_id);
CREATE INDEX _hub_issued_at ON @_hub_issued (at);
CREATE INDEX _hub_issued_golden ON @_hub_issued (golden_id);
CREATE INDEX _hub_deliveries_golden ON @_hub_deliveries (golden_id);
CREATE INDEX _hub_deliveries_turn ON @_hub_deliveries
  (data_source, state, coalesce(refused_until, 0), operation, rank, number);
CREATE INDEX _hub_deliveries_fresh ON @_hub_deliveries (data_source) WHERE fresh;
REVOKE ALL ON ALL TABLES IN SCHEMA $ FROM PUBLIC;
INSERT INTO @_hub_news VALUES (true, 1, 0);
)";

absl::Status Make(postgres::Connection& connection, const HubSchema& schema, const HubRules& rules) {
  std::string made = kOwnSchema;
  for (const OwnTable* const table : HubTables()) absl::StrAppend(&made, table->CreateSql(kHubAt), ";\n");
  const std::string sql =
      absl::StrReplaceAll(schema.Sql(made + kPostgresIndexes), {{"$", QuoteName(schema.name)}});
  RETURN_IF_ERROR(connection.Execute(sql, kLayingOut));
  return connection
      .Run(schema.Sql("INSERT INTO @_hub VALUES (true, $1, $2, $3, $4)"),
           {FoldName(rules.storage), kHubLayout, kHubLayoutMin, MIRROR_VERSION}, kLayingOut)
      .status();
}

/// Layout 2 had no `refusals`.
absl::Status TakeOver(postgres::Connection& connection, const HubSchema& schema) {
  RETURN_IF_ERROR(
      connection.Execute(schema.Sql(absl::StrCat("ALTER TABLE @_hub_deliveries ADD COLUMN IF NOT EXISTS ",
                                                 HubDeliveries().ColumnSql(Dialect::kPostgres, "refusals"))),
                         kLayingOut));
  return connection
      .Run(schema.Sql("UPDATE @_hub SET layout = $1, program = $2"), {kHubLayout, MIRROR_VERSION}, kLayingOut)
      .status();
}

/// `there`: the content of the schema. False: the schema does not exist.
absl::StatusOr<bool> CheckIsHub(postgres::Connection& connection, const HubSchema& schema,
                                const HubRules& rules, const postgres::OwnFound& there) {
  if (!there.has_schema) return false;
  bool is_hub = there.names.contains("_hub");
  if (is_hub) {
    ASSIGN_OR_RETURN(const auto row,
                     connection.Query(schema.Sql("SELECT storage, layout, layout_min, program FROM @_hub"),
                                      {}, kLayingOut));
    is_hub = row.rows() == 1 && row.View(0, 0) == FoldName(rules.storage);
    const std::int64_t layout = is_hub ? row.Int(0, 1) : kHubLayout;
    if (is_hub && (layout < kHubLayoutMin || row.Int(0, 2) > kHubLayout)) {
      return OtherLayoutError(rules.storage, absl::StrCat("schema ", schema.name, " of the control database"),
                              layout, row.Text(0, 3), kHubLayout);
    }
    if (layout < kHubLayout) RETURN_IF_ERROR(TakeOver(connection, schema));
  }
  if (is_hub) return true;
  return absl::FailedPreconditionError(
      absl::StrCat("a schema ", schema.name, " exists in the control database, and it is not that of hub '",
                   rules.storage, "'. Nothing was changed: rename it, or drop it."));
}

absl::Status LayOutEntity(postgres::Connection& connection, const HubSchema& schema, const HubEntity& entity,
                          const std::set<std::string>& names) {
  const std::string table = "golden_" + entity.name, view = table + "_member";
  RETURN_IF_ERROR(postgres::CheckName(view));
  const std::string quoted = schema.at + QuoteName(table);
  if (!names.contains(table)) {
    RETURN_IF_ERROR(connection.Execute(
        absl::StrCat("CREATE TABLE ", quoted, " (golden_id text COLLATE \"C\" PRIMARY KEY)"), kLayingOut));
  }
  ASSIGN_OR_RETURN(
      const auto columns,
      connection.Query(
          "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT "
          "attisdropped",
          {quoted}, kLayingOut));
  std::set<std::string> there;
  for (int row = 0; row < columns.rows(); ++row) there.insert(columns.Text(row, 0));
  for (const std::string& attribute : AttributesOf(entity)) {
    if (!there.insert(attribute).second) continue;
    RETURN_IF_ERROR(postgres::CheckName(attribute));
    RETURN_IF_ERROR(connection.Execute(
        absl::StrCat("ALTER TABLE ", quoted, " ADD COLUMN ", QuoteName(attribute), " text"), kLayingOut));
  }
  if (names.contains(view)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string name, postgres::QuotedText(entity.name));
  return connection.Execute(
      absl::StrCat("CREATE VIEW ", schema.at, QuoteName(view),
                   " AS SELECT golden_id, data_source, table_name, key, joined_by, touched, doomed, unsure "
                   "FROM ",
                   schema.at, "_hub_rows WHERE entity = ", name),
      kLayingOut);
}

}  // namespace

HubSchema::HubSchema(const std::string& storage)
    : name(absl::StrCat(std::string(kPrefix), FoldName(storage))) {
  if (name.size() > postgres::kNameBytesMax) {
    const std::string digest = HexDigest(name).substr(0, kDigestDigits);
    name = absl::StrCat(name.substr(0, postgres::kNameBytesMax - kDigestDigits - 1), "_", digest);
  }
  at = QuoteName(name) + ".";
}

std::string HubSchema::Sql(std::string_view sql) const {
  std::string text;
  for (const char one : sql) {
    if (one == '@') {
      text += at;
    } else {
      text += one;
    }
  }
  return text;
}

postgres::OwnRelations HubSchema::Own(const HubRules& rules) const {
  postgres::OwnRelations own{.schema = name, .tables = {"_hub", "_hub_news"}};
  for (const OwnTable* const table : HubTables()) own.tables.emplace_back(table->name());
  for (const HubEntity& entity : rules.entities) {
    own.tables.push_back("golden_" + entity.name);
    own.views.push_back("golden_" + entity.name + "_member");
  }
  return own;
}

absl::Status LayOutHub(postgres::Connection& connection, const HubSchema& schema, const HubRules& rules) {
  RETURN_IF_ERROR(
      connection
          .Query("SELECT pg_advisory_xact_lock(hashtextextended('mirror-server lays out ' || $1, 0))",
                 {schema.name}, kLayingOut)
          .status());
  ASSIGN_OR_RETURN(const auto found, postgres::OwnGuard(schema.Own(rules)).Find(connection));
  ASSIGN_OR_RETURN(const bool there, CheckIsHub(connection, schema, rules, found));
  if (!there) RETURN_IF_ERROR(Make(connection, schema, rules));
  for (const HubEntity& entity : rules.entities) {
    RETURN_IF_ERROR(LayOutEntity(connection, schema, entity, found.names));
  }
  return absl::OkStatus();
}

}  // namespace mirror
