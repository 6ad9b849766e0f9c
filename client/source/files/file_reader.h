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
/// Milliseconds for which a look waits at most for files that were written just before it.
inline constexpr std::int64_t kSettleWaitMs = 2'000;

struct FileReaderOptions {
  std::string folder;
  std::vector<FileTable> tables;
  std::string rejects;  ///< A folder, created on demand. Empty: rejected rows are only described.
  /// A file that was written within this time is waited for, up to kSettleWaitMs for all files of a look. If
  /// it is still written to, it is left for the next look.
  std::int64_t settle_ms = 2'000;
  /// If a CSV file is shorter than the one before, or ends within a line as the one before did not, it is
  /// left until a later run finds it unchanged. Ignored if `settle_ms` is 0.
  bool looks_twice = true;
  /// SourceTable.record of earlier runs, by table name.
  std::map<std::string, std::string> records = {};
  std::optional<TenantHashKey> hash_key = {};  ///< Required when steps hash.
  bool keeps_rejects = true;  ///< Write to `rejects`. Corrected rows are read from there in any case.
};

/// Opens a reader for a folder into which another system drops files. Each file is the whole table at its
/// time. With all_files, each file is a part of the table: if several rows have one key, the row of the last
/// file by name counts.
///
/// Columns are TEXT, INT64 or DOUBLE, see TypeGuess. All are nullable except those of the key, which are TEXT
/// unless their types are declared. The record has the guessed types. A value that does not fit widens the
/// column.
///
/// A row is rejected for a wrong number of fields, a value not of the declared type, a missing key, or
/// invalid UTF-8. It is described in SourceSchema.notes by file, line and column, and written unchanged to
/// `<rejects>/<table>.csv`. The other rows are sent. A rejected row with a readable key does not count as
/// deleted. If its key cannot be read, no row of the table counts as deleted.
///
/// kAborted: a file was replaced or written to while it was read.
std::unique_ptr<SourceReader> OpenFileReader(FileReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_FILE_READER_H_
