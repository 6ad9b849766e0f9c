#include "client/exchange/postgres/postgres_values.h"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/exchange/mirrored_value.h"
#include "client/source/postgres/postgres_types.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

std::string Shortest(double real) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), real).ptr};
}

PostgresRowDecoder DecoderOf(const PostgresMember& member, const std::vector<std::uint32_t>& columns) {
  std::vector<PostgresValueForm> forms;
  for (const std::uint32_t column : columns)
    forms.push_back(FormOf(member.known->table.columns[column], member.known->schema.columns[column]));
  return {std::move(forms), member.known->Announced(columns)};
}

absl::Status KeepMisfits(PostgresMembers& members, const PostgresMember& member,
                         const std::vector<std::uint32_t>& columns, std::vector<Misfit> misfits) {
  for (Misfit& misfit : misfits) misfit.column = columns[misfit.column];
  members.Keep(member, misfits);
  return absl::AbortedError(absl::StrCat("table '", member.table.name(),
                                         "' has values that do not fit the types that were announced"));
}

bool IsSame(const sqlite::Value& one, const sqlite::Value& other) {
  return ToLiteral(one) == ToLiteral(other);
}

}  // namespace

std::optional<std::string> PostgresText(const PostgresColumn& column, const sqlite::Value& value) {
  const bool is_bytes = static_cast<postgres::Type>(column.type) == postgres::Type::kBytea;
  switch (value.type) {
    case sqlite::Type::kInteger:
      return absl::StrCat(value.integer);
    case sqlite::Type::kReal:
      return Shortest(value.real);
    case sqlite::Type::kText:
      // Else a backslash in it would mean something.
      if (!is_bytes) return value.bytes;
      [[fallthrough]];
    case sqlite::Type::kBlob:
      return absl::StrCat("\\x", absl::BytesToHexString(value.bytes));
    case sqlite::Type::kNull:
      break;
  }
  return std::nullopt;
}

void PostgresTexts::AddKey(const PostgresMember& member, const RowOf& key) {
  for (std::size_t i = 0; i < key.size() && i < member.table.key.size(); ++i) {
    Add(member.known->table.columns[member.table.key[i]], key[i]);
  }
}

std::vector<postgres::Value> PostgresTexts::values() const {
  std::vector<postgres::Value> values;
  for (const std::optional<std::string>& text : texts_) {
    values.push_back(text ? postgres::Value(*text) : postgres::Value::Null(postgres::Type::kText));
  }
  return values;
}

absl::Status ReadPostgresValues(postgres::Connection& connection, PostgresMembers& members,
                                const PostgresMember& member, const std::vector<std::uint32_t>& columns,
                                const std::string& sql, const PostgresTexts& bound,
                                const std::function<absl::Status(RowOf row)>& take, std::string_view doing) {
  PostgresRowDecoder decoder = DecoderOf(member, columns);
  ASSIGN_OR_RETURN(postgres::RowStream rows,
                   connection.Stream(sql, bound.values(),
                                     doing.empty() ? absl::StrCat("reading table '", member.table.name(), "'")
                                                   : std::string(doing)));
  std::vector<std::string_view> fields(columns.size());
  absl::StatusOr<bool> more = rows.Step();
  for (; more.ok() && *more; more = rows.Step()) {
    rows.row().ViewRow(0, &fields);
    if (!decoder.Decode(fields)) return KeepMisfits(members, member, columns, decoder.misfits());
    RowOf row;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      row.push_back(AsMirrored(member.known->schema.columns[columns[i]], decoder.values()[i]));
    }
    RETURN_IF_ERROR(take(std::move(row)));
  }
  return more.status();
}

absl::StatusOr<std::optional<RowOf>> ReadPostgresRow(postgres::Connection& connection,
                                                     PostgresMembers& members, const PostgresMember& member,
                                                     const RowOf& key,
                                                     const std::vector<std::uint32_t>& columns, bool locks) {
  const std::vector<std::uint32_t> read = member.table.KeyAnd(columns);
  PostgresTexts bound;
  bound.AddKey(member, key);
  std::optional<RowOf> found;
  RETURN_IF_ERROR(
      ReadPostgresValues(connection, members, member, read,
                         absl::StrCat("SELECT ", member.Values(read), " FROM ", member.Rows(), " WHERE ",
                                      member.KeyIs(1), locks ? " FOR UPDATE OF t" : ""),
                         bound, [&](RowOf row) {
                           for (std::size_t i = 0; i < key.size(); ++i) {
                             if (!IsSame(row[i], key[i])) return absl::OkStatus();
                           }
                           found.emplace(row.begin() + static_cast<std::ptrdiff_t>(key.size()), row.end());
                           return absl::OkStatus();
                         }));
  return found;
}

}  // namespace mirror
