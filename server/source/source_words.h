#ifndef MIRROR_SERVER_SOURCE_SOURCE_WORDS_H_
#define MIRROR_SERVER_SOURCE_SOURCE_WORDS_H_

#include <string>
#include <string_view>

namespace mirror {

// Every message to a source passes through this function. A source is a machine of another company. It learns
// what happened to its call, but not where this endpoint keeps files, nor SQL texts of its database. The
// operator's log, events and listener get the message unchanged.

/// Returns `message` for a source. Replaces each path by "(path)"; a name that looks like a path counts as
/// one. Removes texts of SQLite and PostgreSQL, the location of PostgreSQL, and advice for operators.
/// Truncates the result as CutMessage() does.
std::string SourceWords(std::string_view message);

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_SOURCE_WORDS_H_
