#include "client/source/mariadb/mariadb_conflicts.h"

#include <optional>
#include <set>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/source/capture/shown_value.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

KeyPart PartOf(const Literal& value) {
  KeyPart part;
  if (const auto* const integer = std::get_if<std::int64_t>(&value)) part = {Kind::kInteger, *integer, 0, ""};
  if (const auto* const real = std::get_if<double>(&value)) part = {Kind::kReal, 0, *real, ""};
  if (const auto* const text = std::get_if<std::string>(&value)) part = {Kind::kText, 0, 0, *text};
  if (const auto* const bytes = std::get_if<Bytes>(&value)) part = {Kind::kBlob, 0, 0, bytes->value};
  return part;
}

/// Absent: it is no key of the table.
std::optional<Key> KeyOf(const TableSchema& schema, const std::string& json) {
  const absl::StatusOr<std::vector<Literal>> values = KeyOfJson(json);
  const std::vector<std::uint32_t> columns = schema.Key();
  if (!values.ok() || values->size() != columns.size()) return std::nullopt;
  Key key;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    absl::StatusOr<KeyPart> part = GivenValue(schema.columns[columns[i]], PartOf((*values)[i]));
    if (!part.ok() || part->kind == Kind::kNull) return std::nullopt;
    key.push_back(*std::move(part));
  }
  return key;
}

}  // namespace

absl::Status MariadbConflicts::Read(mariadb::Connection& connection) {
  rows_.clear();
  ASSIGN_OR_RETURN(
      const mariadb::Rows rows,
      connection.Query(
          absl::StrCat("SELECT number, table_name, `key` FROM _mirror_conflicts ORDER BY number LIMIT ",
                       kConflictsAtATime),
          "asking which rows were in conflict"));
  for (std::size_t i = 0; i < rows.rows(); ++i)
    rows_[rows.Text(i, 1)].keys.emplace_back(rows.Int(i, 0), rows.Text(i, 2));
  return absl::OkStatus();
}

std::vector<Key> MariadbConflicts::Send(const std::string& table, const TableSchema& schema,
                                        std::int64_t lsn) {
  const auto found = rows_.find(table);
  if (found == rows_.end()) return {};
  found->second.sent_lsn = lsn;
  std::set<std::string> seen;
  std::vector<Key> keys;
  for (const auto& [number, json] : found->second.keys) {
    if (!seen.insert(json).second) continue;
    if (std::optional<Key> key = KeyOf(schema, json)) keys.push_back(*std::move(key));
  }
  return keys;
}

absl::Status MariadbConflicts::Forget(const std::map<std::string, Position>& durable,
                                      const std::function<bool(const std::string&)>& logged) {
  std::vector<std::int64_t> done;
  for (const auto& [table, rows] : rows_) {
    const auto position = durable.find(table);
    const bool is_sent =
        rows.sent_lsn >= 0 && position != durable.end() && position->second.lsn.value >= rows.sent_lsn;
    if (!is_sent && logged(table)) continue;
    for (const auto& [number, json] : rows.keys) done.push_back(number);
  }
  if (done.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto connection, mariadb::Connection::Open(ConnectToChange(access_)));
  absl::Status forgotten = connection->Execute(
      absl::StrCat("DELETE FROM _mirror_conflicts WHERE number IN (", absl::StrJoin(done, ", "), ")"),
      "forgetting rows that were in conflict");
  if (forgotten.ok()) rows_.clear();
  return forgotten;
}

}  // namespace mirror
