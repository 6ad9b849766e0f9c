#include "server/store/postgres/rows/state_payload.h"

#include "absl/strings/str_cat.h"
#include "base/db/postgres/value.h"

namespace mirror {
namespace {

constexpr char kForm = '\1';
constexpr int kLengthBytesMax = 5;

}  // namespace

PayloadWriter& PayloadWriter::Number(std::int64_t number) {
  char bytes[sizeof(number)];
  postgres::PutNumber(bytes, number);
  return Text({bytes, sizeof(number)});
}

PayloadWriter& PayloadWriter::Text(std::string_view text) {
  std::size_t length = text.size();
  for (; length >= 0x80; length >>= 7) bytes_ += static_cast<char>(0x80 | (length & 0x7f));
  bytes_ += static_cast<char>(length);
  bytes_ += text;
  return *this;
}

PayloadWriter& PayloadWriter::Packed(const OwnTable& table, const Fields& row) {
  for (const std::size_t at : table.packed()) {
    IsNumber(row.column(at).kind) ? Number(row[at].number()) : Text(row[at].text());
  }
  return *this;
}

PayloadReader::PayloadReader(std::string_view bytes)
    : rest_(bytes.substr(bytes.empty() ? 0 : 1)), is_whole_(!bytes.empty() && bytes[0] == kForm) {}

std::string_view PayloadReader::Next() {
  if (!is_whole_ || rest_.empty()) return {};
  std::size_t length = 0;
  for (int i = 0;; ++i) {
    if (i == kLengthBytesMax || rest_.empty()) {
      is_whole_ = false;
      return {};
    }
    const auto byte = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    length |= static_cast<std::size_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) break;
  }
  if (length > rest_.size()) {
    is_whole_ = false;
    return {};
  }
  const std::string_view value = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return value;
}

std::int64_t PayloadReader::Number() {
  const std::string_view value = Next();
  if (value.size() != sizeof(std::int64_t) && !value.empty()) is_whole_ = false;
  return is_whole_ ? postgres::ReadInt(value) : 0;
}

std::string NumberSql(std::string_view payload, int place) {
  return absl::StrCat("('x' || encode(substr(", std::string(payload), ", ", NumberAt(place),
                      ", 8), 'hex'))::bit(64)::bigint");
}

}  // namespace mirror
