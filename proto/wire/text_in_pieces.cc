#include "proto/wire/text_in_pieces.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "proto/wire/value_rules.h"

namespace mirror {
namespace {

/// Longest shape of a number: " -0.0e-0 ".
constexpr std::size_t kShapeMax = 16;

/// Returns the shape's character for the run that `c` is part of.
char ShapeOf(char c) {
  if (c >= '0' && c <= '9') return '0';
  return c == ' ' || (c >= '\t' && c <= '\r') ? ' ' : c;
}

/// Returns the number of bytes of the character that begins with `first`.
std::size_t LengthOf(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
}

/// Returns the length of `text` without an incomplete character at its end.
std::size_t WholeOf(std::string_view text) {
  const std::size_t back_max = std::min<std::size_t>(text.size(), 3);
  for (std::size_t back = 1; back <= back_max; ++back) {
    const char byte = text[text.size() - back];
    if (!IsUtf8Continuation(byte)) return LengthOf(byte) > back ? text.size() - back : text.size();
  }
  return text.size();
}

}  // namespace

void TextInPieces::Add(std::string_view piece) {
  has_nul_ = has_nul_ || piece.find('\0') != piece.npos;
  if (column_.type == Type::kAny) AddShape(piece);
  if (!begun_.empty()) {
    const std::size_t more = std::min(LengthOf(begun_.front()) - begun_.size(), piece.size());
    absl::StrAppend(&begun_, std::string(piece.substr(0, more)));
    piece.remove_prefix(more);
    if (begun_.size() < LengthOf(begun_.front())) return;
    Count(begun_);
    begun_.clear();
  }
  const std::size_t whole = WholeOf(piece);
  Count(piece.substr(0, whole));
  begun_ = piece.substr(whole);
  is_split_ = is_split_ || !begun_.empty();
}

void TextInPieces::AddShape(std::string_view piece) {
  for (const char c : piece) {
    if (shape_.size() >= kShapeMax) return;
    const char shape = ShapeOf(c);
    const bool goes_on = (shape == '0' || shape == ' ') && !shape_.empty() && shape_.back() == shape;
    if (!goes_on) shape_ += shape;
  }
}

void TextInPieces::Count(std::string_view characters) {
  const auto count = CountUtf8(characters);
  is_utf8_ = is_utf8_ && count.has_value();
  if (count) utf16_units_ += count->utf16_units;
}

bool TextInPieces::IsStoredAsNumber() const { return mirror::IsStoredAsNumber(column_, shape_); }

bool TextInPieces::IsHeld() const {
  return !IsStoredAsNumber() && IsUtf8() && (column_.length == 0 || utf16_units_ <= column_.length);
}

std::string TextInPieces::WhyNot() const {
  if (IsStoredAsNumber()) return kChangesKind;
  if (IsUtf8()) return absl::StrCat("the text is longer than ", column_.length, " UTF-16 units");
  return has_nul_ ? "the text is not UTF-8 without NUL" : "the text is not UTF-8";
}

}  // namespace mirror
