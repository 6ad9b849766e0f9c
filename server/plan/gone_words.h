#ifndef MIRROR_SERVER_PLAN_GONE_WORDS_H_
#define MIRROR_SERVER_PLAN_GONE_WORDS_H_

#include <string>

#include "absl/status/status.h"

// What is said of a mirror that is not there, or not any more: each asker has another next step.

namespace mirror {

/// `status` is that, for a source or an operator. Threads: any, as the others.
absl::Status OfGone(const std::string& context_id, absl::Status status);
/// To the calls of a cycle: kAborted.
absl::Status IsGoneFromCycle(const std::string& context_id);
/// To whoever asks for records: kNotFound, since he has no cycle to begin, and none of an operator's
/// commands. Any other status stays as it is.
absl::Status InRecordsWords(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_GONE_WORDS_H_
