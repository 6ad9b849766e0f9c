#include "server/http/page_values.h"

#include <utility>

namespace mirror {

bool PageValues::Add(std::string_view value, std::string_view key) {
  // With a comma, and the bracket at the end.
  const bool has_room = count_ == 0 || json_.size() + value.size() + 2 <= kValuesBytesMax;
  if (next_ || count_ == limit_ || !has_room) {
    next_ = last_;
    return false;
  }
  if (count_++ > 0) json_.push_back(',');
  json_.append(value);
  last_ = key;
  return true;
}

std::string PageValues::Take() {
  json_.push_back(']');
  return std::move(json_);
}

}  // namespace mirror
