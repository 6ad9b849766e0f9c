#include "client/exchange/member_table.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/sqlite/row_digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/value_json.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

constexpr std::size_t kUuidBytes = 16;

}  // namespace

Literal ToLiteral(const sqlite::Value& value) {
  switch (value.type) {
    case sqlite::Type::kInteger:
      return value.integer;
    case sqlite::Type::kReal:
      return value.real;
    case sqlite::Type::kText:
      return value.bytes;
    case sqlite::Type::kBlob:
      return Bytes{value.bytes};
    case sqlite::Type::kNull:
      break;
  }
  return Null{};
}

std::optional<std::uint32_t> MemberTable::FindSent(const std::string& column) const {
  for (std::uint32_t i = 0; i < plan.schema.columns.size(); ++i) {
    if (SameName(SentColumn(i), column)) return i;
  }
  return std::nullopt;
}

std::string MemberTable::Obstacle(std::uint32_t column) const {
  const std::string& own = plan.schema.columns[column].name;
  const char* how = nullptr;
  const Rule rule = steps.TurnOf(own).rule;
  if (rule == Rule::kHashed) how = "hashed";
  if (rule == Rule::kMasked) how = "masked";
  if (!steps.Sends(own)) how = "left out";
  if (how == nullptr) return "";
  return absl::StrCat("column '", own, "' of table '", name(), "' is ", how,
                      " by its [[source.table]], so the hub cannot know its values");
}

std::string MemberTable::SentColumn(std::uint32_t column) const {
  return steps.SentColumn(plan.schema.columns[column].name);
}

std::vector<std::uint32_t> MemberTable::PlainColumns() const {
  std::vector<std::uint32_t> plain;
  for (std::uint32_t i = 0; i < plan.schema.columns.size(); ++i) {
    if (Obstacle(i).empty()) plain.push_back(i);
  }
  return plain;
}

std::vector<std::uint32_t> MemberTable::KeyAnd(const std::vector<std::uint32_t>& columns) const {
  std::vector<std::uint32_t> all = key;
  all.insert(all.end(), columns.begin(), columns.end());
  return all;
}

std::string MemberTable::TravellingKey(const RowOf& values) const {
  std::vector<Literal> parts;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Literal& part = parts.emplace_back(ToLiteral(values[i]));
    const std::string* const text = std::get_if<std::string>(&part);
    if (text == nullptr || i >= key.size()) continue;
    const Column& column = plan.schema.columns[key[i]];
    if (!HasTextForm(column.type)) continue;
    if (column.type == Type::kUuid) {
      if (std::optional<std::string> bytes = ParseUuid(*text)) part = Bytes{*std::move(bytes)};
    } else if (const std::optional<std::int64_t> units = ParseTextForm(column, *text)) {
      part = *units;
    }
  }
  return KeyJson(parts);
}

sqlite::Value MemberTable::ShownPart(std::uint32_t column, sqlite::Value part) const {
  const Column& announced = plan.schema.columns[column];
  const sqlite::Type travels = announced.type == Type::kUuid ? sqlite::Type::kBlob : sqlite::Type::kInteger;
  const bool is_whole = announced.type != Type::kUuid || part.bytes.size() == kUuidBytes;
  if (!HasTextForm(announced.type) || part.type != travels || !is_whole) return part;
  sqlite::Value shown;
  shown.type = sqlite::Type::kText;
  shown.bytes = TextForm(announced, part.integer, part.bytes);
  return shown;
}

std::string MemberTable::KeyIs(int first) const {
  std::vector<std::string> terms;
  for (const std::uint32_t column : key) {
    // The first term finds the row by its index; the second excludes
    // rows whose keys only compare equal at the source.
    const std::string quoted = QuoteName(plan.schema.columns[column].name);
    terms.push_back(absl::StrCat(quoted, " = ?", first, " AND ", quoted, " COLLATE BINARY = ?", first));
    ++first;
  }
  return absl::StrJoin(terms, " AND ");
}

namespace {

/// Prepares a query of `terms` on the row with this key.
absl::StatusOr<sqlite::Statement> SelectOfRow(const SqliteFile& file, const MemberTable& table,
                                              const RowOf& key, const std::vector<std::string>& terms) {
  absl::StatusOr<sqlite::Statement> select =
      file.Prepare(absl::StrCat("SELECT ", absl::StrJoin(terms, ", "), " FROM main.", QuoteName(table.name()),
                                " WHERE ", table.KeyIs(1)));
  if (!select.ok()) return select;
  select->SetDoing(absl::StrCat("reading table '", table.name(), "'"));
  for (std::size_t i = 0; i < key.size(); ++i) select->Bind(static_cast<int>(i + 1), key[i]);
  return select;
}

}  // namespace

absl::StatusOr<std::optional<RowOf>> ReadRow(const SqliteFile& file, const MemberTable& table,
                                             const RowOf& key, const std::vector<std::uint32_t>& columns) {
  std::vector<std::string> names = {"1"};  // There may be no column to read.
  for (const std::uint32_t column : columns) {
    names.push_back(QuoteName(table.plan.schema.columns[column].name));
  }
  ASSIGN_OR_RETURN(sqlite::Statement select, SelectOfRow(file, table, key, names));
  ASSIGN_OR_RETURN(const bool there, select.Step());
  if (!there) return std::optional<RowOf>();
  RowOf values;
  for (std::size_t i = 0; i < columns.size(); ++i) values.push_back(select.ValueAt(static_cast<int>(i + 1)));
  return values;
}

absl::StatusOr<std::string> FindInfinity(const SqliteFile& file, const MemberTable& table, const RowOf& key) {
  std::vector<std::string> names, tests;
  for (const std::uint32_t column : table.PlainColumns()) {
    // A text column converts each number to a text.
    if (table.plan.schema.columns[column].type == Type::kText) continue;
    names.push_back(table.plan.schema.columns[column].name);
    const std::string quoted = QuoteName(names.back());
    // Without abs(): SQLite applies it to whole numbers, too; the smallest one has no positive counterpart.
    tests.push_back(absl::StrCat("typeof(", quoted, ") = 'real' AND (", quoted,
                                 " > 1.7976931348623157e308 OR ", quoted, " < -1.7976931348623157e308)"));
  }
  if (tests.empty()) return std::string();
  ASSIGN_OR_RETURN(sqlite::Statement select, SelectOfRow(file, table, key, tests));
  ASSIGN_OR_RETURN(const bool there, select.Step());
  for (std::size_t i = 0; there && i < names.size(); ++i) {
    if (select.Int(static_cast<int>(i)) != 0) return names[i];
  }
  return std::string();
}

std::uint64_t DigestOf(const RowOf& values) {
  RowDigest digest;
  for (const sqlite::Value& value : values) {
    switch (value.type) {
      case sqlite::Type::kNull:
        digest.AddNull();
        break;
      case sqlite::Type::kInteger:
        digest.AddInteger(value.integer);
        break;
      case sqlite::Type::kReal:
        digest.AddReal(value.real);
        break;
      case sqlite::Type::kText:
        digest.AddText(value.bytes);
        break;
      case sqlite::Type::kBlob:
        digest.AddBytes(value.bytes);
        break;
    }
  }
  return digest.Finish();
}

absl::StatusOr<bool> MemberTables::Refresh() {
  ASSIGN_OR_RETURN(const std::int64_t version, file_.Number("PRAGMA schema_version"));
  if (version == schema_version_) return false;
  LogTables logs(file_);
  RETURN_IF_ERROR(logs.Load());
  names_.clear();
  logs_.clear();
  tables_.clear();
  for (const auto& [folded, log] : logs.all()) {
    const TableSteps* const steps = rules_.StepsOf(log.table.name);
    names_[log.id] = log.table.name;
    logs_[FoldName(steps == nullptr ? log.table.name : steps->name())] = log.id;
  }
  schema_version_ = version;
  return true;
}

absl::StatusOr<const MemberTable*> MemberTables::Find(const std::string& sent_name) {
  const auto log = logs_.find(FoldName(sent_name));
  if (log == logs_.end()) return nullptr;
  return Get(log->second, names_.at(log->second));
}

absl::StatusOr<const MemberTable*> MemberTables::FindByLog(std::int64_t log) {
  const auto name = names_.find(log);
  if (name == names_.end()) return nullptr;
  return Get(log, name->second);
}

absl::StatusOr<const MemberTable*> MemberTables::Get(std::int64_t log, const std::string& name) {
  const auto known = tables_.find(log);
  if (known != tables_.end()) return &known->second;
  const auto declared = rules_.keys.find(FoldName(name));
  absl::StatusOr<SourcePlan> plan =
      PlanSource(file_, name, declared == rules_.keys.end() ? std::vector<std::string>() : declared->second);
  // The table was dropped since its log was made, or has not the configured key: it is no member.
  if (absl::IsNotFound(plan.status()) || absl::IsInvalidArgument(plan.status())) return nullptr;
  if (!plan.ok()) return plan.status();
  MemberTable table;
  if (const TableSteps* const steps = rules_.StepsOf(name)) table.steps = *steps;
  table.sent_name = table.steps.as.empty() ? name : table.steps.as;
  table.plan = *std::move(plan);
  table.log = log;
  table.key = table.plan.schema.Key();
  return &tables_.emplace(log, std::move(table)).first->second;
}

sqlite::Value AsMirrored(const Column& column, const Value& value) {
  sqlite::Value kept;
  if (value.kind == Kind::kNull) return kept;
  if (HasTextForm(column.type)) {
    kept.type = sqlite::Type::kText;
    kept.bytes = TextForm(column, value.integer, value.bytes);
    return kept;
  }
  switch (value.kind) {
    case Kind::kInteger:
      kept.type = sqlite::Type::kInteger;
      kept.integer = value.integer;
      break;
    case Kind::kReal:
      kept.type = sqlite::Type::kReal;
      kept.real = value.real;
      break;
    case Kind::kBlob:
      kept.type = sqlite::Type::kBlob;
      kept.bytes = value.bytes;
      break;
    default:
      kept.type = sqlite::Type::kText;
      kept.bytes = value.bytes;
  }
  return kept;
}

}  // namespace mirror
