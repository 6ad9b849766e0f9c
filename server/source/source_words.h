#ifndef MIRROR_SERVER_SOURCE_SOURCE_WORDS_H_
#define MIRROR_SERVER_SOURCE_SOURCE_WORDS_H_

#include <string>
#include <string_view>

namespace mirror {

// The one way in which words leave by the door of the sources. A source is somebody else's machine: it is
// told what happened to its call, and not where this endpoint keeps files or what its database says in SQL.
// An operator's log, events and listener have the message as it is.

/// `message` with "(path)" in the place of each path, without what SQLite or PostgreSQL said, where that one
/// is and what an operator is to do about it, and cut as CutMessage() does. A name that looks like a path is
/// one.
std::string SourceWords(std::string_view message);

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_SOURCE_WORDS_H_
