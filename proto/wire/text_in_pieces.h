#ifndef MIRROR_PROTO_WIRE_TEXT_IN_PIECES_H_
#define MIRROR_PROTO_WIRE_TEXT_IN_PIECES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

namespace mirror {

/// Applies the rules of value_rules.h to a text that comes piece by piece: it is never in memory as a
/// whole. Pieces may end inside a character. `column` must outlive this object.
class TextInPieces {
 public:
  explicit TextInPieces(const Column& column) : column_(column) {}

  void Add(std::string_view piece);

  // Results for all pieces added so far.

  /// See ::mirror::IsStoredAsNumber().
  bool IsStoredAsNumber() const;
  /// See HoldsText().
  bool IsHeld() const;
  /// See WhyNotText().
  std::string WhyNot() const;
  /// True if no piece ended inside a character: each piece is a text.
  bool HasWholePieces() const { return !is_split_; }

 private:
  bool IsUtf8() const { return is_utf8_ && begun_.empty(); }
  void AddShape(std::string_view piece);
  void Count(std::string_view characters);

  const Column& column_;
  std::string begun_;  ///< Incomplete character at the end of the last piece.
  std::string
      shape_;  ///< Each run of digits or blanks as one of them: a number if and only if the text is one.
  std::size_t utf16_units_ = 0;
  bool is_utf8_ = true, has_nul_ = false, is_split_ = false;
};

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_TEXT_IN_PIECES_H_
