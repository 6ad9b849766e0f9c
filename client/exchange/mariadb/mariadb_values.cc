#include "client/exchange/mariadb/mariadb_values.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/exchange/mirrored_value.h"
#include "client/source/capture/shown_value.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

/// A number, a moment, bytes: the column's own name and character set say nothing to these.
std::string PlainLiteral(const Column& announced, const KeyPart& part) {
  return MariadbKeyLiteral(MariadbColumn(), announced, part);
}

std::vector<Column> AnnouncedOf(const MariadbMember& member, const std::vector<std::uint32_t>& columns) {
  std::vector<Column> announced;
  for (const std::uint32_t column : columns) announced.push_back(member.known->schema.columns[column]);
  return announced;
}

/// A text of another form than the mirror's: MariaDB knows of no zone behind it.
std::string WithoutZone(const Column& announced, std::string text) {
  if (announced.type != Type::kUuid && text.ends_with('Z')) text.pop_back();
  return text;
}

}  // namespace

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
  // One that is left before its end ends the connection, and the transaction with it.
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
