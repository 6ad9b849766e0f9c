#include "server/hub/postgres/postgres_hub_upkeep.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hub/postgres/hub_apart.h"
#include "server/hub/store/hub_json.h"
#include "server/hub/store/hub_records.h"
#include "server/own_records/postgres_record.h"

namespace mirror {
namespace {

using postgres::Rows;

/// A record's id, and those of all that are in it.
constexpr char kAll[] =
    "WITH RECURSIVE all_ids(id) AS (SELECT $1::text COLLATE \"C\" UNION SELECT a.golden_id FROM "
    "@golden_alias "
    "AS a JOIN all_ids ON a.into_id = all_ids.id) ";

}  // namespace

absl::StatusOr<std::vector<std::string>> PostgresHubUpkeep::Texts(std::string_view sql,
                                                                  postgres::Values values) {
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, values));
  std::vector<std::string> texts;
  for (int row = 0; row < rows.rows(); ++row) texts.push_back(rows.Text(row, 0));
  return texts;
}

absl::StatusOr<std::vector<RowRef>> PostgresHubUpkeep::DoomedRows() {
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(HubRowRefs().SelectSql(kHubAt, "WHERE doomed")));
  return ReadRows(HubRowRefs(), rows);
}

absl::StatusOr<std::vector<HubUpkeep::Glance>> PostgresHubUpkeep::RowsBehind(std::int64_t row_id) {
  ASSIGN_OR_RETURN(const Rows rows, session_.Query("SELECT row_id, data_source, table_name, key, says FROM "
                                                   "@_hub_rows WHERE row_id > $1 ORDER BY row_id "
                                                   "LIMIT 1000",
                                                   {row_id}));
  std::vector<Glance> glances;
  for (int row = 0; row < rows.rows(); ++row) {
    ASSIGN_OR_RETURN(const bool other, HasOtherWord(rows.View(row, 4)));
    glances.push_back({rows.Int(row, 0), {rows.Text(row, 1), rows.Text(row, 2), rows.Text(row, 3)}, other});
  }
  return glances;
}

absl::StatusOr<std::vector<std::string>> PostgresHubUpkeep::EmptySince(std::int64_t at, std::size_t limit) {
  return Texts("SELECT golden_id FROM @_hub_records WHERE empty_since <= $1 ORDER BY empty_since LIMIT $2",
               {at, static_cast<std::int64_t>(limit)});
}

absl::StatusOr<std::vector<std::string>> PostgresHubUpkeep::RecordsOfOthers() {
  std::set<std::string> names;
  for (const HubEntity& entity : rules_.entities) names.insert(entity.name);
  return Texts(
      "SELECT golden_id FROM @_hub_records WHERE entity NOT IN (SELECT json_array_elements_text($1::json)) "
      "LIMIT 1000",
      {NamesJson(names)});
}

absl::Status PostgresHubUpkeep::ForgetRecord(const GoldenRecord& record) {
  absl::Status status = WriteApart(session_, record.id, {});
  for (const std::string& hash : record.indexed) {
    if (!status.ok()) return status;
    status = session_.Write(
        "DELETE FROM @_hub_keys WHERE hash = $1 AND entity = $2 AND row_id = 0 AND golden_id = $3",
        {session_.Keep(hash), session_.Keep(record.entity), session_.Keep(record.id)});
  }
  for (const std::string& sql :
       {absl::StrCat(kAll, "DELETE FROM @_hub_issued WHERE golden_id IN (SELECT id FROM all_ids)"),
        absl::StrCat(kAll, "DELETE FROM @golden_alias WHERE golden_id IN (SELECT id FROM all_ids)"),
        std::string("DELETE FROM @_hub_records WHERE golden_id = $1")}) {
    if (status.ok()) status = session_.Write(sql, {session_.Keep(record.id)});
  }
  if (!status.ok()) return status;
  return session_.WriteAsIs(
      absl::StrCat("DELETE FROM ", schema_.at, QuoteName("golden_" + record.entity), " WHERE golden_id = $1"),
      {session_.Keep(record.id)});
}

absl::Status PostgresHubUpkeep::ForgetIssued(std::int64_t before, std::int64_t now, std::size_t limit) {
  return session_
      .Query(
          "WITH oldest AS (SELECT i.delivery_id, EXISTS (SELECT 1 FROM @_hub_deliveries AS d WHERE "
          "d.delivery_id = i.delivery_id) AS is_open FROM @_hub_issued AS i WHERE i.at < $1 ORDER BY i.at "
          "LIMIT "
          "$3), kept AS (UPDATE @_hub_issued AS i SET at = $2 FROM oldest AS o WHERE o.is_open AND "
          "i.delivery_id = o.delivery_id) DELETE FROM @_hub_issued AS i USING oldest AS o WHERE NOT "
          "o.is_open "
          "AND i.delivery_id = o.delivery_id",
          {before, now, static_cast<std::int64_t>(limit)})
      .status();
}

absl::StatusOr<std::size_t> PostgresHubUpkeep::Thaw(const std::string& golden_id) {
  ASSIGN_OR_RETURN(
      const std::vector<std::string> thawed,
      Texts(
          "UPDATE @_hub_records SET frozen = '[]', turns = NULL, work = coalesce(work, '{}') WHERE frozen <> "
          "'[]' AND ($1 = '' OR golden_id = $1) RETURNING golden_id",
          {golden_id}));
  return thawed.size();
}

}  // namespace mirror
