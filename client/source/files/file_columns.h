#ifndef MIRROR_CLIENT_SOURCE_FILES_FILE_COLUMNS_H_
#define MIRROR_CLIENT_SOURCE_FILES_FILE_COLUMNS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/files/file_look.h"
#include "proto/wire/table.h"

namespace mirror {

// What is known of the columns of a table of files: its record, its header, and the types that are guessed.

/// From how many rows the types of a new file are guessed at first; a later value that does not fit has all
/// of them looked at.
inline constexpr std::size_t kRowsGuessed = 10'000;

/// Makes `known` what the table was in the last run. `records`: by table name. False: there is none that can
/// be understood.
bool TakeRecord(const std::map<std::string, std::string>& records, FileLook* known);
/// What the next run takes.
std::string MakeRecord(const FileLook& known);

/// The file's own columns; types of those that were not known are guessed. Errors: the file cannot be read,
/// or is none of this table.
absl::Status ReadHeader(FileLook* known);
/// The same with the types that all values need. Errors: the file cannot be read.
absl::StatusOr<FileLook> WidenColumns(const FileLook& known);

/// Why the rows that 'where' takes may be others than before; empty: they are not. Then the table stays as
/// it was.
std::string CheckFilter(const FileLook& known, const std::vector<FileColumn>& former, TableSchema* schema);
/// For people, of a table whose key was guessed by a version that did so; mostly empty.
std::string NoteOfKey(const FileLook& former);
/// For people, what was guessed of columns, where it was not so before; mostly empty.
std::string NoteOfTypes(const FileLook& known, const std::vector<FileColumn>& former);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_FILE_COLUMNS_H_
