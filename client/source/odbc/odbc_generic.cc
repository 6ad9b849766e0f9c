#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/db/odbc/connection.h"
#include "base/status_macros.h"
#include "client/source/odbc/odbc_dialect.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

using odbc::Connection;
using OdbcCatalog = odbc::Connection::Catalog;

constexpr std::int64_t kUnitDigitsMax = 7;

void SetGenericDecimal(std::int64_t size, std::int64_t digits, OdbcColumn* column) {
  const bool is_told =
      size >= 1 && size <= static_cast<std::int64_t>(kDecimalDigitsMax) && digits >= 0 && digits <= size;
  column->form = OdbcForm::kDecimal;
  column->wire.type = is_told ? Type::kDecimal : Type::kText;
  if (!is_told) return;
  column->wire.precision = static_cast<std::uint32_t>(size);
  column->wire.scale = static_cast<std::uint32_t>(digits);
}

void SetGenericTime(Type type, OdbcForm form, std::int64_t digits, OdbcColumn* column) {
  column->wire.type = type;
  column->form = form;
  column->wire.precision = static_cast<std::uint32_t>(std::clamp<std::int64_t>(digits, 0, kUnitDigitsMax));
}

/// Sets the type from the driver's declaration.
void SetGenericType(odbc::SqlType type, std::int64_t size, std::int64_t digits, OdbcColumn* column) {
  Column& wire = column->wire;
  const auto set = [&](Type wire_type, OdbcForm form) {
    wire.type = wire_type;
    column->form = form;
  };
  switch (type) {
    case odbc::SqlType::kBit:
      return set(Type::kBool, OdbcForm::kBool);
    case odbc::SqlType::kTinyint:
    case odbc::SqlType::kSmallint:
      return set(Type::kInt16, OdbcForm::kInteger);
    case odbc::SqlType::kInteger:
      return set(Type::kInt32, OdbcForm::kInteger);
    case odbc::SqlType::kBigint:
      return set(Type::kInt64, OdbcForm::kInteger);
    case odbc::SqlType::kReal:
      set(Type::kFloat, OdbcForm::kSingle);
      column->wide_form = OdbcForm::kSingle;
      column->wide_affinity = Affinity::kReal;
      return;
    case odbc::SqlType::kFloat:
    case odbc::SqlType::kDouble:
      set(Type::kDouble, OdbcForm::kReal);
      column->wide_form = OdbcForm::kReal;
      column->wide_affinity = Affinity::kReal;
      return;
    case odbc::SqlType::kNumeric:
    case odbc::SqlType::kDecimal:
      return SetGenericDecimal(size, digits, column);
    case odbc::SqlType::kBinary:
    case odbc::SqlType::kVarbinary:
    case odbc::SqlType::kLongVarbinary:
      return set(Type::kBytes, OdbcForm::kBytes);
    case odbc::SqlType::kDate:
      return set(Type::kDate, OdbcForm::kDate);
    case odbc::SqlType::kTime:
      return SetGenericTime(Type::kTime, OdbcForm::kTime, digits, column);
    case odbc::SqlType::kTimestamp:
      return SetGenericTime(Type::kTimestamp, OdbcForm::kTimestamp, digits, column);
    case odbc::SqlType::kGuid:
      return set(Type::kUuid, OdbcForm::kUuid);
    default:
      return set(Type::kText, OdbcForm::kText);
  }
}

std::string GenericQuoted(const Connection& connection, const std::string& name) {
  const std::string& quote = connection.quote();
  if (quote.empty()) return name;
  return absl::StrCat(quote, absl::StrReplaceAll(name, {{quote, quote + quote}}), quote);
}

class OdbcGeneric : public OdbcDialect {
 public:
  explicit OdbcGeneric(std::string schema) : schema_(std::move(schema)) {}

  const char* name() const override { return "generic"; }
  void AddOptions(const std::string& /*driver*/, odbc::ConnectionString* /*to*/) const override {}
  absl::Status Prepare(Connection& /*connection*/) const override { return absl::OkStatus(); }

  absl::StatusOr<OdbcPlace> Look(Connection& connection) const override {
    OdbcPlace place;
    place.user = connection.user();
    place.name = absl::StrCat(connection.dbms(), " by ODBC, database ", connection.database());
    place.identity = absl::StrCat("odbc ", connection.dbms(), " ", connection.server(), " ",
                                  connection.database(), schema_.empty() ? "" : " ", schema_);
    place.notes.push_back(absl::StrCat(
        "the source is read by ODBC as '", connection.dbms(),
        "', and the agent knows only what its driver declares: values are as the driver gives them, time "
        "zones are not known, and rows that are written while a table is read may be from different moments; "
        "the next run finds what changed meanwhile"));
    return place;
  }

  absl::StatusOr<std::vector<OdbcTable>> Tables(Connection& connection,
                                                const std::string* only) const override {
    ASSIGN_OR_RETURN(const std::string schema, SchemaOf(connection));
    std::map<std::string, OdbcTable> tables;
    RETURN_IF_ERROR(ReadTables(connection, schema, only, &tables));
    RETURN_IF_ERROR(ReadColumns(connection, schema, only, &tables));
    std::vector<OdbcTable> all;
    for (auto& [name, table] : tables) {
      RETURN_IF_ERROR(ReadKey(connection, schema, &table));
      SetPages(&table);
      all.push_back(std::move(table));
    }
    return all;
  }

  absl::Status Begin(Connection& /*connection*/, const OdbcTable& /*table*/) const override {
    return absl::OkStatus();
  }
  absl::Status End(Connection& /*connection*/) const override { return absl::OkStatus(); }

 private:
  /// Returns the configured schema, or the only one that has tables.
  absl::StatusOr<std::string> SchemaOf(Connection& connection) const {
    if (!schema_.empty() || !connection.has_schemas()) return schema_;
    std::set<std::string> schemas;
    RETURN_IF_ERROR(ForEachRow(connection.Ask(OdbcCatalog::kTables, connection.database(), "", ""),
                               [&schemas](const odbc::RowStream& row) { schemas.insert(row.Text(1)); }));
    if (schemas.size() <= 1) return schemas.empty() ? "" : *schemas.begin();
    std::vector<std::string> names(schemas.begin(), schemas.end());
    return absl::FailedPreconditionError(
        absl::StrCat("there are tables in several schemas (", ListNames(names),
                     "): name the one to be read as 'schemas' of its [[source]]. Nothing was sent"));
  }

  absl::Status ReadTables(Connection& connection, const std::string& schema, const std::string* only,
                          std::map<std::string, OdbcTable>* tables) const {
    return ForEachRow(connection.Ask(OdbcCatalog::kTables, connection.database(), schema, ""),
                      [&](const odbc::RowStream& row) {
                        const std::string name = row.Text(2);
                        // Catalog functions treat a name as a pattern, which may match others.
                        if (only != nullptr && name != *only) return;
                        if (!schema.empty() && row.Text(1) != schema) return;
                        OdbcTable& table = (*tables)[name];
                        table.name = name;
                        table.quoted = GenericQuoted(connection, name);
                        if (!schema.empty())
                          table.quoted = absl::StrCat(GenericQuoted(connection, schema), ".", table.quoted);
                        table.from = absl::StrCat(table.quoted, " t");
                      });
  }

  absl::Status ReadColumns(Connection& connection, const std::string& schema, const std::string* only,
                           std::map<std::string, OdbcTable>* tables) const {
    const std::string pattern = only == nullptr ? "%" : *only;
    return ForEachRow(connection.Ask(OdbcCatalog::kColumns, connection.database(), schema, pattern),
                      [&](const odbc::RowStream& row) {
                        const auto table = tables->find(row.Text(2));
                        if (table == tables->end()) return;
                        if (!schema.empty() && row.Text(1) != schema) return;
                        TakeColumn(connection, row, &table->second);
                      });
  }

  static void TakeColumn(const Connection& connection, const odbc::RowStream& row, OdbcTable* table) {
    OdbcColumn& column = table->columns.emplace_back();
    column.number = row.Int(16);
    if (column.number == 0) column.number = static_cast<std::int64_t>(table->columns.size());
    column.type_name = row.Text(5);
    column.type = OdbcTypeNumber(absl::StrCat(row.Int(4), " ", column.type_name));
    column.wire.name = row.Text(3);
    column.wire.column_id = static_cast<std::uint64_t>(column.number);
    column.wire.nullable = row.Int(10) != odbc::kNoNulls;
    SetGenericType(static_cast<odbc::SqlType>(row.Int(4)), row.Int(6), row.Int(8), &column);
    column.name = absl::StrCat("t.", GenericQuoted(connection, column.wire.name));
    column.value = column.wide_value = column.wide_name = column.name;
    column.is_null = absl::StrCat(column.name, " IS NULL");
    column.numbers_sort = IsInteger(column.wire.type);
  }

  /// A driver that cannot report keys reports none.
  static absl::Status ReadKey(Connection& connection, const std::string& schema, OdbcTable* table) {
    std::map<std::int64_t, std::string> names;
    const absl::Status read =
        ForEachRow(connection.Ask(OdbcCatalog::kPrimaryKey, connection.database(), schema, table->name),
                   [&names](const odbc::RowStream& row) { names[row.Int(4)] = row.Text(3); });
    if (absl::IsUnavailable(read)) return read;
    if (!read.ok())
      table->notes.emplace_back(
          "its driver reports no primary key: name one as 'key' of its [[source.table]]");
    for (const auto& part : names) {
      const std::string& name = part.second;
      const auto found = std::find_if(table->columns.begin(), table->columns.end(),
                                      [&name](const OdbcColumn& column) { return column.wire.name == name; });
      if (found == table->columns.end()) {
        table->key.clear();
        return absl::OkStatus();
      }
      table->key.push_back(static_cast<std::uint32_t>(found - table->columns.begin()));
    }
    return absl::OkStatus();
  }

  static void SetPages(OdbcTable* table) {
    for (const std::uint32_t column : table->key) {
      const Type type = table->columns[column].wire.type;
      if (!IsInteger(type) && type != Type::kText) {
        table->pages.clear();
        break;
      }
      const std::string& name = table->columns[column].name;
      table->pages.push_back({name, name, "?", IsInteger(type)});
    }
    if (table->pages.empty())
      table->notes.emplace_back(
          "it is read by one statement, and its driver may hold all its rows in memory");
  }

  const std::string schema_;
};

}  // namespace

std::unique_ptr<OdbcDialect> MakeOdbcGeneric(std::string schema) {
  return std::make_unique<OdbcGeneric>(std::move(schema));
}

}  // namespace mirror
