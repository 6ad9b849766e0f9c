#include "client/source/source_away.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace mirror {

absl::Status SourceAway(const absl::Status& status) {
  return WithWords(status,
                   absl::StrCat(std::string(status.message()),
                                ". The mirror stays as it is meanwhile. Start the source's server, or "
                                "correct 'dsn': the next cycle goes on from there"));
}

absl::Status WithWords(const absl::Status& status, const std::string& words) {
  absl::Status same(status.code(), words);
  status.ForEachPayload(
      [&same](absl::string_view name, const absl::Cord& payload) { same.SetPayload(name, payload); });
  return same;
}

}  // namespace mirror
