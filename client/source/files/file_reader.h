#ifndef MIRROR_CLIENT_SOURCE_FILES_FILE_READER_H_
#define MIRROR_CLIENT_SOURCE_FILES_FILE_READER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/source/files/file_look.h"
#include "client/source/reader.h"

namespace mirror {

/// Maximum number of files of one table.
inline constexpr std::size_t kFilesMax = 10'000;
/// Milliseconds that a look waits for files that were written just before.
inline constexpr std::int64_t kSettleWaitMs = 2'000;

struct FileReaderOptions {
  std::string folder;
  std::vector<FileTable> tables;
  std::string rejects;  ///< A folder, created on demand. Empty: rejected rows are only described.
  /// A file written within this time is waited for, up to kSettleWaitMs for all files, and otherwise left for
  /// the next look.
  std::int64_t settle_ms = 2'000;
  /// A CSV file that is shorter than the one before, or newly ends within a line, is left until a later run
  /// finds it unchanged. Ignored if `settle_ms` is 0.
  bool looks_twice = true;
  /// SourceTable.record of earlier runs, by table name.
  std::map<std::string, std::string> records = {};
  std::optional<TenantHashKey> hash_key = {};  ///< Required when steps hash.
  bool keeps_rejects = true;  ///< Write to `rejects`; corrected rows are read from there in any case.
};

/// Reads a folder into which another system drops files. Each file is a whole table at that time or, with
/// all_files, a part of it: among rows with one key that of the last file by name counts.
///
/// Columns are TEXT, INT64 or DOUBLE, see TypeGuess, and nullable except for the key, which is TEXT where its
/// types are not declared. The record has the guessed types; a value that does not fit widens the column. A
/// row is rejected for a wrong number of fields, a value not of the declared type, a missing key, or invalid
/// UTF-8. It is described in SourceSchema.notes by file, line and column, and written unchanged to
/// `<rejects>/<table>.csv`; the other rows continue. A rejected row with a readable key does not count as
/// deleted; if its key is unreadable, no row does.
///
/// kAborted: a file was replaced or written to while it was read.
std::unique_ptr<SourceReader> OpenFileReader(FileReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_FILE_READER_H_
