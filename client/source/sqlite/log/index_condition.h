#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_INDEX_CONDITION_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_INDEX_CONDITION_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// The end of a quoted name or text, or of a comment, that begins at `at`; `at` itself when none does.
std::size_t BehindQuoted(std::string_view sql, std::size_t at);

/// A text as SQL has it, in single quotes.
std::string SingleQuoted(std::string_view text);

/// The condition of a partial index, as its definition has it behind the list of columns. Empty: it has none.
std::string ConditionOfIndex(std::string_view sql);

/// The condition as every SQLite reads it. In an index SQLite takes "active" for a text when no column has
/// that name; in a trigger an application's SQLite may take it for a name alone. So texts get single quotes.
/// `columns`: those of the table.
std::string PlainCondition(std::string_view condition, const std::vector<std::string>& columns);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_INDEX_CONDITION_H_
