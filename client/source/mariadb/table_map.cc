#include "client/source/mariadb/table_map.h"

namespace mirror::binlog {
namespace {

constexpr std::size_t kMapIdBytes = 6;

/// Fields of a FULL table map after its columns (rpl_constants.h of MariaDB).
enum class MapField : std::uint8_t {
  kSignedness = 1,
  kDefaultCharset,
  kColumnCharset,
  kColumnName,
  kSetLabels,
  kEnumLabels,
  kGeometryType,
  kSimpleKey,
  kKeyWithPrefix,
  kLabelsDefaultCharset,
  kLabelsColumnCharset,
};

bool IsNumber(ColumnType type) {
  switch (type) {
    case ColumnType::kTiny:
    case ColumnType::kShort:
    case ColumnType::kInt24:
    case ColumnType::kLong:
    case ColumnType::kLongLong:
    case ColumnType::kNewDecimal:
    case ColumnType::kFloat:
    case ColumnType::kDouble:
    case ColumnType::kYear:
      return true;
    default:
      return false;
  }
}

bool IsText(ColumnType type) {
  switch (type) {
    case ColumnType::kString:
    case ColumnType::kVarString:
    case ColumnType::kVarchar:
    case ColumnType::kVarcharCompressed:
    case ColumnType::kBlob:
    case ColumnType::kBlobCompressed:
      return true;
    default:
      return false;
  }
}

bool HasLabels(ColumnType type) { return type == ColumnType::kEnum || type == ColumnType::kSet; }

/// CHAR, ENUM, SET share a type; two bits of the length are in the first byte, inverted.
bool ReadStringSize(Bytes* metadata, MappedColumn* column) {
  std::uint32_t kind = metadata->Byte();
  const std::uint32_t low = metadata->Byte();
  column->size = low;
  if ((kind & 0x30U) != 0x30U) {
    column->size = low | ((kind & 0x30U) ^ 0x30U) << 4;
    kind |= 0x30U;
  }
  column->type = static_cast<ColumnType>(kind);
  if (HasLabels(column->type)) return column->size >= 1 && column->size <= 8;
  return column->type == ColumnType::kString;
}

bool ReadSize(Bytes* metadata, MappedColumn* column) {
  switch (column->type) {
    case ColumnType::kTiny:
    case ColumnType::kShort:
    case ColumnType::kInt24:
    case ColumnType::kLong:
    case ColumnType::kLongLong:
    case ColumnType::kYear:
    case ColumnType::kDate:
    case ColumnType::kNewDate:
    case ColumnType::kTime:
    case ColumnType::kDateTime:
    case ColumnType::kTimestamp:
      return true;
    case ColumnType::kFloat:
      return metadata->Byte() == 4;
    case ColumnType::kDouble:
      return metadata->Byte() == 8;
    case ColumnType::kTimestamp2:
    case ColumnType::kDateTime2:
    case ColumnType::kTime2:
      column->size = metadata->Byte();
      return column->size <= 6;
    case ColumnType::kNewDecimal:
      column->size = metadata->Byte();
      column->scale = metadata->Byte();
      return column->size >= 1 && column->size <= 65 && column->scale <= 38 && column->scale <= column->size;
    case ColumnType::kBit: {
      const std::uint32_t bits = metadata->Byte();
      column->size = bits + 8U * metadata->Byte();
      return bits < 8 && column->size >= 1 && column->size <= 64;
    }
    case ColumnType::kVarchar:
    case ColumnType::kVarString:
    case ColumnType::kVarcharCompressed:
      column->size = static_cast<std::uint32_t>(metadata->Number(2));
      return true;
    case ColumnType::kBlob:
    case ColumnType::kBlobCompressed:
    case ColumnType::kGeometry:
      column->size = metadata->Byte();
      return column->size >= 1 && column->size <= 4;
    case ColumnType::kString:
      return ReadStringSize(metadata, column);
    default:
      return false;
  }
}

bool ReadSignedness(std::string_view bits, TableMap* map) {
  std::size_t place = 0;
  for (MappedColumn& column : map->columns) {
    if (!IsNumber(column.type)) continue;
    if (place / 8 >= bits.size()) return false;
    column.is_unsigned = (static_cast<std::uint8_t>(bits[place / 8]) & 0x80U >> place % 8) != 0;
    ++place;
  }
  return true;
}

/// Reads the default character set, and the columns that differ from it.
template <typename Has>
bool ReadDefaultCharset(Bytes bytes, Has has, TableMap* map) {
  std::vector<MappedColumn*> columns;
  for (MappedColumn& column : map->columns) {
    if (has(column.type)) columns.push_back(&column);
  }
  const auto collation = static_cast<std::uint32_t>(bytes.Coded());
  for (MappedColumn* const column : columns) column->collation = collation;
  while (!bytes.empty()) {
    const std::uint64_t place = bytes.Coded();
    const auto other = static_cast<std::uint32_t>(bytes.Coded());
    if (!bytes.ok() || place >= columns.size()) return false;
    columns[static_cast<std::size_t>(place)]->collation = other;
  }
  return bytes.ok();
}

template <typename Has>
bool ReadEachCharset(Bytes bytes, Has has, TableMap* map) {
  for (MappedColumn& column : map->columns) {
    if (has(column.type)) column.collation = static_cast<std::uint32_t>(bytes.Coded());
  }
  return bytes.ok();
}

bool ReadNames(Bytes bytes, TableMap* map) {
  for (MappedColumn& column : map->columns) column.name = std::string(bytes.CodedText());
  map->has_names = bytes.ok();
  return bytes.ok();
}

bool ReadLabels(Bytes bytes, ColumnType type, TableMap* map) {
  for (MappedColumn& column : map->columns) {
    if (column.type != type) continue;
    const std::uint64_t count = bytes.Coded();
    if (!bytes.ok() || count > bytes.rest().size()) return false;
    column.labels.clear();
    for (std::uint64_t i = 0; i < count; ++i) column.labels.emplace_back(bytes.CodedText());
  }
  return bytes.ok();
}

bool ReadKey(Bytes bytes, bool has_prefix, TableMap* map) {
  map->key.clear();
  while (!bytes.empty()) {
    const std::uint64_t place = bytes.Coded();
    if (has_prefix) bytes.Coded();
    if (!bytes.ok() || place >= map->columns.size() || map->key.size() == map->columns.size()) return false;
    map->key.push_back(static_cast<std::size_t>(place));
  }
  return bytes.ok();
}

bool ReadField(MapField field, std::string_view value, TableMap* map) {
  switch (field) {
    case MapField::kSignedness:
      return ReadSignedness(value, map);
    case MapField::kDefaultCharset:
      return ReadDefaultCharset(Bytes(value), IsText, map);
    case MapField::kColumnCharset:
      return ReadEachCharset(Bytes(value), IsText, map);
    case MapField::kColumnName:
      return ReadNames(Bytes(value), map);
    case MapField::kSetLabels:
      return ReadLabels(Bytes(value), ColumnType::kSet, map);
    case MapField::kEnumLabels:
      return ReadLabels(Bytes(value), ColumnType::kEnum, map);
    case MapField::kSimpleKey:
      return ReadKey(Bytes(value), /*has_prefix=*/false, map);
    case MapField::kKeyWithPrefix:
      return ReadKey(Bytes(value), /*has_prefix=*/true, map);
    case MapField::kLabelsDefaultCharset:
      return ReadDefaultCharset(Bytes(value), HasLabels, map);
    case MapField::kLabelsColumnCharset:
      return ReadEachCharset(Bytes(value), HasLabels, map);
    case MapField::kGeometryType:
      break;
  }
  // From later servers: its content is not needed for the rows.
  return true;
}

bool ReadColumns(Bytes* bytes, TableMap* map) {
  const std::uint64_t count = bytes->Coded();
  if (!bytes->ok() || count == 0 || count > kColumnsMax) return false;
  const std::string_view types = bytes->Take(static_cast<std::size_t>(count));
  Bytes metadata(bytes->CodedText());
  const std::string_view nullable = bytes->Take((static_cast<std::size_t>(count) + 7) / 8);
  if (!bytes->ok()) return false;
  map->columns.resize(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < map->columns.size(); ++i) {
    MappedColumn& column = map->columns[i];
    column.type = static_cast<ColumnType>(types[i]);
    column.nullable = (static_cast<std::uint8_t>(nullable[i / 8]) >> i % 8 & 1U) != 0;
    if (!ReadSize(&metadata, &column) || !metadata.ok()) return false;
  }
  return metadata.empty();
}

}  // namespace

std::uint64_t TableMapId(const Event& event) { return Bytes(event.body).Number(kMapIdBytes); }

absl::StatusOr<TableMap> ReadTableMap(const Event& event) {
  const absl::Status unknown =
      absl::DataLossError("the binlog's description of a table cannot be understood");
  Bytes bytes(event.body);
  TableMap map;
  map.id = bytes.Number(kMapIdBytes);
  bytes.Take(2);
  map.database = std::string(bytes.Take(bytes.Byte()));
  bytes.Take(1);
  map.table = std::string(bytes.Take(bytes.Byte()));
  bytes.Take(1);
  if (!bytes.ok() || !ReadColumns(&bytes, &map)) return unknown;
  while (!bytes.empty()) {
    const auto field = static_cast<MapField>(bytes.Byte());
    const std::string_view value = bytes.CodedText();
    if (!bytes.ok() || !ReadField(field, value, &map)) return unknown;
  }
  return map;
}

}  // namespace mirror::binlog
