#include "client/source/mariadb/log/rows_event.h"

#include <optional>

#include "base/status_macros.h"
#include "client/source/mariadb/log/row_text.h"

namespace mirror::binlog {
namespace {

constexpr std::size_t kRowsIdBytes = 6;

std::optional<RowsKind> KindOf(EventType type) {
  switch (type) {
    case EventType::kWriteRowsV1:
    case EventType::kWriteRows:
    case EventType::kWriteRowsCompressedV1:
    case EventType::kWriteRowsCompressed:
      return RowsKind::kWrite;
    case EventType::kUpdateRowsV1:
    case EventType::kUpdateRows:
    case EventType::kUpdateRowsCompressedV1:
    case EventType::kUpdateRowsCompressed:
      return RowsKind::kUpdate;
    case EventType::kDeleteRowsV1:
    case EventType::kDeleteRows:
    case EventType::kDeleteRowsCompressedV1:
    case EventType::kDeleteRowsCompressed:
      return RowsKind::kDelete;
    default:
      return std::nullopt;
  }
}

bool IsCompressed(EventType type) {
  return type >= EventType::kWriteRowsCompressedV1 && type <= EventType::kDeleteRowsCompressed;
}

/// It has room for more behind its flags.
bool IsSecondVersion(EventType type) {
  return (type >= EventType::kWriteRows && type <= EventType::kDeleteRows) ||
         (type >= EventType::kWriteRowsCompressed && type <= EventType::kDeleteRowsCompressed);
}

bool HasBit(std::string_view bits, std::size_t place) {
  return (static_cast<std::uint8_t>(bits[place / 8]) >> place % 8 & 1U) != 0;
}

bool AllBits(std::string_view bits, std::size_t count) {
  for (std::size_t i = 0; i < count / 8; ++i) {
    if (static_cast<std::uint8_t>(bits[i]) != 0xff) return false;
  }
  for (std::size_t i = count / 8 * 8; i < count; ++i) {
    if (!HasBit(bits, i)) return false;
  }
  return true;
}

}  // namespace

bool IsRows(EventType type) { return KindOf(type).has_value(); }

std::uint64_t RowsMapId(const Event& event) { return Bytes(event.body).Number(kRowsIdBytes); }

bool RowsEvent::IsWhole() const {
  return AllBits(image, columns) && (kind != RowsKind::kUpdate || AllBits(after, columns));
}

absl::Status ReadRows(const Event& event, RowsEvent* rows) {
  const absl::Status unknown = absl::DataLossError("the binlog's rows cannot be understood");
  const std::optional<RowsKind> kind = KindOf(event.type);
  if (!kind) return unknown;
  Bytes bytes(event.body);
  rows->kind = *kind;
  rows->map = bytes.Number(kRowsIdBytes);
  bytes.Take(2);
  if (IsSecondVersion(event.type)) {
    const std::uint64_t extra = bytes.Number(2);
    if (extra < 2) return unknown;
    bytes.Take(static_cast<std::size_t>(extra) - 2);
  }
  const std::uint64_t columns = bytes.Coded();
  if (!bytes.ok() || columns == 0 || columns > kColumnsMax) return unknown;
  rows->columns = static_cast<std::size_t>(columns);
  rows->image = bytes.Take((rows->columns + 7) / 8);
  rows->after = rows->kind == RowsKind::kUpdate ? bytes.Take((rows->columns + 7) / 8) : std::string_view();
  if (!bytes.ok()) return unknown;
  rows->rows = bytes.rest();
  if (!IsCompressed(event.type)) return absl::OkStatus();
  RETURN_IF_ERROR(Inflate(bytes.rest(), &rows->inflated));
  rows->rows = rows->inflated;
  return absl::OkStatus();
}

RowSlicer::Size RowSlicer::SizeOf(const MappedColumn& column) {
  const auto fixed = [](std::uint32_t bytes) { return Size{.fixed = bytes}; };
  const std::uint32_t fraction = (column.size + 1) / 2;
  switch (column.type) {
    case ColumnType::kTiny:
    case ColumnType::kYear:
      return fixed(1);
    case ColumnType::kShort:
      return fixed(2);
    case ColumnType::kInt24:
    case ColumnType::kDate:
    case ColumnType::kNewDate:
    case ColumnType::kTime:
      return fixed(3);
    case ColumnType::kLong:
    case ColumnType::kFloat:
    case ColumnType::kTimestamp:
      return fixed(4);
    case ColumnType::kLongLong:
    case ColumnType::kDouble:
    case ColumnType::kDateTime:
      return fixed(8);
    case ColumnType::kTime2:
      return fixed(3 + fraction);
    case ColumnType::kTimestamp2:
      return fixed(4 + fraction);
    case ColumnType::kDateTime2:
      return fixed(5 + fraction);
    case ColumnType::kNewDecimal:
      return fixed(DecimalBytes(column.size, column.scale));
    case ColumnType::kBit:
      return fixed((column.size + 7) / 8);
    case ColumnType::kEnum:
    case ColumnType::kSet:
      return fixed(column.size);
    case ColumnType::kVarchar:
    case ColumnType::kVarString:
    case ColumnType::kVarcharCompressed:
    case ColumnType::kString:
      return {.length_bytes = static_cast<std::uint8_t>(column.size < 256 ? 1 : 2), .most = column.size};
    case ColumnType::kBlob:
    case ColumnType::kBlobCompressed:
    case ColumnType::kGeometry:
      return {.length_bytes = static_cast<std::uint8_t>(column.size), .most = kEventBytesMax};
  }
  return fixed(0);
}

RowSlicer::RowSlicer(const TableMap& map) {
  sizes_.reserve(map.columns.size());
  for (const MappedColumn& column : map.columns) sizes_.push_back(SizeOf(column));
}

bool RowSlicer::Next(Bytes* rows, std::string_view image, std::vector<RowField>* fields) const {
  if (image.size() < (sizes_.size() + 7) / 8) return false;
  std::size_t present = 0;
  for (std::size_t i = 0; i < sizes_.size(); ++i) present += HasBit(image, i) ? 1 : 0;
  // One of nothing takes no bytes: a reader of one after the other would never come to the end.
  if (present == 0) return false;
  const std::string_view nulls = rows->Take((present + 7) / 8);
  if (!rows->ok()) return false;
  fields->resize(sizes_.size());
  std::size_t place = 0;
  for (std::size_t i = 0; i < sizes_.size(); ++i) {
    RowField& field = (*fields)[i];
    field.bytes = {};
    if (!HasBit(image, i)) {
      field.state = RowField::State::kAbsent;
      continue;
    }
    if (HasBit(nulls, place++)) {
      field.state = RowField::State::kNull;
      continue;
    }
    field.state = RowField::State::kThere;
    const Size& size = sizes_[i];
    const std::uint64_t bytes = size.length_bytes == 0 ? size.fixed : rows->Number(size.length_bytes);
    if (size.length_bytes != 0 && bytes > size.most) return false;
    field.bytes = rows->Take(static_cast<std::size_t>(bytes));
    if (!rows->ok()) return false;
  }
  return true;
}

}  // namespace mirror::binlog
