#include "client/source/mariadb/binlog_tables.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

using binlog::ColumnType;
using binlog::MappedColumn;
using binlog::RowField;

struct TypeInBinlog {
  const char* name;
  std::vector<ColumnType> types;
};

const std::vector<TypeInBinlog>& TypesInBinlog() {
  static const auto* const kTypes = new std::vector<TypeInBinlog>{
      {"tinyint", {ColumnType::kTiny}},
      {"smallint", {ColumnType::kShort}},
      {"mediumint", {ColumnType::kInt24}},
      {"int", {ColumnType::kLong}},
      {"bigint", {ColumnType::kLongLong}},
      {"decimal", {ColumnType::kNewDecimal}},
      {"float", {ColumnType::kFloat}},
      {"double", {ColumnType::kDouble}},
      {"bit", {ColumnType::kBit}},
      {"year", {ColumnType::kYear}},
      {"date", {ColumnType::kDate, ColumnType::kNewDate}},
      {"time", {ColumnType::kTime2, ColumnType::kTime}},
      {"datetime", {ColumnType::kDateTime2, ColumnType::kDateTime}},
      {"timestamp", {ColumnType::kTimestamp2, ColumnType::kTimestamp}},
      {"char", {ColumnType::kString}},
      {"binary", {ColumnType::kString}},
      {"varchar", {ColumnType::kVarchar, ColumnType::kVarString}},
      {"varbinary", {ColumnType::kVarchar, ColumnType::kVarString}},
      {"tinytext", {ColumnType::kBlob}},
      {"text", {ColumnType::kBlob}},
      {"mediumtext", {ColumnType::kBlob}},
      {"longtext", {ColumnType::kBlob}},
      {"tinyblob", {ColumnType::kBlob}},
      {"blob", {ColumnType::kBlob}},
      {"mediumblob", {ColumnType::kBlob}},
      {"longblob", {ColumnType::kBlob}},
      {"enum", {ColumnType::kEnum}},
      {"set", {ColumnType::kSet}},
      {"uuid", {ColumnType::kString}},
      {"inet4", {ColumnType::kString}},
      {"inet6", {ColumnType::kString}},
      {"geometry", {ColumnType::kGeometry}},
      {"point", {ColumnType::kGeometry}},
      {"linestring", {ColumnType::kGeometry}},
      {"polygon", {ColumnType::kGeometry}},
      {"multipoint", {ColumnType::kGeometry}},
      {"multilinestring", {ColumnType::kGeometry}},
      {"multipolygon", {ColumnType::kGeometry}},
      {"geometrycollection", {ColumnType::kGeometry}},
  };
  return *kTypes;
}

const std::vector<ColumnType>* BinlogTypesOf(const std::string& type) {
  for (const TypeInBinlog& one : TypesInBinlog()) {
    if (type == one.name) return &one.types;
  }
  return nullptr;
}

binlog::StringUse UseOf(const MariadbColumn& column) {
  // The form of servers before 10.11.5, 10.6.15 and so on, as later servers show it.
  if (column.type == "uuid")
    return absl::StrContains(column.whole_type, "old") ? binlog::StringUse::kOldUuid
                                                       : binlog::StringUse::kUuid;
  if (column.type == "inet4") return binlog::StringUse::kInet4;
  if (column.type == "inet6") return binlog::StringUse::kInet6;
  return binlog::StringUse::kPlain;
}

bool IsOldMoment(ColumnType type) {
  return type == ColumnType::kTime || type == ColumnType::kDateTime || type == ColumnType::kTimestamp;
}

std::optional<binlog::RowText> TextOf(const MariadbColumn& column, const MappedColumn& mapped,
                                      const BinlogCharsets& charsets) {
  const std::vector<ColumnType>* const types = BinlogTypesOf(column.type);
  if (types == nullptr || std::find(types->begin(), types->end(), mapped.type) == types->end())
    return std::nullopt;
  const bool is_number = mapped.type == ColumnType::kNewDecimal || mapped.type <= ColumnType::kDouble ||
                         mapped.type == ColumnType::kLongLong || mapped.type == ColumnType::kInt24;
  if (is_number && mapped.is_unsigned != column.is_unsigned()) return std::nullopt;
  // Its fractional digits are not included there.
  if (IsOldMoment(mapped.type) && column.seconds > 0) return std::nullopt;
  binlog::Charset charset = binlog::Charset::kBytes;
  if (!column.charset.empty()) {
    const auto name = charsets.find(mapped.collation);
    const auto known = name == charsets.end() ? std::nullopt : binlog::CharsetOf(name->second);
    if (!known || binlog::CharsetOf(column.charset) != known) return std::nullopt;
    charset = *known;
  }
  return binlog::RowText(mapped, charset, UseOf(column));
}

bool IsGenerated(const MariadbTable& table, const std::string& column) {
  return std::find(table.generated.begin(), table.generated.end(), column) != table.generated.end();
}

/// MariaDB's internal column, which its catalogs hide: the hash of a UNIQUE index that is too long for
/// InnoDB.
bool IsHidden(const MappedColumn& column) {
  return column.name.starts_with("DB_ROW_HASH_") && column.type == ColumnType::kLongLong;
}

bool IsSame(const RowField& one, const RowField& other) { return one == other; }

}  // namespace

absl::StatusOr<BinlogCharsets> ReadBinlogCharsets(mariadb::Connection& connection) {
  // Since 10.10 a collation has one number per character set.
  const char* const table =
      connection.server_version() >= 101000 ? "COLLATION_CHARACTER_SET_APPLICABILITY" : "COLLATIONS";
  ASSIGN_OR_RETURN(const mariadb::Rows rows,
                   connection.Query(absl::StrCat("SELECT ID, CHARACTER_SET_NAME FROM information_schema.",
                                                 table, " WHERE ID IS NOT NULL"),
                                    "reading its character sets"));
  BinlogCharsets charsets;
  for (std::size_t i = 0; i < rows.rows(); ++i)
    charsets[static_cast<std::uint32_t>(rows.Int(i, 0))] = rows.Text(i, 1);
  return charsets;
}

std::string WhyNotInBinlog(const MariadbTable& table) {
  if (table.versioned)
    return "it keeps former versions of its rows (SYSTEM VERSIONING), and the binlog contains those too";
  if (table.engine != "InnoDB")
    return absl::StrCat("its engine is ", table.engine.empty() ? "not known" : table.engine,
                        ", so its rows are not part of the transactions in the binlog");
  if (table.key.empty()) return "it has no primary key";
  for (const std::string& column : table.key) {
    if (!table.PlaceOf(column)) return absl::StrCat("column '", column, "' of its primary key is computed");
  }
  for (const MariadbColumn& column : table.columns) {
    if (absl::StrContains(column.whole_type, "COMPRESSED"))
      return absl::StrCat("column '", column.name, "' is compressed");
    if (!column.charset.empty() && !binlog::CharsetOf(column.charset))
      return absl::StrCat("column '", column.name, "' has the character set ", column.charset,
                          ", which cannot be read in the binlog");
    if (BinlogTypesOf(column.type) == nullptr)
      return absl::StrCat("column '", column.name, "' has the type ", column.type,
                          ", which cannot be read in the binlog");
  }
  return "";
}

std::vector<std::int64_t> KeyNumbers(const MariadbTable& table) {
  std::vector<std::int64_t> numbers;
  for (const std::string& name : table.key) {
    if (const std::optional<std::size_t> place = table.PlaceOf(name))
      numbers.push_back(table.columns[*place].place);
  }
  return numbers;
}

std::optional<BinlogRows> BinlogRows::Make(const BinlogTable& table, const binlog::TableMap& map,
                                           const BinlogCharsets& charsets) {
  if (!map.has_names) return std::nullopt;
  BinlogRows rows(map);
  rows.table_ = table.id;
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < map.columns.size(); ++i) places[map.columns[i].name] = i;
  for (const MariadbColumn& column : table.table.columns) {
    const auto place = places.find(column.name);
    if (place == places.end()) return std::nullopt;
    std::optional<binlog::RowText> text = TextOf(column, map.columns[place->second], charsets);
    if (!text) return std::nullopt;
    rows.columns_.push_back({place->second, column.place, *std::move(text)});
  }
  // An extra column is missing in the catalogs.
  for (const MappedColumn& mapped : map.columns) {
    if (!table.table.PlaceOf(mapped.name) && !IsGenerated(table.table, mapped.name) && !IsHidden(mapped))
      return std::nullopt;
  }
  std::vector<std::string> key;
  for (const std::size_t place : map.key) key.push_back(map.columns[place].name);
  if (key != table.table.key) return std::nullopt;
  for (const std::string& name : key) rows.key_.push_back(*table.table.PlaceOf(name));
  return rows;
}

bool BinlogRows::KeyOf(const std::vector<RowField>& row, StagedKey* key) const {
  std::vector<std::string> texts(key_.size());
  for (std::size_t i = 0; i < key_.size(); ++i) {
    const Column& column = columns_[key_[i]];
    const RowField& field = row[column.place];
    if (field.state != RowField::State::kThere || !column.text.Write(field.bytes, &texts[i])) return false;
  }
  *key = PackStagedKey(texts);
  return true;
}

bool BinlogRows::Add(const Column& column, const RowField& field, std::vector<StagedValue>* values) const {
  if (field.state == RowField::State::kAbsent) return false;
  StagedValue& value = values->emplace_back();
  value.column = column.number;
  if (field.state == RowField::State::kNull) return true;
  return column.text.Write(field.bytes, &value.text.emplace());
}

BinlogRows::Told BinlogRows::Insert(const std::vector<RowField>& row, LoggedChange* change) const {
  change->kind = LoggedChange::Kind::kInsert;
  if (!KeyOf(row, &change->key)) return Told::kUnknown;
  change->values.reserve(columns_.size());
  for (const Column& column : columns_) {
    if (!Add(column, row[column.place], &change->values)) return Told::kUnknown;
  }
  return Told::kChange;
}

BinlogRows::Told BinlogRows::Update(const std::vector<RowField>& before, const std::vector<RowField>& after,
                                    LoggedChange* change) const {
  change->kind = LoggedChange::Kind::kUpdate;
  const bool is_moved = std::any_of(key_.begin(), key_.end(), [&](std::size_t place) {
    return !IsSame(before[columns_[place].place], after[columns_[place].place]);
  });
  if (!KeyOf(before, &change->old_key)) return Told::kUnknown;
  if (!is_moved) {
    change->key = change->old_key;
  } else if (!KeyOf(after, &change->key)) {
    return Told::kUnknown;
  }
  change->whole = true;
  for (const Column& column : columns_) {
    if (!is_moved && IsSame(before[column.place], after[column.place])) {
      change->whole = false;
      continue;
    }
    if (!Add(column, after[column.place], &change->values)) return Told::kUnknown;
  }
  return change->values.empty() ? Told::kNothing : Told::kChange;
}

BinlogRows::Told BinlogRows::Delete(const std::vector<RowField>& row, LoggedChange* change) const {
  change->kind = LoggedChange::Kind::kDelete;
  return KeyOf(row, &change->old_key) ? Told::kChange : Told::kUnknown;
}

}  // namespace mirror
