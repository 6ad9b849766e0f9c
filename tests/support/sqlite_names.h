#ifndef MIRROR_TESTS_SUPPORT_SQLITE_NAMES_H_
#define MIRROR_TESTS_SUPPORT_SQLITE_NAMES_H_

#include <string>
#include <vector>

namespace mirror {

/// Every name that SQLite, as it is linked, knows: keywords, functions, modules, pragmas as table-valued
/// functions; and what our own statements call things by. Folded, each once.
std::vector<std::string> SqliteNames();

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_SQLITE_NAMES_H_
