#include "server/journal/journal_entry.h"

#include <array>
#include <cstddef>

namespace mirror {

std::string_view ToString(JournalOperation operation) {
  static constexpr std::array<std::string_view, 8> kNames = {"UNKNOWN", "INSERT",    "UPDATE",  "DELETE",
                                                             "HEAD",    "POPULATED", "COMPARE", "GONE"};
  const auto number = static_cast<std::size_t>(operation);
  return number < kNames.size() ? kNames[number] : kNames[0];
}

}  // namespace mirror
