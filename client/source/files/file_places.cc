#include "client/source/files/file_places.h"

#include <cstdint>
#include <map>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace mirror {

std::vector<std::string> FindPlaces(TypedRows rows, const std::vector<Key>& keys) {
  std::map<Key, std::optional<std::uint64_t>> first;  ///< Its line; absent: it was not met yet.
  for (const Key& key : keys) first[key] = std::nullopt;
  std::vector<std::string> places;
  while (!first.empty()) {
    const absl::StatusOr<TypedRows::Step> step = rows.Next();
    if (!step.ok() || *step == TypedRows::Step::kEnd) break;
    const std::optional<Key> key = *step == TypedRows::Step::kRow ? rows.ReadKey() : std::nullopt;
    const auto wanted = key ? first.find(*key) : first.end();
    if (wanted == first.end()) continue;
    const std::uint64_t line = rows.row().line;
    if (!wanted->second) {
      wanted->second = line;
      continue;
    }
    places.push_back(absl::StrCat("line ", line, rows.mended() ? " of the mended rows" : "",
                                  " has the key of line ", *wanted->second));
    first.erase(wanted);
  }
  return places;
}

}  // namespace mirror
