#include "client/source/server/staged_row.h"

#include <cstddef>

namespace mirror {
namespace {

void AppendVarint(std::uint64_t number, std::string* out) {
  for (; number >= 0x80; number >>= 7) out->push_back(static_cast<char>(number | 0x80));
  out->push_back(static_cast<char>(number));
}

/// The rest of a packed text. After an error it is at its end.
class PackedTexts {
 public:
  explicit PackedTexts(std::string_view left) : left_(left) {}

  bool at_end() const { return left_.empty(); }
  std::size_t left() const { return left_.size(); }
  bool good() const { return good_; }

  /// Reads a number in the form of AppendVarint(), which uses the fewest bytes.
  std::uint64_t Varint() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      const auto bits = static_cast<std::uint64_t>(byte & 0x7fU);
      number |= bits << shift;
      if (byte >= 0x80) continue;
      if ((bits == 0 && shift > 0) || bits << shift >> shift != bits) break;
      return number;
    }
    Fail();
    return 0;
  }
  std::string_view Bytes(std::uint64_t size) {
    if (size > left_.size()) {
      Fail();
      return {};
    }
    const std::string_view bytes = left_.substr(0, static_cast<std::size_t>(size));
    left_.remove_prefix(static_cast<std::size_t>(size));
    return bytes;
  }

 private:
  void Fail() {
    left_ = {};
    good_ = false;
  }

  std::string_view left_;
  bool good_ = true;
};

/// One packed value in its text.
struct PackedValue {
  std::int64_t column = 0;
  std::string_view all;  ///< With its number and length.
};

/// Reads value after value; false: there is no further one.
class PackedValues {
 public:
  explicit PackedValues(std::string_view packed) : packed_(packed) { Next(); }

  bool there() const { return there_; }
  const PackedValue& value() const { return value_; }
  void Next() {
    if (packed_.empty()) {
      there_ = false;
      return;
    }
    PackedTexts texts(packed_);
    value_.column = static_cast<std::int64_t>(texts.Varint());
    const std::uint64_t length = texts.Varint();
    if (length > 0) texts.Bytes(length - 1);
    there_ = texts.good();
    value_.all = packed_.substr(0, packed_.size() - texts.left());
    packed_.remove_prefix(value_.all.size());
  }

 private:
  std::string_view packed_;
  PackedValue value_;
  bool there_ = true;
};

}  // namespace

StagedKey PackStagedKey(const std::vector<std::string>& texts) {
  StagedKey key;
  for (const std::string& text : texts) {
    AppendVarint(text.size(), &key);
    key += text;
  }
  return key;
}

std::vector<std::string> UnpackStagedKey(const StagedKey& key) {
  std::vector<std::string> texts;
  PackedTexts left(key);
  while (!left.at_end()) texts.emplace_back(left.Bytes(left.Varint()));
  if (!left.good()) texts.clear();
  return texts;
}

std::string PackStagedValues(const std::vector<StagedValue>& values) {
  std::string packed;
  std::size_t size = 0;
  for (const StagedValue& value : values) size += 6 + (value.text ? value.text->size() : 0);
  packed.reserve(size);
  for (const StagedValue& value : values) {
    AppendVarint(static_cast<std::uint64_t>(value.column), &packed);
    AppendVarint(value.text ? value.text->size() + 1 : 0, &packed);
    if (value.text) packed += *value.text;
  }
  return packed;
}

std::optional<std::vector<StagedValue>> UnpackStagedValues(std::string_view packed) {
  std::vector<StagedValue> values;
  PackedTexts left(packed);
  while (!left.at_end()) {
    StagedValue& value = values.emplace_back();
    value.column = static_cast<std::int64_t>(left.Varint());
    const std::uint64_t length = left.Varint();
    if (length > 0) value.text = std::string(left.Bytes(length - 1));
  }
  if (!left.good()) return std::nullopt;
  return values;
}

std::string MergeStagedValues(std::string_view older, std::string_view newer) {
  if (older.empty()) return std::string(newer);
  std::string merged;
  merged.reserve(older.size() + newer.size());
  PackedValues a(older), b(newer);
  while (a.there() || b.there()) {
    const bool take_newer = b.there() && (!a.there() || b.value().column <= a.value().column);
    if (!take_newer) {
      merged += a.value().all;
      a.Next();
      continue;
    }
    if (a.there() && a.value().column == b.value().column) a.Next();
    merged += b.value().all;
    b.Next();
  }
  return merged;
}

}  // namespace mirror
