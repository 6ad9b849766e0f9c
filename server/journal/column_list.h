#ifndef MIRROR_SERVER_JOURNAL_COLUMN_LIST_H_
#define MIRROR_SERVER_JOURNAL_COLUMN_LIST_H_

#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// Names of columns as one text, a JSON array that any database reads.
std::string PackColumnList(const std::vector<std::string>& names);
/// Empty for a text that is none.
std::vector<std::string> UnpackColumnList(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_COLUMN_LIST_H_
