#include "client/exchange/mariadb_members.h"

#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/folded_name.h"
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
  members_.clear();
  own_.clear();
  sent_.clear();
  if (!tables_) {
    absl::StatusOr<std::map<std::string, std::string>> records = std::map<std::string, std::string>();
    if (options_.records) records = options_.records();
    if (!records.ok()) return records.status();
    tables_.emplace(*std::move(records), options_.keys, std::vector<TableSteps>());
  }
  tables_->Clear();
  MariadbSource place;
  place.database = connection.dsn().database;
  ASSIGN_OR_RETURN(std::vector<MariadbTable> all, ReadMariadbTables(connection));
  std::vector<std::string> names;
  for (const MariadbTable& table : all) names.push_back(table.name);
  const ChosenTables chosen = ChooseTables(options_.choice, names);
  const std::set<std::string> sent(chosen.names.begin(), chosen.names.end());
  for (MariadbTable& table : all) {
    const bool is_sent = sent.contains(table.name);
    if (!table.quoted.empty()) Take(std::move(table), place, is_sent);
  }
  return ReadActions(connection);
}

void MariadbMembers::Take(MariadbTable table, const MariadbSource& place, bool is_sent) {
  const std::string name = table.name;
  std::vector<std::string> notes;  // The reader reports them.
  const SourceTable source = tables_->Announce(std::move(table), place, &notes);
  if (!source.problem.empty()) return;
  MariadbMember member;
  member.known = tables_->Find(name);
  member.is_sent = is_sent;
  if (member.known->table.engine != "InnoDB") {
    member.obstacle = absl::StrCat("table '", name, "' has the engine ", member.known->table.engine,
                                   ", which cannot roll back a change or lock a row: run ALTER TABLE … "
                                   "ENGINE = InnoDB");
  }
  if (const TableSteps* const steps = rules_.StepsOf(name)) member.table.steps = *steps;
  member.table.sent_name = member.table.steps.as.empty() ? name : member.table.steps.as;
  member.table.plan.schema = member.known->schema;
  member.table.log = static_cast<std::int64_t>(members_.size()) + 1;
  member.table.key = member.known->schema.Key();
  own_.emplace(name, member.table.log);
  // If two names are the same in the mirror, the first table is sent.
  if (is_sent) sent_.try_emplace(FoldName(member.table.sent_name), member.table.log);
  members_.emplace(member.table.log, std::move(member));
}

absl::Status MariadbMembers::ReadActions(mariadb::Connection& connection) {
  actions_.clear();
  ASSIGN_OR_RETURN(
      const mariadb::Rows rows,
      connection.Query(absl::StrCat(kForeignKeys, mariadb::QuotedText(connection.dsn().database), kKeyOrder),
                       kReadingKeys));
  std::string table, definition, last;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const auto child = own_.find(rows.Text(row, 0)), parent = own_.find(rows.Text(row, 2));
    if (child == own_.end() || parent == own_.end()) continue;
    if (child->first != table) {
      table = child->first;
      ASSIGN_OR_RETURN(definition, DefinitionOf(connection, members_.at(child->second)));
      last.clear();
    }
    const std::string name = rows.Text(row, 1);
    if (name != last) {
      last = name;
      const MariadbForeignKeyActions actions = ReadMariadbActions(definition, name);
      actions_.push_back({child->second,
                          parent->second,
                          Changes(actions.on_delete),
                          Changes(actions.on_update),
                          actions.on_delete == ForeignKeyAction::kCascade,
                          {}});
    }
    const absl::StatusOr<std::string> own = mariadb::QuotedName(rows.View(row, 3));
    const absl::StatusOr<std::string> referred = mariadb::QuotedName(rows.View(row, 4));
    if (!own.ok() || !referred.ok()) return own.ok() ? referred.status() : own.status();
    actions_.back().columns.emplace_back(*own, *referred);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> MariadbMembers::IsAsLooked(mariadb::Connection& connection,
                                                const MariadbMember& member) {
  ASSIGN_OR_RETURN(const std::vector<MariadbTable> now,
                   ReadMariadbTables(connection, member.known->table.name));
  return now.size() == 1 && now.front() == member.known->table;
}

const MariadbMember* MariadbMembers::Find(const std::string& sent_name) const {
  const auto found = sent_.find(FoldName(sent_name));
  return found == sent_.end() ? nullptr : FindByPlace(found->second);
}

const MariadbMember* MariadbMembers::FindByPlace(std::int64_t place) const {
  const auto found = members_.find(place);
  return found == members_.end() ? nullptr : &found->second;
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
  std::vector<Misfit> misfits;
  // Leaving a result before its end would close the connection, and the transaction with it.
  absl::StatusOr<bool> more = rows.Step();
  for (; more.ok() && *more; more = rows.Step()) {
    if (!result.ok()) continue;
    const std::vector<std::string_view> fields(rows.fields().begin() + 1, rows.fields().end());
    if (!decoder.Decode(fields)) {
      for (const Misfit& misfit : decoder.misfits())
        misfits.push_back({columns[misfit.column], misfit.is_null});
      result = absl::AbortedError(absl::StrCat("table '", member.table.name(),
                                               "' has values that do not fit the types that were announced"));
      continue;
    }
    RowOf row;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      row.push_back(AsMirrored(member.known->schema.columns[columns[i]], decoder.values()[i]));
    }
    result = take(std::move(row));
  }
  if (!more.ok()) return more.status();
  if (!misfits.empty()) members.Keep(member, misfits);
  return result;
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
