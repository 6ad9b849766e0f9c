#include "client/exchange/postgres_members.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/pipeline.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/member_table.h"
#include "client/source/postgres/postgres_types.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

/// One row for each pair of columns. Foreign keys of partitions count as their table's.
constexpr char kActions[] =
    "SELECT f.oid, f.conrelid, f.confrelid, f.confdeltype IN ('c', 'n', 'd'), f.confupdtype IN ('c', 'n', "
    "'d'), f.confdeltype = 'c', c.attname::text, p.attname::text, s.nspname::text, o.oprname::text FROM "
    "pg_constraint f CROSS JOIN LATERAL unnest(f.conkey, f.confkey, f.conpfeqop) WITH ORDINALITY k(child, "
    "parent, operator, place) JOIN pg_attribute c ON c.attrelid = f.conrelid AND c.attnum = k.child JOIN "
    "pg_attribute p ON p.attrelid = f.confrelid AND p.attnum = k.parent JOIN pg_operator o ON o.oid = "
    "k.operator JOIN pg_namespace s ON s.oid = o.oprnamespace WHERE f.contype = 'f' AND f.conparentid = 0 "
    "AND "
    "(f.confdeltype IN ('c', 'n', 'd') OR f.confupdtype IN ('c', 'n', 'd')) ORDER BY f.oid, k.place";

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

bool IsSame(const sqlite::Value& one, const sqlite::Value& other) {
  return ToLiteral(one) == ToLiteral(other);
}

}  // namespace

std::string PostgresMember::Rows(const char* alias) const {
  return absl::StrCat(known->table.partitioned ? "" : "ONLY ", known->table.quoted, " AS ", alias);
}

std::string PostgresMember::KeyIs(int first, const char* alias) const {
  std::vector<std::string> terms;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const PostgresColumn& column = known->table.columns[table.key[i]];
    // The operator of the key's own index, so that the index is used.
    const std::vector<std::string>& operators = known->table.key_operators;
    terms.push_back(absl::StrCat(alias, ".", QuoteName(column.name), " ",
                                 i < operators.size() ? operators[i] : "=", " $", first + static_cast<int>(i),
                                 "::", column.type_name));
  }
  return absl::StrJoin(terms, " AND ");
}

std::string PostgresMember::Values(const std::vector<std::uint32_t>& columns) const {
  std::vector<std::string> values;
  for (const std::uint32_t column : columns) {
    values.push_back(ValueSql(known->table.columns[column], known->schema.columns[column]));
  }
  return absl::StrJoin(values, ", ");
}

absl::Status PostgresMembers::Look(postgres::Connection& connection) {
  RETURN_IF_ERROR(Clear());
  ASSIGN_OR_RETURN(std::vector<PostgresTable> all, ReadTables(connection, 0));
  Take(std::move(all), {}, [](PostgresMember* member) { member->table.log = member->known->table.oid; });
  return ReadActions(connection);
}

absl::StatusOr<std::vector<PostgresTable>> PostgresMembers::ReadTables(postgres::Connection& connection,
                                                                       std::uint32_t oid) const {
  postgres::Pipeline pipeline(connection);
  const PostgresTableQueries queries(options_.schema, oid);
  queries.Queue(pipeline);
  ASSIGN_OR_RETURN(const std::vector<postgres::Rows> rows, pipeline.Run());
  return queries.Take(rows);
}

absl::Status PostgresMembers::ReadActions(postgres::Connection& connection) {
  actions_.clear();
  ASSIGN_OR_RETURN(const postgres::Rows rows, connection.Query(kActions, {}, "reading its foreign keys"));
  for (int row = 0; row < rows.rows(); ++row) {
    ASSIGN_OR_RETURN(const std::string schema, postgres::QuotedName(rows.View(row, 8)));
    const std::string term = absl::StrCat("p.", QuoteName(rows.View(row, 7)), " OPERATOR(", schema, ".",
                                          rows.Text(row, 9), ") t.", QuoteName(rows.View(row, 6)));
    if (row > 0 && rows.Int(row, 0) == rows.Int(row - 1, 0)) {
      absl::StrAppend(&actions_.back().matches, " AND ", term);
      continue;
    }
    actions_.push_back(
        {rows.Int(row, 1), rows.Int(row, 2), rows.Bool(row, 3), rows.Bool(row, 4), rows.Bool(row, 5), term});
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> PostgresMembers::IsAsLooked(postgres::Connection& connection,
                                                 const PostgresMember& member) const {
  ASSIGN_OR_RETURN(const std::vector<PostgresTable> now, ReadTables(connection, member.known->table.oid));
  return now.size() == 1 && now.front() == member.known->table;
}

const PostgresMember* PostgresMembers::FindOwn(const std::string& name) const {
  for (const PostgresMember* const member : Sent()) {
    if (SameName(member->table.name(), name)) return member;
  }
  return nullptr;
}

std::vector<const PostgresMember*> PostgresMembers::Sent() const {
  std::vector<const PostgresMember*> sent;
  for (const auto& [name, log] : sent_) sent.push_back(&members_.at(log));
  return sent;
}

std::optional<std::string> PostgresText(const PostgresColumn& column, const sqlite::Value& value) {
  const bool is_bytes = static_cast<postgres::Type>(column.type) == postgres::Type::kBytea;
  switch (value.type) {
    case sqlite::Type::kInteger:
      return absl::StrCat(value.integer);
    case sqlite::Type::kReal:
      return Shortest(value.real);
    case sqlite::Type::kText:
      // Bytes are written as hexadecimal digits: a backslash in a text would be an escape.
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
    if (!decoder.Decode(fields)) return members.KeepMisfits(member, columns, decoder.misfits());
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
