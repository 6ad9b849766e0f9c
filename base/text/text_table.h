#ifndef MIRROR_BASE_TEXT_TEXT_TABLE_H_
#define MIRROR_BASE_TEXT_TEXT_TABLE_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "base/text/terminal.h"

namespace mirror {

/// Value for a table's width: the number of characters in a line of its stream.
inline constexpr std::size_t kStreamWidth = static_cast<std::size_t>(-1);

/// A table with a header line and rows. Columns are at least two spaces apart, so that people and awk can
/// read the table.
class TextTable {
 public:
  struct Column {
    std::string name;
    bool number = false;  ///< The column is aligned to the right, and never cut.
    /// For the last column: its content is cut, too, instead of continuing in further lines.
    bool one_line = false;
    /// If a terminal is too narrow for all columns, the column with the lowest number is removed first. 0:
    /// the column is never removed. The last column keeps 0.
    int goes = 0;
    bool whole = false;  ///< The column identifies the row: other columns are cut first.
    /// The column is never cut, because users type its content, or every character matters.
    bool uncut = false;
  };

  /// Text of a cell and its colour, which is used if the stream has colours.
  struct Cell {
    Cell(std::string words, Colour shown_in = Colour::kNone) : text(std::move(words)), colour(shown_in) {}
    Cell(const char* words) : text(words) {}

    std::string text;
    Colour colour = Colour::kNone;
  };

  /// `width`: greatest number of characters in a line; columns that are never cut may exceed it. 0: no limit.
  /// Longer content is cut with an ellipsis; the last column continues in further lines instead. On a
  /// terminal of that width, columns are removed first: see Column. `indent`: spaces before each line. `all`:
  /// the option that shows removed columns, which is printed after their names; empty: none.
  explicit TextTable(std::vector<Column> columns, std::size_t width = kStreamWidth, std::size_t indent = 0,
                     std::string all = "--wide");

  /// Adds a row with one cell for each column. Cells may have any characters; they are shown by Printable().
  /// An empty cell is shown as "-", so that awk counts the next cells correctly.
  void Add(const std::vector<Cell>& cells);

  /// Prints the header, the rows that were added since the last call, and the names of removed columns. A
  /// later call prints the header again only if a further column was removed. Columns never become narrower.
  /// Without rows it prints nothing on a terminal, and the header elsewhere.
  void Print(std::ostream& out);

  /// Returns true if a row was ever added.
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
  std::vector<std::size_t> widths_;  ///< Widths in characters.
  std::vector<std::size_t> shown_;   ///< Indexes of the columns that are shown.
  std::vector<std::vector<Cell>> rows_;
  bool header_printed_ = false, any_ = false;
};

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_TEXT_TABLE_H_
