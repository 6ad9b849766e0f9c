#include "client/source/sqlite/file/sqlite_schema.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/folded_name.h"
#include "base/reserved_name.h"
#include "client/source/found_objects.h"

namespace mirror {
namespace {

/// Facts about a table besides its columns.
struct TableFacts {
  bool without_rowid = false;
  bool strict = false;
  bool view = false;
};

/// Reads the facts. temp.pragma_table_list has all of them, but each query over it reads every table.
absl::StatusOr<TableFacts> ReadFacts(const SqliteFile& file, const std::string& table) {
  TableFacts facts;
  bool has_any = false;
  std::optional<absl::StatusOr<bool>> is_table;
  absl::Status status =
      ForEachRow(file, "SELECT type = 'ANY' COLLATE NOCASE FROM temp.pragma_table_xinfo(?1, 'main')", table,
                 [&](const sqlite::Statement& row) {
                   if (!is_table) is_table = file.HasTable(table);
                   has_any = has_any || row.Int(0) != 0;
                 });
  if (status.ok() && is_table) status = is_table->status();
  if (!status.ok()) return status;
  facts.view = is_table && !**is_table;
  // Only a table without a rowid has an index of its own name.
  status = ForEachRow(file, "SELECT 1 FROM temp.pragma_index_info(?1, 'main')", table,
                      [&](const sqlite::Statement&) { facts.without_rowid = true; });
  if (!status.ok() || !has_any) return status.ok() ? absl::StatusOr<TableFacts>(facts) : status;
  status = ForEachRow(file, "SELECT strict FROM temp.pragma_table_list(?1) WHERE schema = 'main'", table,
                      [&](const sqlite::Statement& row) { facts.strict = row.Int(0) != 0; });
  if (!status.ok()) return status;
  return facts;
}

Type TypeOf(Affinity affinity) {
  switch (affinity) {
    case Affinity::kInteger:
      return Type::kInt64;
    case Affinity::kReal:
      return Type::kDouble;
    case Affinity::kText:
      return Type::kText;
    default:
      return Type::kAny;
  }
}

Column MakeColumn(const sqlite::Statement& row, const TableFacts& facts) {
  // Columns of temp.pragma_table_xinfo: name, type, notnull, dflt_value, pk, hidden.
  Column column;
  column.name = row.Text(0);
  const std::string declared = row.Text(1);
  const bool strict_any = facts.strict && SameName(declared, "ANY");
  const Affinity affinity = strict_any ? Affinity::kBlob : AffinityOf(declared);
  column.type = TypeOf(affinity);
  if (column.type == Type::kAny) column.affinity = affinity;
  column.key_position = static_cast<std::uint32_t>(row.Int(4));
  column.nullable = row.Int(2) == 0 && column.key_position == 0;
  column.backfill = Backfill::kUnknown;
  if (row.TypeAt(3) == sqlite::Type::kText) {
    column.default_value = ParseDefault(row.Text(3), column);
  }
  return column;
}

/// Returns a name of the rowid that no column has; empty: there is none.
std::string RowidName(const TableSchema& table) {
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    if (!table.Find(name)) return name;
  }
  return "";
}

/// Returns the index of the PRIMARY KEY as terms of an order. Empty: it has no index (INTEGER PRIMARY KEY).
absl::StatusOr<std::vector<OrderTerm>> KeyIndex(const SqliteFile& file, const TableSchema& table,
                                                bool* binary) {
  std::string index;
  absl::Status status =
      ForEachRow(file, "SELECT name FROM temp.pragma_index_list(?1, 'main') WHERE origin = 'pk'", table.name,
                 [&](const sqlite::Statement& row) { index = row.Text(0); });
  if (!status.ok()) return status;
  std::vector<OrderTerm> order;
  if (index.empty()) return order;
  *binary = true;
  status = ForEachRow(
      file,
      "SELECT cid, \"desc\", coll FROM temp.pragma_index_xinfo(?1, 'main') WHERE key = 1 ORDER BY seqno",
      index, [&](const sqlite::Statement& row) {
        const auto column = static_cast<int>(row.Int(0));
        const std::string collation = row.Text(2);
        if (!SameName(collation, "BINARY")) *binary = false;
        const std::string& name = table.columns[static_cast<std::size_t>(column)].name;
        order.push_back(
            {absl::StrCat(QuoteName(name), " COLLATE ", QuoteName(collation)), row.Int(1) != 0, column});
      });
  if (!status.ok()) return status;
  return order;
}

/// Sets the key of a table that declares none. Its values may be NULL.
absl::Status DeclareKey(const std::vector<std::string>& names, SourcePlan* plan) {
  TableSchema& table = plan->schema;
  if (!table.Key().empty()) {
    return absl::InvalidArgumentError(absl::StrCat("table '", table.name,
                                                   "' has a PRIMARY KEY of its own: leave 'key' out of its "
                                                   "[[source.table]]"));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::optional<std::uint32_t> column = table.Find(names[i]);
    if (!column) {
      return absl::InvalidArgumentError(absl::StrCat("table '", table.name, "' has no column '", names[i],
                                                     "', which is in the 'key' of its [[source.table]]"));
    }
    table.columns[*column].key_position = static_cast<std::uint32_t>(i + 1);
    table.columns[*column].nullable = false;
  }
  plan->key_may_be_null = true;
  return absl::OkStatus();
}

/// Parses a SQL number, with or without a sign.
std::optional<Literal> ParseNumber(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  std::string_view digits = text;
  if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) digits.remove_prefix(1);
  if (digits.empty() || (!absl::ascii_isdigit(digits.front()) && digits.front() != '.')) return std::nullopt;
  const std::string plain = absl::StrCat(negative ? "-" : "", std::string(digits));
  const char* end = plain.data() + plain.size();
  std::int64_t integer = 0;
  if (const auto parsed = std::from_chars(plain.data(), end, integer);
      parsed.ec == std::errc{} && parsed.ptr == end) {
    return Literal(integer);
  }
  double real = 0;
  const auto parsed = std::from_chars(plain.data(), end, real);
  if (parsed.ec != std::errc{} || parsed.ptr != end || !std::isfinite(real)) return std::nullopt;
  return Literal(real);
}

std::optional<std::string> ParseText(std::string_view sql) {
  if (sql.size() < 2 || sql.front() != '\'' || sql.back() != '\'') return std::nullopt;
  sql = sql.substr(1, sql.size() - 2);
  std::string text;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] == '\'') {
      // A single quote would end the constant: then the text is an expression.
      if (i + 1 == sql.size() || sql[i + 1] != '\'') return std::nullopt;
      ++i;
    }
    text += sql[i];
  }
  return text;
}

std::optional<Collation> CollationOf(const std::string& name) {
  if (SameName(name, "BINARY")) return Collation::kBinary;
  if (SameName(name, "NOCASE")) return Collation::kNocase;
  if (SameName(name, "RTRIM")) return Collation::kRtrim;
  return std::nullopt;
}

// Statements are prepared faster than the table-valued functions of the same name.
std::string Pragma(const char* name, const std::string& about) {
  return absl::StrCat("PRAGMA main.", name, "(", QuoteName(about), ")");
}

absl::Status ReadParts(const SqliteFile& file, FoundIndex* read) {
  return ForEachRow(file, Pragma("index_xinfo", read->index.name), "", [read](const sqlite::Statement& row) {
    const bool is_key = row.Int(5) != 0;
    if (!is_key) return;
    const std::optional<Collation> collation = CollationOf(row.Text(4));
    // False: the rowid, or an expression.
    const bool is_column = row.Int(1) >= 0;
    if (!read->untold && !is_column) read->untold = UntoldReason::kExpression;
    if (!read->untold && !collation) read->untold = UntoldReason::kCollation;
    if (read->untold) return;
    read->index.columns.push_back({row.Text(2), row.Int(3) != 0, *collation});
  });
}

/// Returns the indexes by name, without that of the PRIMARY KEY, which the mirror has anyway.
absl::StatusOr<std::vector<FoundIndex>> ReadIndexes(const SqliteFile& file, const std::string& table) {
  std::vector<FoundIndex> read;
  RETURN_IF_ERROR(ForEachRow(file, Pragma("index_list", table), "", [&read](const sqlite::Statement& row) {
    if (row.Text(3) == "pk") return;
    FoundIndex& one = read.emplace_back();
    one.index.name = row.Text(1);
    one.index.unique = row.Int(2) != 0;
    if (row.Int(4) != 0) one.untold = UntoldReason::kPartial;
  }));
  std::sort(read.begin(), read.end(),
            [](const FoundIndex& a, const FoundIndex& b) { return a.index.name < b.index.name; });
  for (FoundIndex& one : read) {
    RETURN_IF_ERROR(ReadParts(file, &one));
  }
  return read;
}

ForeignKeyAction ActionOf(const std::string& word) {
  if (SameName(word, "RESTRICT")) return ForeignKeyAction::kRestrict;
  if (SameName(word, "SET NULL")) return ForeignKeyAction::kSetNull;
  if (SameName(word, "SET DEFAULT")) return ForeignKeyAction::kSetDefault;
  if (SameName(word, "CASCADE")) return ForeignKeyAction::kCascade;
  return ForeignKeyAction::kNoAction;
}

absl::Status AddForeignKeys(const SqliteFile& file, const TableSchema& table, SourceObjects* objects) {
  std::map<std::int64_t, SourceForeignKey> keys;
  const absl::Status status =
      ForEachRow(file, Pragma("foreign_key_list", table.name), "", [&keys](const sqlite::Statement& row) {
        SourceForeignKey& key = keys[row.Int(0)];
        key.table = row.Text(2);
        key.columns.push_back(row.Text(3));
        // Without columns, the foreign key refers to the other table's key.
        if (!row.IsNull(4)) key.table_columns.push_back(row.Text(4));
        key.on_update = ActionOf(row.Text(5));
        key.on_delete = ActionOf(row.Text(6));
      });
  if (!status.ok()) return status;
  for (auto& [id, key] : keys) AddForeignKey(std::move(key), table, objects);
  return absl::OkStatus();
}

/// The objects in the order of creation: a table that was created again comes after its log.
constexpr char kObjects[] = "SELECT type, name, tbl_name, sql FROM main.sqlite_schema";
constexpr char kInOrder[] = " ORDER BY rowid";

/// Appends an object without its root page: auto_vacuum moves the pages of unchanged tables.
void Append(const sqlite::Statement& object, TableDefinition* definition) {
  for (const int column : {0, 1, 3}) {
    const std::string text = object.Text(column);
    absl::StrAppend(definition, text.size(), ":", text);
  }
}

}  // namespace

std::string SourcePlan::ValueOf(std::uint32_t column) const {
  return IsTurned(column) ? values[column] : QuoteName(schema.columns[column].name);
}

std::string SourcePlan::FromWhere(const std::string& condition) const {
  return absl::StrCat(" FROM main.", QuoteName(schema.name),
                      condition.empty() && filter.empty() ? "" : " WHERE ", condition,
                      condition.empty() || filter.empty() ? "" : " AND ", filter);
}

Affinity AffinityOf(std::string_view declared_type) {
  const std::string type = absl::AsciiStrToUpper(std::string(declared_type));
  const auto has = [&type](std::string_view part) { return type.find(part) != std::string::npos; };
  if (has("INT")) return Affinity::kInteger;
  if (has("CHAR") || has("CLOB") || has("TEXT")) return Affinity::kText;
  if (type.empty() || has("BLOB")) return Affinity::kBlob;
  if (has("REAL") || has("FLOA") || has("DOUB")) return Affinity::kReal;
  return Affinity::kNumeric;
}

std::optional<Literal> ParseDefault(std::string_view sql, const Column& column) {
  std::optional<Literal> literal;
  if (SameName(sql, "NULL")) {
    literal = Null{};
  } else if (std::optional<std::string> text = ParseText(sql)) {
    // In another column SQLite converts the text to a number if possible.
    const bool kept = column.type == Type::kText || column.affinity == Affinity::kBlob;
    if (kept) literal = *std::move(text);
  } else if (column.type != Type::kText) {
    literal = ParseNumber(sql);
    const auto* integer = literal ? std::get_if<std::int64_t>(&*literal) : nullptr;
    if (column.type == Type::kDouble && integer != nullptr) literal = static_cast<double>(*integer);
    // SQLite gives existing rows the integer, and new rows the real. So the default is not known.
    const auto* real = literal ? std::get_if<double>(&*literal) : nullptr;
    const bool two = column.affinity == Affinity::kBlob && real != nullptr && std::trunc(*real) == *real;
    if (two) literal.reset();
  }
  if (literal && !CheckLiteral(column, *literal).ok()) literal.reset();
  return literal;
}

absl::StatusOr<std::vector<std::string>> ListTables(const SqliteFile& file) {
  std::vector<std::string> tables;
  RETURN_IF_ERROR(ForEachRow(
      file, "SELECT name FROM temp.pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name",
      "", [&](const sqlite::Statement& row) {
        std::string name = row.Text(0);
        if (!IsReservedName(name)) tables.push_back(std::move(name));
      }));
  return tables;
}

absl::StatusOr<std::vector<std::string>> ListViews(const SqliteFile& file) {
  std::vector<std::string> views;
  RETURN_IF_ERROR(ForEachRow(
      file, "SELECT name FROM temp.pragma_table_list WHERE schema = 'main' AND type = 'view' ORDER BY name",
      "", [&](const sqlite::Statement& row) { views.push_back(row.Text(0)); }));
  return views;
}

absl::StatusOr<SourcePlan> PlanSource(const SqliteFile& file, const std::string& table,
                                      const std::vector<std::string>& key_names) {
  SourcePlan plan;
  plan.schema.name = table;
  ASSIGN_OR_RETURN(const TableFacts read, ReadFacts(file, table));
  const TableFacts& facts = read;
  bool key_declared_not_null = true;
  RETURN_IF_ERROR(
      ForEachRow(file,
                 "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM temp.pragma_table_xinfo(?1, "
                 "'main') ORDER BY cid",
                 table, [&](const sqlite::Statement& row) {
                   plan.schema.columns.push_back(MakeColumn(row, facts));
                   plan.generated.push_back(row.Int(5) != 0);
                   plan.has_default.push_back(!row.IsNull(3));
                   const bool in_key = plan.schema.columns.back().key_position != 0;
                   if (in_key && row.Int(2) == 0) key_declared_not_null = false;
                 }));
  plan.view = facts.view;
  if (plan.schema.columns.empty()) {
    return absl::NotFoundError(absl::StrCat("table '", table, "' no longer exists"));
  }

  if (!key_names.empty()) {
    RETURN_IF_ERROR(DeclareKey(key_names, &plan));
    if (!facts.view) plan.rowid = RowidName(plan.schema);
    if (!plan.rowid.empty()) plan.steady_order = {{plan.rowid, false, -1}};
    return plan;
  }
  bool binary = false;
  ASSIGN_OR_RETURN(std::vector<OrderTerm> key_index, KeyIndex(file, plan.schema, &binary));
  const std::vector<std::uint32_t> key = plan.schema.Key();
  if (facts.without_rowid) {
    plan.steady_order = key_index;
    if (binary) plan.key_order = std::move(key_index);
    return plan;
  }
  if (!facts.view) plan.rowid = RowidName(plan.schema);
  if (!key.empty() && key_index.empty()) {  // INTEGER PRIMARY KEY is another name of the rowid.
    const std::string name = QuoteName(plan.schema.columns[key[0]].name);
    if (plan.rowid.empty()) plan.rowid = name;
    plan.steady_order = plan.key_order = {{name, false, static_cast<int>(key[0])}};
    return plan;
  }
  plan.key_may_be_null = !key.empty() && !key_declared_not_null;
  if (!plan.rowid.empty()) plan.steady_order = {{plan.rowid, false, -1}};
  if (binary) plan.key_order = std::move(key_index);
  return plan;
}

absl::StatusOr<SourceObjects> ReadObjects(const SqliteFile& file, const SourcePlan& plan) {
  SourceObjects objects;
  if (plan.view) return objects;
  ASSIGN_OR_RETURN(std::vector<FoundIndex> indexes, ReadIndexes(file, plan.schema.name));
  for (FoundIndex& index : indexes) AddIndex(std::move(index), plan.schema, &objects);
  RETURN_IF_ERROR(AddForeignKeys(file, plan.schema, &objects));
  return objects;
}

absl::StatusOr<std::map<std::string, TableDefinition>> ReadDefinitions(
    const SqliteFile& file, const std::function<std::string(const std::string&)>& log_of) {
  std::map<std::string, TableDefinition> definitions;
  std::map<std::string, std::string> table_of;  // By name of the log.
  sqlite::Statement objects = file.Query(absl::StrCat(kObjects, kInOrder));
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, objects.Step());
    if (!row) return definitions;
    const std::string table = FoldName(objects.Text(2));
    if (const auto logged = table_of.find(table); logged != table_of.end()) {
      Append(objects, &definitions[logged->second]);
    }
    const auto [definition, fresh] = definitions.try_emplace(table);
    if (fresh) {
      if (const std::string log = log_of(table); !log.empty()) table_of[log] = table;
    }
    Append(objects, &definition->second);
  }
}

DefinitionWatch::DefinitionWatch(std::string table, std::string log, TableDefinition definition,
                                 std::int64_t version, bool hidden_order)
    : table_(std::move(table)),
      log_(std::move(log)),
      definition_(std::move(definition)),
      version_(version),
      hidden_order_(hidden_order) {}

absl::Status DefinitionWatch::Check(const SqliteFile& file) {
  ASSIGN_OR_RETURN(const std::int64_t version, file.Number("PRAGMA schema_version"));
  const bool looked = std::exchange(looked_, true);
  if (version == version_) return absl::OkStatus();
  if (looked && hidden_order_) {
    return absl::AbortedError("the schema changed meanwhile, and a VACUUM would move its rows");
  }
  sqlite::Statement objects =
      file.Query(absl::StrCat(kObjects, " WHERE tbl_name = ?1 COLLATE NOCASE OR tbl_name = ?2", kInOrder));
  objects.With(table_, log_);
  TableDefinition now;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, objects.Step());
    if (!row) break;
    Append(objects, &now);
  }
  if (now != definition_) return absl::AbortedError("its schema changed meanwhile");
  version_ = version;
  return absl::OkStatus();
}

}  // namespace mirror
