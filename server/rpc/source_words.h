#ifndef MIRROR_SERVER_RPC_SOURCE_WORDS_H_
#define MIRROR_SERVER_RPC_SOURCE_WORDS_H_

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mirror {

// The one way in which words leave by the door of the sources. A source is somebody else's machine: it is
// told what happened to its call, and not where this endpoint keeps files or what its database says in SQL.
// An operator's log, events and listener have the message as it is.

/// `message` with "(path)" in the place of each path, without what SQLite or PostgreSQL said, where that one
/// is and what an operator is to do about it, and cut as CutMessage() does. A name that looks like a path is
/// one.
std::string SourceWords(std::string_view message);

/// The status of a source's call: the same code, and SourceWords() of its message.
grpc::Status SourceStatus(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_SOURCE_WORDS_H_
