#ifndef MIRROR_TESTS_SUPPORT_TABLE_CONTENTS_H_
#define MIRROR_TESTS_SUPPORT_TABLE_CONTENTS_H_

#include <sqlite3.h>

#include <map>
#include <string>
#include <vector>

namespace mirror {

/// Tables by name: first a line with the names of the columns, then the rows, sorted; each value with its
/// type and all of its bytes.
using TableContents = std::map<std::string, std::vector<std::string>>;

/// What one statement sees of a table. A line that begins with "error: " says why it cannot be read.
std::vector<std::string> ReadTable(sqlite3* database, const std::string& table);

/// The tables of a source, or of a mirror: none of SQLite's and none of the mirror's own. In one snapshot.
TableContents ReadTables(sqlite3* database);
TableContents ReadTables(const std::string& path);

/// Empty: they are equal. A few of the lines that are only in one of them.
std::string Difference(const TableContents& source, const TableContents& mirror);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_TABLE_CONTENTS_H_
