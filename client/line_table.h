#ifndef MIRROR_CLIENT_LINE_TABLE_H_
#define MIRROR_CLIENT_LINE_TABLE_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace mirror {

/// Characters of a line that fits any terminal.
inline constexpr std::size_t kLineWidth = 100;

/// Rows in columns, a line each: what does not fit is cut at the end of the last column, and before that at
/// the end of the first. Cells are printable.
class LineTable {
 public:
  /// `width`: characters of a line; 0: as many as it needs.
  LineTable(std::vector<std::string> header, std::size_t width) : width_(width), rows_{std::move(header)} {}
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void Print(std::ostream& out) const;

 private:
  const std::size_t width_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_LINE_TABLE_H_
