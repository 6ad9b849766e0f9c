#include "client/source/capture/row_appender.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

/// Maximum bytes of one row in a batch, and of one value in it. What exceeds the first in a very wide row is
/// sent in parts, whatever its length.
constexpr std::size_t kRowBytes = 6 << 20;
constexpr std::size_t kValueBytes = 1 << 20;

}  // namespace

RowAppender::RowAppender(const TableSchema& table, const std::vector<std::uint32_t>& columns)
    : table_(table.name) {
  for (const std::uint32_t column : columns) {
    names_.push_back(table.columns[column].name);
    in_key_.push_back(table.columns[column].key_position != 0);
  }
}

absl::StatusOr<std::size_t> RowAppender::Append(const std::vector<Value>& values, RowBlock* block,
                                                LargeSink* sink) const {
  std::size_t in_block = 0, weight = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Value& value = values[i];
    ColumnBuffer& buffer = block->columns[i];
    const std::size_t size = value.bytes.size() + sizeof(std::int64_t);
    weight += size;
    const bool is_large = !value.bytes.empty() && !in_key_[i] &&
                          (value.bytes.size() > kValueBytes || in_block + value.bytes.size() > kRowBytes);
    if (is_large) {
      RETURN_IF_ERROR(AppendLarge(value, i, &buffer, sink));
      continue;
    }
    in_block += size;
    switch (value.kind) {
      case Kind::kNull:
        buffer.AppendNull();
        break;
      case Kind::kInteger:
        buffer.AppendInt(value.integer);
        break;
      case Kind::kReal:
        buffer.AppendDouble(value.real);
        break;
      default:
        buffer.AppendBytes(value.bytes, value.kind);
    }
  }
  return weight;
}

absl::Status RowAppender::AppendLarge(const Value& value, std::size_t at, ColumnBuffer* buffer,
                                      LargeSink* sink) const {
  const std::size_t size = value.bytes.size();
  if (size > WireLimits{}.value_bytes_max) {
    return absl::InvalidArgumentError(
        absl::StrCat("table '", table_, "', column '", names_[at], "': a value of ", size, " bytes; at most ",
                     WireLimits{}.value_bytes_max, " are allowed. Leave the table out with 'skip'"));
  }
  const std::uint64_t id = sink->NewValue();
  for (std::size_t from = 0; from < size; from += kPartBytesMax) {
    RETURN_IF_ERROR(sink->Part(buffer->column(), id, from, value.bytes.substr(from, kPartBytesMax)));
  }
  buffer->AppendLarge(id, size, value.kind);
  return absl::OkStatus();
}

}  // namespace mirror
