#ifndef MIRROR_BASE_DB_MARIADB_ROWS_H_
#define MIRROR_BASE_DB_MARIADB_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace mirror::mariadb {

/// Of one statement, in memory.
inline constexpr std::size_t kRowsBytesMax = 256'000'000;

/// What a statement gave: rows in memory, whose values are texts. Rows and columns count from 0.
class Rows {
 public:
  explicit Rows(std::size_t columns = 0) : columns_(columns) {}

  std::size_t rows() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
  std::size_t columns() const { return columns_; }
  bool IsNull(std::size_t row, std::size_t column) const { return At(row, column).begin == kNull; }
  /// NULL as nothing. Gone with this, or with the next Add().
  std::string_view View(std::size_t row, std::size_t column) const {
    const Place& place = At(row, column);
    return place.begin == kNull ? std::string_view()
                                : std::string_view(bytes_).substr(place.begin, place.size);
  }
  std::string Text(std::size_t row, std::size_t column) const { return std::string(View(row, column)); }
  /// 0 for NULL and what is no whole number.
  std::int64_t Int(std::size_t row, std::size_t column) const;
  bool Bool(std::size_t row, std::size_t column) const { return Int(row, column) != 0; }

  /// Copies it; a field without data is NULL. False: it would be more than kRowsBytesMax.
  bool Add(const std::vector<std::string_view>& fields);

 private:
  static constexpr std::size_t kNull = std::numeric_limits<std::size_t>::max();
  struct Place {
    std::size_t begin = kNull, size = 0;
  };
  const Place& At(std::size_t row, std::size_t column) const { return values_[row * columns_ + column]; }

  std::size_t columns_;
  std::vector<Place> values_;
  std::string bytes_;
};

}  // namespace mirror::mariadb

#endif  // MIRROR_BASE_DB_MARIADB_ROWS_H_
