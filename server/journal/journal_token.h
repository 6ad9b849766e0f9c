#ifndef MIRROR_SERVER_JOURNAL_JOURNAL_TOKEN_H_
#define MIRROR_SERVER_JOURNAL_JOURNAL_TOKEN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror {

/// How far a reader of a journal has come: number and salt of the last entry that he has. Two files with the
/// same number have another salt, so that a restored mirror does not pass for the one before.
struct JournalToken {
  std::int64_t number = 0;  ///< 0: before the first entry that there ever was.
  std::int64_t salt = 0;
  friend bool operator==(const JournalToken&, const JournalToken&) = default;
};

/// "4711.9f86d081884c7d65"; "0" before the first.
std::string ToString(const JournalToken& token);
/// Errors: kInvalidArgument.
absl::StatusOr<JournalToken> ParseJournalToken(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_JOURNAL_TOKEN_H_
