#include "client/source/mariadb/rows_event.h"

#include <array>
#include <bit>

#include "base/status_macros.h"
#include "client/source/mariadb/value_text.h"

namespace mirror::binlog {
namespace {

constexpr std::array<std::uint32_t, 10> kBytesOfDigits = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

std::int64_t SignedLittle(std::string_view bytes) {
  if (bytes.empty()) return 0;
  const unsigned shift = 64 - 8 * static_cast<unsigned>(bytes.size());
  return static_cast<std::int64_t>(LittleEndian(bytes) << shift) >> shift;
}

std::string Converted(std::string_view label, Charset charset) {
  std::string text;
  if (charset == Charset::kLatin1) {
    AppendLatin1(label, &text);
  } else {
    text = label;
  }
  return text;
}

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

/// The second version has extra data after its flags.
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

std::uint32_t DecimalBytes(std::uint32_t precision, std::uint32_t scale) {
  const std::uint32_t whole = precision - scale;
  return whole / 9 * 4 + kBytesOfDigits[whole % 9] + scale / 9 * 4 + kBytesOfDigits[scale % 9];
}

std::optional<Charset> CharsetOf(std::string_view name) {
  if (name == "utf8mb4" || name == "utf8mb3" || name == "utf8" || name == "ascii") return Charset::kUtf8;
  if (name == "latin1") return Charset::kLatin1;
  if (name == "binary") return Charset::kBytes;
  return std::nullopt;
}

RowText::RowText(const MappedColumn& column, Charset charset, StringUse use)
    : form_(FormOf(column, charset, use)), size_(column.size), scale_(column.scale) {
  labels_.reserve(column.labels.size());
  for (const std::string& label : column.labels) labels_.push_back(Converted(label, charset));
}

RowText::Form RowText::FormOf(const MappedColumn& column, Charset charset, StringUse use) {
  switch (column.type) {
    case ColumnType::kTiny:
    case ColumnType::kShort:
    case ColumnType::kInt24:
    case ColumnType::kLong:
    case ColumnType::kLongLong:
      return column.is_unsigned ? Form::kUnsigned : Form::kSigned;
    case ColumnType::kFloat:
      return Form::kFloat;
    case ColumnType::kDouble:
      return Form::kDouble;
    case ColumnType::kNewDecimal:
      return Form::kDecimal;
    case ColumnType::kBit:
      return Form::kBit;
    case ColumnType::kYear:
      return Form::kYear;
    case ColumnType::kDate:
    case ColumnType::kNewDate:
      return Form::kDate;
    case ColumnType::kTime2:
      return Form::kTime;
    case ColumnType::kDateTime2:
      return Form::kDateTime;
    case ColumnType::kTimestamp2:
      return Form::kTimestamp;
    case ColumnType::kTime:
      return Form::kOldTime;
    case ColumnType::kDateTime:
      return Form::kOldDateTime;
    case ColumnType::kTimestamp:
      return Form::kOldTimestamp;
    case ColumnType::kEnum:
      return Form::kEnum;
    case ColumnType::kSet:
      return Form::kSet;
    case ColumnType::kGeometry:
      return Form::kBytes;
    case ColumnType::kString:
      if (use == StringUse::kUuid) return Form::kUuid;
      if (use == StringUse::kOldUuid) return Form::kOldUuid;
      if (use == StringUse::kInet4) return Form::kInet4;
      if (use == StringUse::kInet6) return Form::kInet6;
      if (charset == Charset::kBytes) return Form::kPaddedBytes;
      [[fallthrough]];
    case ColumnType::kVarchar:
    case ColumnType::kVarString:
    case ColumnType::kBlob:
      if (charset == Charset::kBytes) return Form::kBytes;
      return charset == Charset::kLatin1 ? Form::kLatin1 : Form::kUtf8;
    case ColumnType::kVarcharCompressed:
    case ColumnType::kBlobCompressed:
      break;
  }
  return Form::kNone;
}

/// 0 means a value that was no label when it was written.
bool RowText::WriteEnum(std::uint64_t place, std::string* text) const {
  if (place > labels_.size()) return false;
  if (place != 0) text->assign(labels_[static_cast<std::size_t>(place) - 1]);
  return true;
}

bool RowText::WriteSet(std::uint64_t bits, std::string* text) const {
  if (labels_.size() < 64 && bits >> labels_.size() != 0) return false;
  for (; bits != 0; bits &= bits - 1) {
    if (!text->empty()) text->push_back(',');
    text->append(labels_[static_cast<std::size_t>(std::countr_zero(bits))]);
  }
  return true;
}

bool RowText::WriteString(std::string_view bytes, std::string* text) const {
  std::string padded;
  const std::size_t size = form_ == Form::kInet4 ? 4 : form_ == Form::kPaddedBytes ? size_ : 16;
  if (bytes.size() > size) return false;
  if (form_ == Form::kPaddedBytes) {
    text->assign(bytes);
    text->resize(size, '\0');
    return true;
  }
  // The binlog omits zeros at the end.
  padded.assign(bytes);
  padded.resize(size, '\0');
  if (form_ == Form::kInet4) {
    AppendInet4(padded, text);
  } else if (form_ == Form::kInet6) {
    AppendInet6(padded, text);
  } else {
    AppendUuid(padded, form_ == Form::kOldUuid, text);
  }
  return true;
}

bool RowText::WriteMoment(std::string_view bytes, std::string* text) const {
  switch (form_) {
    case Form::kTime:
      return AppendTime(bytes, size_, text);
    case Form::kDateTime:
      return AppendDateTime(bytes, size_, text);
    case Form::kTimestamp:
      return AppendTimestamp(bytes, size_, text);
    case Form::kOldTime:
      return AppendOldTime(bytes, text);
    case Form::kOldDateTime:
      return AppendOldDateTime(bytes, text);
    default:
      return AppendOldTimestamp(bytes, text);
  }
}

bool RowText::Write(std::string_view bytes, std::string* text) const {
  text->clear();
  switch (form_) {
    case Form::kSigned:
      AppendInteger(SignedLittle(bytes), text);
      return true;
    case Form::kUnsigned:
      AppendUnsigned(LittleEndian(bytes), text);
      return true;
    case Form::kFloat:
      AppendReal(std::bit_cast<float>(static_cast<std::uint32_t>(LittleEndian(bytes))), text);
      return true;
    case Form::kDouble:
      AppendReal(std::bit_cast<double>(LittleEndian(bytes)), text);
      return true;
    case Form::kDecimal:
      return AppendDecimal(bytes, size_, scale_, text);
    case Form::kBit:
      AppendUnsigned(BigEndian(bytes), text);
      return true;
    case Form::kYear: {
      const std::uint64_t year = LittleEndian(bytes);
      if (year == 0) text->assign("0000");
      if (year != 0) AppendUnsigned(1'900 + year, text);
      return true;
    }
    case Form::kDate:
      return AppendDate(static_cast<std::uint32_t>(LittleEndian(bytes)), text);
    case Form::kTime:
    case Form::kDateTime:
    case Form::kTimestamp:
    case Form::kOldTime:
    case Form::kOldDateTime:
    case Form::kOldTimestamp:
      return WriteMoment(bytes, text);
    case Form::kEnum:
      return WriteEnum(LittleEndian(bytes), text);
    case Form::kSet:
      return WriteSet(LittleEndian(bytes), text);
    case Form::kUtf8:
    case Form::kBytes:
      text->assign(bytes);
      return true;
    case Form::kLatin1:
      AppendLatin1(bytes, text);
      return true;
    case Form::kPaddedBytes:
    case Form::kUuid:
    case Form::kOldUuid:
    case Form::kInet4:
    case Form::kInet6:
      return WriteString(bytes, text);
    case Form::kNone:
      break;
  }
  return false;
}

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
  // A row without columns takes no bytes: reading would never end.
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
