#include "client/exchange/postgres/postgres_boxes.h"

#include <map>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/transaction.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/postgres/postgres_values.h"
#include "client/exchange/postgres/postgres_writer.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

constexpr char kReadingKey[] = "reading a key that a box names";

/// What a text means in a column of which that is known without asking. `asks`: it is not. Absent beside
/// that: no value of the column.
std::optional<sqlite::Value> Plainly(const PostgresMember& member, std::uint32_t column,
                                     const std::string& text, bool* asks) {
  const Type announced = member.known->schema.columns[column].type;
  switch (static_cast<postgres::Type>(member.known->table.columns[column].type)) {
    case postgres::Type::kText:
    case postgres::Type::kVarchar:
      if (announced == Type::kText) return BoxText(text);
      break;
    case postgres::Type::kInt2:
    case postgres::Type::kInt4:
    case postgres::Type::kInt8:
      if (announced != Type::kInt64) break;
      return BoxWholeNumber(text);
    default:
      break;
  }
  *asks = true;
  return std::nullopt;
}

/// As the reader gives it to PostgreSQL.
sqlite::Value AsBound(const PostgresColumn& column, const std::string& text) {
  sqlite::Value value = BoxText(text);
  if (static_cast<postgres::Type>(column.type) != postgres::Type::kBytea || !text.starts_with("\\x"))
    return value;
  const std::string digits = text.substr(2);
  if (digits.size() % 2 != 0 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    return value;
  value.type = sqlite::Type::kBlob;
  value.bytes = absl::HexStringToBytes(digits);
  return value;
}

/// What the triggers noted of one key.
struct Noted {
  std::string table, key;
  ChangedForBox change;
  std::vector<std::string> columns;
};

std::vector<Noted> ByKey(const std::vector<BoxRow>& rows) {
  std::vector<Noted> noted;
  std::map<std::pair<std::string, std::string>, std::size_t> known;
  for (const BoxRow& row : rows) {
    const std::string table = BoxString(row[0]), key = BoxString(row[1]), operation = BoxString(row[2]);
    const auto [at, fresh] = known.try_emplace({table, key}, noted.size());
    if (fresh) noted.push_back({table, key});
    Noted& one = noted[at->second];
    one.change.whole = one.change.whole || operation != "U";
    one.change.ended = one.change.ended || operation == "D";
    const absl::StatusOr<std::vector<Literal>> columns = KeyOfJson(BoxString(row[3]));
    if (!columns.ok()) continue;
    for (const Literal& column : *columns) one.columns.push_back(BoxString(column));
  }
  return noted;
}

}  // namespace

absl::Status PostgresBoxes::Look() {
  if (has_looked_) return absl::OkStatus();
  absl::Status looked = members_.Look(sql_.connection());
  has_looked_ = looked.ok();
  return looked;
}

absl::StatusOr<const MemberTable*> PostgresBoxes::Find(const std::string& sent_name) {
  RETURN_IF_ERROR(Look());
  const PostgresMember* const member = members_.Find(sent_name);
  return member == nullptr ? nullptr : &member->table;
}

absl::StatusOr<bool> PostgresBoxes::TakeChanges(
    std::int64_t limit, const std::function<absl::Status(const ChangedForBox&)>& tell) {
  const std::string noted = sql_.Named("_mirror_datajoin_change");
  // In one statement: one that is committed between two would be gone untold.
  ASSIGN_OR_RETURN(
      const std::vector<BoxRow> rows,
      sql_.Query(
          absl::StrCat(
              "WITH taken AS (DELETE FROM ", noted, " WHERE seq IN (SELECT seq FROM ", noted,
              " ORDER BY seq LIMIT ?1) RETURNING *) SELECT table_name, key, operation, columns FROM taken "
              "ORDER BY seq"),
          {limit}));
  if (rows.empty()) return false;
  has_looked_ = false;
  RETURN_IF_ERROR(Look());
  for (Noted& one : ByKey(rows)) {
    const PostgresMember* const member = members_.FindOwn(one.table);
    if (member == nullptr || member->table.key.empty()) continue;
    const std::vector<Column>& columns = member->table.plan.schema.columns;
    for (std::uint32_t i = 0; i < columns.size(); ++i) {
      for (const std::string& name : one.columns) {
        if (name == columns[i].name) one.change.columns.insert(i);
      }
    }
    RETURN_IF_ERROR(TellOne(*member, one.key, std::move(one.change), tell));
  }
  return static_cast<std::int64_t>(rows.size()) == limit;
}

absl::Status PostgresBoxes::TellOne(const PostgresMember& member, const std::string& key,
                                    ChangedForBox change,
                                    const std::function<absl::Status(const ChangedForBox&)>& tell) {
  const absl::StatusOr<std::vector<Literal>> parts = KeyOfJson(key);
  // Of another key than the table has by now: 'install' makes the trigger anew.
  if (!parts.ok() || parts->size() != member.table.key.size()) return absl::OkStatus();
  std::vector<std::string> texts;
  for (const Literal& part : *parts) texts.push_back(BoxString(part));
  ASSIGN_OR_RETURN(std::optional<RowOf> own, KeyOf(member, texts));
  if (!own) return absl::OkStatus();
  change.table = &member.table;
  change.key = *std::move(own);
  absl::StatusOr<std::optional<RowOf>> row = ReadPostgresRow(sql_.connection(), members_, member, change.key,
                                                             member.table.PlainColumns(), /*locks=*/false);
  if (!row.ok()) return row.status();
  change.row = *std::move(row);
  return tell(change);
}

absl::StatusOr<std::optional<RowOf>> PostgresBoxes::KeyOf(const PostgresMember& member,
                                                          const std::vector<std::string>& texts) {
  RowOf key;
  bool asks = false;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::optional<sqlite::Value> part = Plainly(member, member.table.key[i], texts[i], &asks);
    if (!part && !asks) return std::optional<RowOf>();
    if (part) key.push_back(*std::move(part));
  }
  if (!asks) return std::optional<RowOf>(std::move(key));
  RETURN_IF_ERROR(Flush());
  postgres::Savepoint savepoint(sql_.connection());
  RETURN_IF_ERROR(savepoint.Begin(kReadingKey));
  absl::StatusOr<std::optional<RowOf>> read = ReadKey(member, texts);
  if (!read.ok() && PostgresRefusal(read.status()).empty()) return read;
  absl::Status ended = read.ok() ? savepoint.Release(kReadingKey) : savepoint.RollBack(kReadingKey);
  if (!ended.ok()) return ended;
  if (!read.ok()) return std::optional<RowOf>();
  return read;
}

absl::StatusOr<std::optional<RowOf>> PostgresBoxes::ReadKey(const PostgresMember& member,
                                                            const std::vector<std::string>& texts) {
  PostgresTexts bound;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const PostgresColumn& column = member.known->table.columns[member.table.key[i]];
    bound.Add(column, AsBound(column, texts[i]));
    values.push_back(absl::StrCat("$", i + 1, "::", column.type_name, " AS ", QuoteName(column.name)));
  }
  std::optional<RowOf> key;
  RETURN_IF_ERROR(ReadPostgresValues(sql_.connection(), members_, member, member.table.key,
                                     absl::StrCat("SELECT ", member.Values(member.table.key),
                                                  " FROM (SELECT ", absl::StrJoin(values, ", "), ") AS t"),
                                     bound, [&key](RowOf row) {
                                       key = std::move(row);
                                       return absl::OkStatus();
                                     }));
  return key;
}

absl::Status PostgresBoxes::PassChanges() {
  return sql_.Run(absl::StrCat("DELETE FROM ", sql_.Named("_mirror_datajoin_change")), {});
}

absl::StatusOr<bool> PostgresBoxes::HideImport() {
  sql_.Drop();
  RETURN_IF_ERROR(sql_.connection().Execute("SET LOCAL mirror.importing = 'on'", "importing a delivery"));
  return true;
}

absl::StatusOr<bool> PostgresBoxes::SendRow(const std::string& table, const std::string& key) {
  RETURN_IF_ERROR(Look());
  const PostgresMember* const member = members_.FindOwn(table);
  if (member == nullptr || member->table.key.empty()) return false;
  const std::optional<std::vector<std::string>> texts = BoxKeyParts(key, member->table.key.size());
  if (!texts) return false;
  ASSIGN_OR_RETURN(const std::optional<RowOf> own, KeyOf(*member, *texts));
  return own.has_value();
}

}  // namespace mirror
