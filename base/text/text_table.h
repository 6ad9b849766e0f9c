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

/// Width of a table: the characters in a line of its stream.
inline constexpr std::size_t kStreamWidth = static_cast<std::size_t>(-1);

/// Rows below a header line, in columns at least two spaces apart: for people and for awk.
class TextTable {
 public:
  struct Column {
    std::string name;
    bool number = false;    ///< Aligned to the right, and never cut.
    bool one_line = false;  ///< For the last column: it is cut, too.
    /// On a terminal that is too narrow for all columns, the lowest number is removed first; 0: never, also
    /// for the last column.
    int goes = 0;
    bool whole = false;  ///< Identifies the row: other columns are cut first.
    bool uncut = false;  ///< Never cut, like a number: users type it, or every character matters.
  };

  /// The colour is separate from the text: it has no width, and is used if the stream has colours.
  struct Cell {
    Cell(std::string words, Colour shown_in = Colour::kNone) : text(std::move(words)), colour(shown_in) {}
    Cell(const char* words) : text(words) {}

    std::string text;
    Colour colour = Colour::kNone;
  };

  /// `width`: greatest number of characters in a line, as far as numbers allow; 0: no limit. Longer
  /// content is cut with an ellipsis, except in the last column, which continues in lines of its
  /// own. On a terminal of that width, columns are removed first: see Column. `indent`: spaces
  /// before each line. `all`: the option that shows removed columns, printed after their names;
  /// empty: none.
  explicit TextTable(std::vector<Column> columns, std::size_t width = kStreamWidth, std::size_t indent = 0,
                     std::string all = "--wide");

  /// Adds a row: one cell for each column, with any characters: they are made Printable(). An empty cell is
  /// shown as "-", so that the next ones keep their column.
  void Add(const std::vector<Cell>& cells);

  /// Prints the header, once (again when a column was removed), the rows added since the last call and, after
  /// a header's rows, the removed columns. Columns only grow. Without a row it prints nothing on a terminal,
  /// and elsewhere the header.
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
  std::vector<std::size_t> widths_;  ///< In characters.
  std::vector<std::size_t> shown_;   ///< Indexes of columns.
  std::vector<std::vector<Cell>> rows_;
  bool header_printed_ = false, any_ = false;
};

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_TEXT_TABLE_H_
