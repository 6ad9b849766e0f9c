#include "base/db/mariadb/rows.h"

#include <charconv>
#include <system_error>

namespace mirror::mariadb {

std::int64_t Rows::Int(std::size_t row, std::size_t column) const {
  const std::string_view text = View(row, column);
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? number : 0;
}

bool Rows::Add(const std::vector<std::string_view>& fields) {
  std::size_t more = fields.size() * sizeof(Place);
  for (const std::string_view field : fields) more += field.size();
  if (bytes_.size() + values_.size() * sizeof(Place) + more > kRowsBytesMax) return false;
  for (const std::string_view field : fields) {
    values_.push_back(field.data() == nullptr ? Place{} : Place{bytes_.size(), field.size()});
    bytes_.append(field);
  }
  return true;
}

}  // namespace mirror::mariadb
