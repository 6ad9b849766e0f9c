#ifndef MIRROR_PROTO_WIRE_TEXT_IN_PIECES_H_
#define MIRROR_PROTO_WIRE_TEXT_IN_PIECES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

namespace mirror {

/// Applies the rules of value_rules.h to a text that comes piece by piece, without keeping the whole text in
/// memory. A piece may end inside a character. `column` must outlive this object.
class TextInPieces {
 public:
  explicit TextInPieces(const Column& column) : column_(column) {}

  void Add(std::string_view piece);

  // Results for all pieces added so far.

  /// Returns the result of ::mirror::IsStoredAsNumber().
  bool IsStoredAsNumber() const;
  /// Returns the result of HoldsText().
  bool IsHeld() const;
  /// Returns the result of WhyNotText().
  std::string WhyNot() const;
  /// Returns true if no piece ended inside a character.
  bool HasWholePieces() const { return !is_split_; }

 private:
  bool IsUtf8() const { return is_utf8_ && begun_.empty(); }
  void AddShape(std::string_view piece);
  void Count(std::string_view characters);

  const Column& column_;
  std::string begun_;  ///< Incomplete character at the end of the last piece.
  std::string
      /// The text with each run of digits or blanks shortened to one of them. It is a number if and only if
      /// the text is one.
      shape_;
  std::size_t utf16_units_ = 0;
  bool is_utf8_ = true, has_nul_ = false, is_split_ = false;
};

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_TEXT_IN_PIECES_H_
