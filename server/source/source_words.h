#ifndef MIRROR_SERVER_SOURCE_SOURCE_WORDS_H_
#define MIRROR_SERVER_SOURCE_SOURCE_WORDS_H_

#include <string>
#include <string_view>

namespace mirror {

// The only way in which messages leave by the door of the sources. A source is another party's machine: it
// learns what happened to its call, but not where this endpoint keeps files or what its database says in SQL.
// The operator's log, events and listener get the message unchanged.

/// Returns `message` with "(path)" in place of each path, without the text of SQLite or
/// PostgreSQL, the location of PostgreSQL and the advice for an operator, and cut as CutMessage()
/// does. A name that looks like a path counts as one.
std::string SourceWords(std::string_view message);

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_SOURCE_WORDS_H_
