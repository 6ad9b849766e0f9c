#include "client/exchange/mariadb_members.h"

#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/exchange/member_table.h"
#include "client/source/capture/shown_value.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

constexpr char kReadingKeys[] = "reading its foreign keys";
/// One row for each pair of columns, within the database.
constexpr char kForeignKeys[] =
    "SELECT TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME FROM "
    "information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL AND "
    "REFERENCED_TABLE_SCHEMA = TABLE_SCHEMA AND TABLE_SCHEMA = ";
constexpr char kKeyOrder[] = " ORDER BY BINARY TABLE_NAME, BINARY CONSTRAINT_NAME, ORDINAL_POSITION";

bool Changes(ForeignKeyAction action) {
  return action == ForeignKeyAction::kCascade || action == ForeignKeyAction::kSetNull ||
         action == ForeignKeyAction::kSetDefault;
}

/// Returns the definition: the catalogs that SELECT can read do not show what the foreign keys do.
absl::StatusOr<std::string> DefinitionOf(mariadb::Connection& connection, const MariadbMember& member) {
  ASSIGN_OR_RETURN(
      const mariadb::Rows created,
      connection.Query(absl::StrCat("SHOW CREATE TABLE ", member.known->table.quoted), kReadingKeys));
  return created.rows() > 0 ? created.Text(0, 1) : "";
}

/// Literal of a number, a moment or bytes, for which the column's name and character set do not matter.
std::string PlainLiteral(const Column& announced, const KeyPart& part) {
  return MariadbKeyLiteral(MariadbColumn(), announced, part);
}

std::vector<Column> AnnouncedOf(const MariadbMember& member, const std::vector<std::uint32_t>& columns) {
  std::vector<Column> announced;
  for (const std::uint32_t column : columns) announced.push_back(member.known->schema.columns[column]);
  return announced;
}

/// A text whose form differs from the mirror's: MariaDB has no zone suffix.
std::string WithoutZone(const Column& announced, std::string text) {
  if (announced.type != Type::kUuid && text.ends_with('Z')) text.pop_back();
  return text;
}

}  // namespace

std::string MariadbMember::Rows(const char* alias) const {
  return absl::StrCat(known->table.quoted, " AS ", alias);
}

std::string MariadbMember::KeyIs(const RowOf& key) const {
  std::vector<std::string> terms;
  for (std::size_t i = 0; i < table.key.size() && i < key.size(); ++i) {
    const MariadbColumn& column = known->table.columns[table.key[i]];
    const Column& announced = known->schema.columns[table.key[i]];
    const KeyPart part = MariadbKeyPart(announced, key[i]);
    // The first term finds the row by the key's index. The second
    // excludes rows whose keys are equal only by the collation.
    terms.push_back(
        absl::StrCat(MariadbKeyTerm(column, announced), " = ", MariadbKeyLiteral(column, announced, part)));
    if (std::string exact = MariadbKeyIsExact(column, announced, part); !exact.empty())
      terms.push_back(std::move(exact));
  }
  return absl::StrJoin(terms, " AND ");
}

std::string MariadbMember::Values(const std::vector<std::uint32_t>& columns, std::string_view of) const {
  std::vector<std::string> values = {"1"};  // There may be no column to read.
  for (const std::uint32_t column : columns) {
    values.push_back(ValueSql(known->table.columns[column], known->schema.columns[column], of));
  }
  return absl::StrJoin(values, ", ");
}

absl::Status MariadbMembers::Look(mariadb::Connection& connection) {
  RETURN_IF_ERROR(Clear());
  MariadbSource place;
  place.database = connection.dsn().database;
  ASSIGN_OR_RETURN(std::vector<MariadbTable> all, ReadMariadbTables(connection));
  Take(std::move(all), place, [this](MariadbMember* member) {
    member->table.log = static_cast<std::int64_t>(members_.size()) + 1;
    const MariadbTable& table = member->known->table;
    if (table.engine == "InnoDB") return;
    member->obstacle = absl::StrCat("table '", table.name, "' has the engine ", table.engine,
                                    ", which cannot roll back a change or lock a row: run ALTER TABLE … "
                                    "ENGINE = InnoDB");
  });
  return ReadActions(connection);
}

absl::Status MariadbMembers::ReadActions(mariadb::Connection& connection) {
  actions_.clear();
  std::map<std::string, std::int64_t> logs;  // By the table's own name.
  for (const auto& [log, member] : members_) logs.emplace(member.known->table.name, log);
  ASSIGN_OR_RETURN(
      const mariadb::Rows rows,
      connection.Query(absl::StrCat(kForeignKeys, mariadb::QuotedText(connection.dsn().database), kKeyOrder),
                       kReadingKeys));
  std::string table, definition, last;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const auto child = logs.find(rows.Text(row, 0)), parent = logs.find(rows.Text(row, 2));
    if (child == logs.end() || parent == logs.end()) continue;
    if (child->first != table) {
      table = child->first;
      ASSIGN_OR_RETURN(definition, DefinitionOf(connection, members_.at(child->second)));
      last.clear();
    }
    const std::string name = rows.Text(row, 1);
    if (name != last) {
      last = name;
      const MariadbForeignKeyActions actions = ReadMariadbActions(definition, name);
      actions_.push_back({child->second, parent->second, Changes(actions.on_delete),
                          Changes(actions.on_update), actions.on_delete == ForeignKeyAction::kCascade, ""});
    }
    ASSIGN_OR_RETURN(const std::string own, mariadb::QuotedName(rows.View(row, 3)));
    ASSIGN_OR_RETURN(const std::string referred, mariadb::QuotedName(rows.View(row, 4)));
    std::string& matches = actions_.back().matches;
    absl::StrAppend(&matches, matches.empty() ? "" : " AND ", "t.", referred, " = c.", own);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> MariadbMembers::IsAsLooked(mariadb::Connection& connection,
                                                const MariadbMember& member) {
  ASSIGN_OR_RETURN(const std::vector<MariadbTable> now,
                   ReadMariadbTables(connection, member.known->table.name));
  return now.size() == 1 && now.front() == member.known->table;
}

std::string MariadbLiteral(const Column& announced, const sqlite::Value& value) {
  switch (value.type) {
    case sqlite::Type::kNull:
      return "NULL";
    case sqlite::Type::kInteger:
      return absl::StrCat(value.integer);
    case sqlite::Type::kReal:
      return PlainLiteral(announced, {Kind::kReal, 0, value.real, ""});
    case sqlite::Type::kBlob:
      return mariadb::QuotedBytes(value.bytes);
    case sqlite::Type::kText:
      break;
  }
  if (announced.type == Type::kBytes || !IsText(value.bytes)) return mariadb::QuotedBytes(value.bytes);
  if (!HasTextForm(announced.type)) return mariadb::QuotedText(value.bytes);
  const absl::StatusOr<KeyPart> given = GivenValue(announced, {Kind::kText, 0, 0, value.bytes});
  return given.ok() ? PlainLiteral(announced, *given)
                    : mariadb::QuotedText(WithoutZone(announced, value.bytes));
}

KeyPart MariadbKeyPart(const Column& announced, const sqlite::Value& value) {
  KeyPart shown = ToKeyPart(value);
  absl::StatusOr<KeyPart> given = GivenValue(announced, shown);
  return given.ok() ? *std::move(given) : shown;
}

absl::Status ReadMariadbValues(mariadb::Connection& connection, MariadbMembers& members,
                               const MariadbMember& member, const std::vector<std::uint32_t>& columns,
                               const std::string& sql, const std::function<absl::Status(RowOf row)>& take,
                               std::string_view doing) {
  MariadbRowDecoder decoder(AnnouncedOf(member, columns));
  ASSIGN_OR_RETURN(
      mariadb::RowStream rows,
      connection.Stream(sql, doing.empty() ? absl::StrCat("reading table '", member.table.name(), "'")
                                           : std::string(doing)));
  absl::Status result;
  std::optional<std::vector<Misfit>> misfits;
  // Leaving a result before its end would close the connection, and the transaction with it.
  absl::StatusOr<bool> more = rows.Step();
  for (; more.ok() && *more; more = rows.Step()) {
    if (!result.ok() || misfits) continue;
    const std::vector<std::string_view> fields(rows.fields().begin() + 1, rows.fields().end());
    if (!decoder.Decode(fields)) {
      misfits = decoder.misfits();
      continue;
    }
    RowOf row;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      row.push_back(AsMirrored(member.known->schema.columns[columns[i]], decoder.values()[i]));
    }
    result = take(std::move(row));
  }
  if (!more.ok()) return more.status();
  return misfits ? members.KeepMisfits(member, columns, *std::move(misfits)) : result;
}

absl::StatusOr<std::optional<RowOf>> ReadMariadbRow(mariadb::Connection& connection, MariadbMembers& members,
                                                    const MariadbMember& member, const RowOf& key,
                                                    const std::vector<std::uint32_t>& columns, bool locks) {
  std::optional<RowOf> found;
  RETURN_IF_ERROR(ReadMariadbValues(connection, members, member, columns,
                                    absl::StrCat("SELECT ", member.Values(columns), " FROM ", member.Rows(),
                                                 " WHERE ", member.KeyIs(key), locks ? " FOR UPDATE" : ""),
                                    [&](RowOf row) {
                                      found = std::move(row);
                                      return absl::OkStatus();
                                    }));
  return found;
}

}  // namespace mirror
