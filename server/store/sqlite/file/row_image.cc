#include "server/store/sqlite/file/row_image.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "proto/wire/text_form.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_batch_table.h"

namespace mirror {
namespace {

/// The largest page size of the format, so that there are as few pages as possible.
constexpr std::size_t kImagePageBytes = 65'536;
/// A longer row would need overflow pages, which this code does not write.
constexpr std::size_t kPayloadMax = kImagePageBytes - 35;
/// Maximum bytes of a serial type in a record's header, for values that fit into a page, and of the header's
/// length.
constexpr std::size_t kTypeBytesMax = 3, kHeaderBytesMax = 2;
constexpr std::size_t kNumberBytes = 8;
/// The first page has the schema. If there are several pages of rows, the root page of the table follows
/// them.
constexpr std::uint32_t kFirstLeaf = 2;
constexpr std::size_t kPagesMax = RowImage::kBytesMax / kImagePageBytes;

constexpr std::size_t kFileHeaderBytes = 100, kLeafHeaderBytes = 8, kInnerHeaderBytes = 12;
constexpr unsigned char kLeafPage = 13, kInnerPage = 5;
/// Serial types of the file format.
constexpr std::uint64_t kReal = 7, kZero = 8, kOne = 9, kBlob = 12, kText = 13;

void PutBig(std::uint64_t value, std::size_t bytes, unsigned char* to) {
  for (std::size_t i = bytes; i > 0; --i, value >>= 8) to[i - 1] = static_cast<unsigned char>(value);
}

std::size_t VarintSize(std::uint64_t value) {
  if (value < 0x80) return 1;
  return std::min<std::size_t>(9, (static_cast<std::size_t>(std::bit_width(value)) + 6) / 7);
}

unsigned char* PutLongVarint(std::uint64_t value, unsigned char* to) {
  const std::size_t size = VarintSize(value);
  // The ninth byte has eight bits, the other bytes have seven.
  const int last_bits = size == 9 ? 8 : 7;
  std::size_t at = size - 1;
  to[at] = static_cast<unsigned char>(value & ((1U << last_bits) - 1));
  for (value >>= last_bits; at > 0; value >>= 7) to[--at] = static_cast<unsigned char>(value | 0x80);
  return to + size;
}

inline unsigned char* PutVarint(std::uint64_t value, unsigned char* to) {
  if (value >= 0x80) return PutLongVarint(value, to);
  *to = static_cast<unsigned char>(value);
  return to + 1;
}

struct IntegerType {
  std::uint64_t type;
  std::uint32_t size;
};

IntegerType TypeOf(std::int64_t value) {
  if (value == 0) return {kZero, 0};
  if (value == 1) return {kOne, 0};
  const auto magnitude = static_cast<std::uint64_t>(value < 0 ? ~value : value);
  const auto bits = static_cast<std::size_t>(std::bit_width(magnitude)) + 1;
  if (bits <= 8) return {1, 1};
  if (bits <= 16) return {2, 2};
  if (bits <= 24) return {3, 3};
  if (bits <= 32) return {4, 4};
  if (bits <= 48) return {5, 6};
  return {6, 8};
}

std::string CreateTableOf(const TableSchema& schema, const std::vector<std::uint32_t>& order) {
  std::string sql = absl::StrCat("CREATE TABLE ", RowImage::kTable, "(");
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Column& column = schema.columns[order[i]];
    absl::StrAppend(&sql, i == 0 ? "c" : ",c", i, " ", std::string(SqliteDeclaration(column)),
                    column.key_position != 0 ? " PRIMARY KEY" : "");
  }
  return sql + ")";
}

void PutFileHeader(std::uint32_t pages, unsigned char* to) {
  std::memcpy(to, "SQLite format 3", 16);
  PutBig(1, 2, to + 16);  // Stands for pages of 65,536 bytes, a number that does not fit.
  to[18] = to[19] = 1;    // Not in WAL mode.
  to[21] = 64;
  to[22] = to[23] = 32;
  PutBig(1, 4, to + 24);
  PutBig(pages, 4, to + 28);
  PutBig(1, 4, to + 40);
  PutBig(4, 4, to + 44);
  PutBig(1, 4, to + 56);  // UTF-8.
  PutBig(1, 4, to + 92);
}

/// Cells are added from the end of the page downwards, and the list of their offsets from the beginning
/// upwards.
void PutPageHeader(unsigned char kind, std::uint32_t cells, std::size_t begin, unsigned char* to) {
  to[0] = kind;
  PutBig(cells, 2, to + 3);
  PutBig(begin, 2, to + 5);
}

/// The last rowid of each page.
using LastRowids = std::array<std::int64_t, kPagesMax + 1>;

/// Writes the root: the highest rowid of each page of rows except the last, and the number of the last page.
void WriteRoot(const LastRowids& last_rowids, std::uint32_t last_leaf, unsigned char* root) {
  std::memset(root, 0, kInnerHeaderBytes);
  std::size_t begin = kImagePageBytes;
  for (std::uint32_t child = kFirstLeaf; child < last_leaf; ++child) {
    const auto rowid = static_cast<std::uint64_t>(last_rowids[child]);
    begin -= 4 + VarintSize(rowid);
    PutBig(child, 4, root + begin);
    PutVarint(rowid, root + begin + 4);
    PutBig(begin, 2, root + kInnerHeaderBytes + 2 * std::size_t{child - kFirstLeaf});
  }
  PutPageHeader(kInnerPage, last_leaf - kFirstLeaf, begin, root);
  PutBig(last_leaf, 4, root + 8);
}

std::size_t LongestValue(const Column& column, const ColumnView& view, std::uint32_t rows) {
  if (HasTextForm(column.type)) return kTextFormBytesMax;
  std::size_t longest = kNumberBytes;
  if (view.storage == Storage::kBytes) {
    for (std::uint32_t row = 0; row < rows; ++row) {
      longest = std::max<std::size_t>(longest, view.starts[row + 1] - view.starts[row]);
    }
  } else if (view.storage == Storage::kAny) {
    for (std::uint32_t row = 0; row < rows; ++row) longest = std::max(longest, view.At(row).bytes.size());
  }
  return longest;
}

}  // namespace

/// A page of rows that is being filled.
class RowImage::Leaf {
 public:
  explicit Leaf(unsigned char* page) : page_(page) {}

  bool HasRoomFor(std::size_t bytes) const {
    return begin_ >= kLeafHeaderBytes + 2 * (std::size_t{cells_} + 1) + bytes;
  }
  unsigned char* Add(std::size_t bytes) {
    begin_ -= bytes;
    PutBig(begin_, 2, page_ + kLeafHeaderBytes + 2 * std::size_t{cells_++});
    return page_ + begin_;
  }
  void End() {
    std::memset(page_, 0, kLeafHeaderBytes);
    PutPageHeader(kLeafPage, cells_, begin_, page_);
  }

 private:
  unsigned char* page_;
  std::size_t begin_ = kImagePageBytes;
  std::uint32_t cells_ = 0;
};

bool RowImage::CanHold(const TableSchema& schema, const ChangeBatch& batch) {
  if (!HasIntegerKey(schema) || batch.columns.size() != schema.columns.size()) return false;
  if (!BatchTable::CanShow(batch)) return false;
  std::size_t row_bytes = kHeaderBytesMax;
  for (const ColumnView& view : batch.columns) {
    const Column& column = schema.columns[view.column];
    if (view.storage == Storage::kAny && !SqliteDeclaration(column).empty()) return false;
    row_bytes += kTypeBytesMax + LongestValue(column, view, batch.row_count);
  }
  return row_bytes <= kPayloadMax;
}

RowImage::RowImage(const TableSchema& schema, const ChangeBatch& batch,
                   const std::vector<std::uint32_t>& order)
    : batch_(batch), fields_(order.size()), texts_(order.size()), first_page_(kImagePageBytes) {
  static_assert(kTextFormBytesMax <= std::tuple_size_v<decltype(texts_)::value_type>);
  for (const std::uint32_t column : order) {
    const Column& of = schema.columns[column];
    const ColumnView* const view = batch.Find(column);
    sources_.push_back({view, &of, ValueFormOf(of, *view), of.key_position != 0});
  }
  const std::string sql = CreateTableOf(schema, order);
  // The columns are type, name, tbl_name, rootpage and sql. The last one's serial type may take several
  // bytes, the others take one byte each, or two.
  std::vector<unsigned char> record(16 + sql.size());
  unsigned char* at = record.data() + 1;
  at = PutVarint(kText + 2 * 5, at);
  at = PutVarint(kText + 2, at);
  at = PutVarint(kText + 2, at);
  at = PutVarint(1, at);
  at = PutVarint(kText + 2 * sql.size(), at);
  record[0] = static_cast<unsigned char>(at - record.data());
  std::memcpy(at, "tablerr", 7);
  at += 7;
  const auto root_in_record = static_cast<std::size_t>(at++ - record.data());
  std::memcpy(at, sql.data(), sql.size());
  at += sql.size();
  const auto size = static_cast<std::size_t>(at - record.data());
  const std::size_t begin = kImagePageBytes - (VarintSize(size) + 1 + size);
  at = PutVarint(1, PutVarint(size, first_page_.data() + begin));
  std::memcpy(at, record.data(), size);
  root_at_ = static_cast<std::size_t>(at - first_page_.data()) + root_in_record;
  PutPageHeader(kLeafPage, 1, begin, first_page_.data() + kFileHeaderBytes);
  PutBig(begin, 2, first_page_.data() + kFileHeaderBytes + kLeafHeaderBytes);
}

void RowImage::SetInteger(Field& field, std::int64_t value) {
  const IntegerType kind = TypeOf(value);
  field = {kind.type, kind.size, static_cast<std::uint64_t>(value), nullptr};
}

void RowImage::SetReal(Field& field, double value, bool may_be_integer) {
  // In a REAL column SQLite stores whole numbers as integers, as long as these are shorter.
  constexpr double kShorter = std::uint64_t{1} << 47;
  if (may_be_integer && value >= -kShorter && value < kShorter && std::trunc(value) == value) {
    return SetInteger(field, static_cast<std::int64_t>(value));
  }
  field = {kReal, 8, std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value), nullptr};
}

void RowImage::SetBytes(Field& field, std::string_view bytes, std::uint64_t kind) {
  field = {kind + 2 * std::uint64_t{bytes.size()}, static_cast<std::uint32_t>(bytes.size()), 0,
           bytes.data() == nullptr ? "" : bytes.data()};
}

void RowImage::MakeField(std::size_t i, std::uint32_t row) {
  const Source& source = sources_[i];
  const ColumnView& view = *source.view;
  Field& field = fields_[i];
  const auto bytes = [&] {
    const std::uint32_t start = view.starts[row];
    return std::string_view{view.data.data() + start, view.starts[row + 1] - start};
  };
  const auto set_text_form = [&](std::int64_t integer, std::string_view of) {
    char* const text = texts_[i].data();
    SetBytes(field, {text, WriteTextForm(*source.column, integer, of, text)}, kText);
  };
  if (source.is_key) rowid_ = view.ints[row];
  if (source.is_key || view.IsNull(row)) {
    field = {};
    return;
  }
  switch (source.form) {
    case ValueForm::kInteger:
      return SetInteger(field, view.ints[row]);
    case ValueForm::kReal:
      return SetReal(field, view.doubles[row], true);
    case ValueForm::kText:
      return SetBytes(field, bytes(), kText);
    case ValueForm::kBlob:
      return SetBytes(field, bytes(), kBlob);
    case ValueForm::kTextOfInteger:
      return set_text_form(view.ints[row], {});
    case ValueForm::kTextOfBytes:
      return set_text_form(0, bytes());
    case ValueForm::kAny: {
      const Value value = view.At(row);
      if (value.kind == Kind::kInteger) return SetInteger(field, value.integer);
      if (value.kind == Kind::kReal) return SetReal(field, value.real, false);
      return SetBytes(field, value.bytes, value.kind == Kind::kBlob ? kBlob : kText);
    }
  }
}

void RowImage::MakeFields(std::uint32_t row) {
  std::size_t types = 0, values = 0;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    MakeField(i, row);
    types += VarintSize(fields_[i].type);
    values += fields_[i].size;
  }
  // The length of the header includes itself: one byte, or two if the types have more than 126 bytes.
  header_bytes_ = types + (types < 127 ? 1 : 2);
  payload_bytes_ = header_bytes_ + values;
}

void RowImage::WriteCell(unsigned char* to) const {
  to = PutVarint(static_cast<std::uint64_t>(rowid_), PutVarint(payload_bytes_, to));
  to = PutVarint(header_bytes_, to);
  for (const Field& field : fields_) to = PutVarint(field.type, to);
  for (const Field& field : fields_) {
    if (field.bytes != nullptr) {
      std::memcpy(to, field.bytes, field.size);
    } else {
      PutBig(field.number, field.size, to);
    }
    to += field.size;
  }
}

std::uint32_t RowImage::Write(std::uint32_t place, std::span<unsigned char> image) {
  const auto page_at = [&](std::uint32_t page) { return image.data() + (page - 1) * kImagePageBytes; };
  LastRowids last_rowids{};
  std::uint32_t page = kFirstLeaf;
  Leaf leaf(page_at(page));
  for (; place < batch_.row_count; ++place) {
    MakeFields(batch_.key_order.empty() ? place : batch_.key_order[place]);
    const std::size_t bytes =
        VarintSize(payload_bytes_) + VarintSize(static_cast<std::uint64_t>(rowid_)) + payload_bytes_;
    if (!leaf.HasRoomFor(bytes)) {
      if (page + 1 == kPagesMax) break;
      leaf.End();
      leaf = Leaf(page_at(++page));
    }
    WriteCell(leaf.Add(bytes));
    last_rowids[page] = rowid_;
  }
  leaf.End();
  const std::uint32_t root = page == kFirstLeaf ? page : page + 1;
  if (root != page) WriteRoot(last_rowids, page, page_at(root));
  std::memcpy(image.data(), first_page_.data(), kImagePageBytes);
  PutFileHeader(root, image.data());
  image[root_at_] = static_cast<unsigned char>(root);
  size_ = root * kImagePageBytes;
  return place;
}

}  // namespace mirror
