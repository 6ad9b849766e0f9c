#ifndef MIRROR_BASE_TEXT_TEXT_TABLE_H_
#define MIRROR_BASE_TEXT_TEXT_TABLE_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "base/text/terminal.h"

namespace mirror {

/// Of a table: as many characters as a line of its stream has.
inline constexpr std::size_t kStreamWidth = static_cast<std::size_t>(-1);

/// Rows below a header line, in columns at least two spaces apart: people read them, and awk does.
class TextTable {
 public:
  struct Column {
    std::string name;
    bool number = false;    ///< To the right, and never cut.
    bool one_line = false;  ///< Of the last column: it is cut, too.
    /// On a terminal that is too narrow for all columns, the lowest goes first; 0: it never does, and the
    /// last column has none.
    int goes = 0;
    bool whole = false;  ///< It tells rows apart: the others are cut before.
    bool uncut = false;  ///< It is never cut, as a number: somebody types it, or every sign of it counts.
  };

  /// The colour stands beside the text: it has no width, and is shown where the stream has colours.
  struct Cell {
    Cell(std::string words, Colour shown_in = Colour::kNone) : text(std::move(words)), colour(shown_in) {}
    Cell(const char* words) : text(words) {}

    std::string text;
    Colour colour = Colour::kNone;
  };

  /// `width`: characters that a line may have, as far as the numbers let it; 0: as many as it needs. What
  /// does not fit is cut with an ellipsis, but for the last column, which goes on in lines of its own. On a
  /// terminal whose width it has, columns go before that: see Column.
  /// `indent`: spaces in front of each line. `all`: what is to be typed to see columns that have gone, as it
  /// stands behind their names; empty: nothing.
  explicit TextTable(std::vector<Column> columns, std::size_t width = kStreamWidth, std::size_t indent = 0,
                     std::string all = "--wide");

  /// As many cells as there are columns, in any characters: they are made Printable(). An empty one is shown
  /// as "-", so that the next do not move.
  void Add(const std::vector<Cell>& cells);

  /// Prints the header, once (again when a column has gone), the rows added since the last call, and behind a
  /// header's rows which columns have gone. Columns grow, and never shrink. Without a row it prints nothing
  /// on a terminal, and elsewhere the header.
  void Print(std::ostream& out);

  /// Whether a row was ever added.
  bool any() const { return any_; }

 private:
  struct Line;

  void LeaveOut(std::size_t width);
  void SayLeftOut(std::ostream& out) const;
  std::vector<std::size_t> Fitted(std::size_t width, bool on_terminal) const;
  void PrintLine(std::ostream& out, const std::vector<Cell>& cells, const Line& line) const;

  std::vector<Column> columns_;
  const std::size_t width_, indent_;
  const std::string all_;
  std::vector<std::size_t> widths_;  ///< Characters.
  std::vector<std::size_t> shown_;   ///< Columns.
  std::vector<std::vector<Cell>> rows_;
  bool header_printed_ = false, any_ = false;
};

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_TEXT_TABLE_H_
