#ifndef MIRROR_PROTO_WIRE_TEXT_IN_PIECES_H_
#define MIRROR_PROTO_WIRE_TEXT_IN_PIECES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

namespace mirror {

/// What value_rules.h says of a text for a column, of one that comes piece by piece: it never stands in
/// memory as a whole. Pieces may end inside of a character. `column` outlives it.
class TextInPieces {
 public:
  explicit TextInPieces(const Column& column) : column_(column) {}

  void Add(std::string_view piece);

  // Of all that was added.

  /// As ::mirror::IsStoredAsNumber().
  bool IsStoredAsNumber() const;
  /// As HoldsText().
  bool IsHeld() const;
  /// As WhyNotText().
  std::string WhyNot() const;
  /// No piece ended inside of a character: each of them is a text.
  bool HasWholePieces() const { return !is_split_; }

 private:
  bool IsUtf8() const { return is_utf8_ && begun_.empty(); }
  void AddShape(std::string_view piece);
  void Count(std::string_view characters);

  const Column& column_;
  std::string begun_;  ///< A character that the last piece broke off in.
  std::string
      shape_;  ///< Each run of digits or of blanks as one of them: a number as long as the text is one.
  std::size_t utf16_units_ = 0;
  bool is_utf8_ = true, has_nul_ = false, is_split_ = false;
};

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_TEXT_IN_PIECES_H_
