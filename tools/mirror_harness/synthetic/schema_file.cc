#include "tools/mirror_harness/synthetic/schema_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/mirror_harness/synthetic/values.h"

namespace mirror::harness {
namespace {

absl::Status Invalid(std::string_view reason) { return absl::InvalidArgumentError(std::string(reason)); }

struct SqlType {
  std::string_view name;
  Type type;
  enum class Arguments { kNone, kLength, kDigits, kFraction } arguments = Arguments::kNone;
  std::uint32_t precision = 0;  ///< Precision if the type has no argument.
};

using Arguments = SqlType::Arguments;
constexpr std::array<SqlType, 26> kTypes = {{{"int", Type::kInt32},
                                             {"smallint", Type::kInt16},
                                             {"tinyint", Type::kInt16},
                                             {"bigint", Type::kInt64},
                                             {"bit", Type::kBool},
                                             {"float", Type::kDouble},
                                             {"real", Type::kFloat},
                                             {"nvarchar", Type::kText, Arguments::kLength},
                                             {"varchar", Type::kText, Arguments::kLength},
                                             {"nchar", Type::kText, Arguments::kLength},
                                             {"char", Type::kText, Arguments::kLength},
                                             {"ntext", Type::kText},
                                             {"text", Type::kText},
                                             {"varbinary", Type::kBytes, Arguments::kLength},
                                             {"binary", Type::kBytes, Arguments::kLength},
                                             {"image", Type::kBytes},
                                             {"decimal", Type::kDecimal, Arguments::kDigits, 18},
                                             {"numeric", Type::kDecimal, Arguments::kDigits, 18},
                                             {"money", Type::kDecimal, Arguments::kNone, 19},
                                             {"datetime", Type::kTimestamp, Arguments::kNone, 3},
                                             {"smalldatetime", Type::kTimestamp},
                                             {"datetime2", Type::kTimestamp, Arguments::kFraction, 7},
                                             {"datetimeoffset", Type::kTimestampTz, Arguments::kFraction, 7},
                                             {"date", Type::kDate},
                                             {"time", Type::kTime, Arguments::kFraction, 7},
                                             {"uniqueidentifier", Type::kUuid}}};

template <typename Number>
std::optional<Number> ReadNumber(std::string_view text) {
  Number number{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Parses "2024-03-07 12:34:56.123", "20240307 12:34:56" or a date alone.
std::optional<std::int64_t> ReadTicks(std::string_view text) {
  const std::string copy(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, used = 0;
  double second = 0;
  const bool dashes = std::sscanf(copy.c_str(), "%4d-%2d-%2d%n", &year, &month, &day, &used) == 3;
  if (!dashes && std::sscanf(copy.c_str(), "%4d%2d%2d%n", &year, &month, &day, &used) != 3)
    return std::nullopt;
  int more = 0;
  if (static_cast<std::size_t>(used) < copy.size() &&
      (std::sscanf(copy.c_str() + used, " %2d:%2d:%lf%n", &hour, &minute, &second, &more) != 3 ||
       static_cast<std::size_t>(used + more) != copy.size())) {
    return std::nullopt;
  }
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
      second >= 60) {
    return std::nullopt;
  }
  return TicksOfDay(year, static_cast<unsigned>(month), static_cast<unsigned>(day)) +
         (hour * 3'600 + minute * 60) * std::int64_t{10'000'000} +
         static_cast<std::int64_t>(second * 1e7 + 0.5);
}

std::optional<Literal> NumberAs(std::string_view text, Type type) {
  const std::optional<double> real = ReadNumber<double>(text);
  const std::optional<std::int64_t> integer = ReadNumber<std::int64_t>(text);
  switch (type) {
    case Type::kFloat:
    case Type::kDouble:
      if (real) return *real;
      break;
    case Type::kBool:
    case Type::kInt16:
    case Type::kInt32:
    case Type::kInt64:
      if (integer) return *integer;
      break;
    case Type::kDecimal:
    case Type::kText:
      if (real) return std::string(text);
      break;
    default:
      break;
  }
  return std::nullopt;
}

absl::StatusOr<Column> ReadColumn(const nlohmann::json& item, bool is_key, std::uint64_t id) {
  Column column;
  column.name = item.at("name").get<std::string>();
  RETURN_IF_ERROR(ReadSqlType(item.at("sql_type").get<std::string>(), &column));
  column.nullable = !is_key && item.value("sql_nullable", true);
  column.key_position = is_key ? 1 : 0;
  column.column_id = id;
  if (item.contains("sql_default") && item.at("sql_default").is_string()) {
    ASSIGN_OR_RETURN(column.default_value, ReadSqlDefault(item.at("sql_default").get<std::string>(), column));
  }
  return column;
}

constexpr char kExpected[] =
    "Expected a list of tables, each with 'table' and with 'columns' that have 'name' and 'sql_type', as in "
    "tests/data/superoffice-tables.json.";

absl::StatusOr<nlohmann::json> ParseList(const std::string& path, const std::string& text) {
  try {
    nlohmann::json list = nlohmann::json::parse(text);
    if (!list.is_array()) return Invalid(absl::StrCat(path, ": this is JSON, but not a list. ", kExpected));
    return list;
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t end = std::min<std::size_t>(error.byte == 0 ? 0 : error.byte - 1, text.size());
    const auto begin = text.begin(), wrong = begin + static_cast<std::ptrdiff_t>(end);
    const auto line = 1 + std::count(begin, wrong, '\n');
    const std::size_t line_begin = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
    const std::size_t character = end - (line_begin == std::string::npos ? 0 : line_begin + 1) + 1;
    return Invalid(absl::StrCat(path, ":", line, ":", character, ": is not JSON from here on. ", kExpected));
  }
}

absl::StatusOr<TableSchema> ReadTable(const nlohmann::json& item, bool first_is_key) {
  TableSchema table;
  table.name = item.at("table").get<std::string>();
  std::uint32_t key_columns = 0;
  for (const nlohmann::json& column : item.at("columns")) {
    if (!column.contains("sql_type") || !column.at("sql_type").is_string()) continue;
    const bool is_key = first_is_key ? table.columns.empty() : column.value("primary_key", false);
    absl::StatusOr<Column> read = ReadColumn(column, is_key, table.columns.size() + 1);
    if (!read.ok()) {
      return Invalid(absl::StrCat("table '", table.name, "', column '", column.at("name").get<std::string>(),
                                  "': ", std::string(read.status().message())));
    }
    if (is_key) read->key_position = ++key_columns;
    table.columns.push_back(*std::move(read));
  }
  return table;
}

}  // namespace

absl::Status ReadSqlType(std::string_view sql_type, Column* column) {
  const std::size_t open = sql_type.find('(');
  const std::string_view name = Trim(sql_type.substr(0, open));
  std::string_view arguments;
  if (open != std::string_view::npos) {
    const std::size_t close = sql_type.find(')', open);
    if (close == std::string_view::npos)
      return Invalid(absl::StrCat("'", std::string(sql_type), "' has no ')'"));
    arguments = sql_type.substr(open + 1, close - open - 1);
  }
  for (const SqlType& type : kTypes) {
    if (type.name != name) continue;
    column->type = type.type;
    column->precision = type.precision;
    if (name == "money") column->scale = 4;
    if (arguments.empty() || type.arguments == Arguments::kNone) return absl::OkStatus();
    if (type.arguments == Arguments::kLength && Trim(arguments) == "max") return absl::OkStatus();
    const std::size_t comma = arguments.find(',');
    const auto first = ReadNumber<std::uint32_t>(Trim(arguments.substr(0, comma)));
    const auto second = comma == std::string_view::npos
                            ? std::optional<std::uint32_t>(0)
                            : ReadNumber<std::uint32_t>(Trim(arguments.substr(comma + 1)));
    if (!first || !second) break;
    (type.arguments == Arguments::kLength ? column->length : column->precision) = *first;
    if (type.arguments == Arguments::kDigits) column->scale = *second;
    return absl::OkStatus();
  }
  return Invalid(absl::StrCat("sql_type '", std::string(sql_type),
                              "' is not known here: expected a type of SQL Server, such as nvarchar(40)"));
}

absl::StatusOr<Literal> ReadSqlDefault(std::string_view sql_default, const Column& column) {
  std::string_view text = Trim(sql_default);
  constexpr std::string_view kWord = "default";
  if (text.substr(0, kWord.size()) == kWord) text = Trim(text.substr(kWord.size()));
  while (text.size() >= 2 && text.front() == '(' && text.back() == ')')
    text = Trim(text.substr(1, text.size() - 2));

  std::optional<Literal> literal;
  if (text == "NULL" || text == "null") literal = Null{};
  if (text.size() >= 2 && text.front() == 'N' && text[1] == '\'') text.remove_prefix(1);
  if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') {
    std::string value;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
      value += text[i];
      if (text[i] == '\'') ++i;  // A doubled quote in a string.
    }
    if (column.type == Type::kText) {
      literal = value;
    } else if (column.type == Type::kTimestamp || column.type == Type::kTimestampTz ||
               column.type == Type::kDate) {
      if (const auto ticks = ReadTicks(value)) literal = *ticks;
    } else {
      literal = NumberAs(value, column.type);
    }
  } else if (!literal) {
    literal = NumberAs(text, column.type);
  }
  if (!literal) {
    return Invalid(absl::StrCat("sql_default '", std::string(sql_default), "' is not a literal for ",
                                std::string(ToString(column.type)),
                                ": expected a number or a string, such as default ((0)) or default (N'')"));
  }
  RETURN_IF_ERROR(CheckLiteral(column, *literal));
  return *std::move(literal);
}

absl::StatusOr<std::vector<TableSchema>> LoadSchemaFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("schema file '", path, "' cannot be read"));
  std::ostringstream text;
  text << file.rdbuf();
  ASSIGN_OR_RETURN(const nlohmann::json list, ParseList(path, text.str()));
  std::vector<TableSchema> tables;
  std::size_t entry = 0;
  try {
    for (const nlohmann::json& item : list) {
      ++entry;
      const bool sample_only = item.value("source", "") == "schema sample only";
      if (!sample_only && !item.value("in_schema_sample", false)) continue;
      absl::StatusOr<TableSchema> table = ReadTable(item, sample_only);
      if (!table.ok()) return Invalid(absl::StrCat(path, ": ", std::string(table.status().message())));
      if (const absl::Status good = CheckTable(*table); !good.ok()) {
        return Invalid(absl::StrCat(path, ": ", std::string(good.message())));
      }
      tables.push_back(*std::move(table));
    }
  } catch (const nlohmann::json::exception&) {
    return Invalid(
        absl::StrCat(path, ": entry ", entry, " of the list does not have the form of a table. ", kExpected));
  }
  if (tables.empty()) return Invalid(absl::StrCat(path, ": no table is marked in_schema_sample"));
  return tables;
}

}  // namespace mirror::harness
