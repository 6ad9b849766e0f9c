#ifndef MIRROR_TOOLS_MIRRORCTL_TABLE_TEXT_H_
#define MIRROR_TOOLS_MIRRORCTL_TABLE_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/printable.h"

namespace mirror {

/// "0B", "512B", "1.5MiB": no space, so that it stays one column.
std::string SizeText(std::uint64_t bytes);

/// Characters of a line that fits any terminal.
inline constexpr std::size_t kTextWidth = 100;

/// Rows below a header line, in columns at least two spaces apart: people read them, and awk does.
class TextTable {
 public:
  struct Column {
    std::string name;
    bool number = false;    ///< To the right, and never cut.
    bool one_line = false;  ///< Of the last column: it is cut, too.
  };

  /// `width`: characters that a line may have, as far as the numbers let it; 0: as many as it needs. What
  /// does not fit is cut with an ellipsis, but for the last column, which goes on in lines of its own.
  explicit TextTable(std::vector<Column> columns, std::size_t width = kTextWidth);

  /// As many cells as there are columns, in any characters: they are made Printable(). An empty one is shown
  /// as "-", so that the next do not move.
  void Add(const std::vector<std::string>& cells);

  /// Prints the header, once, and the rows added since the last call. Columns grow, and never shrink.
  void Print(std::ostream& out);

 private:
  std::vector<std::size_t> Fitted() const;
  void PrintLine(std::ostream& out, const std::vector<std::string>& cells,
                 const std::vector<std::size_t>& widths) const;

  std::vector<Column> columns_;
  const std::size_t width_;
  std::vector<std::size_t> widths_;  ///< Characters.
  std::vector<std::vector<std::string>> rows_;
  bool header_printed_ = false;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_TABLE_TEXT_H_
