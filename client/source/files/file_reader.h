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
#include "client/source/steps/table_steps.h"

namespace mirror {

/// Files of one table.
inline constexpr std::size_t kFilesMax = 10'000;
/// How long a look waits for files that were just put there, milliseconds.
inline constexpr std::int64_t kSettleWaitMs = 2'000;

struct FileReaderOptions {
  std::string folder;
  std::vector<FileTable> tables;
  std::string rejects;  ///< A folder, made when it is needed. Empty: they are only described.
  /// A file that was written to in this time is waited for, up to kSettleWaitMs for all, and else left for
  /// the next look.
  std::int64_t settle_ms = 2'000;
  /// A file of CSV that is shorter than the one before, or ends within a line other than that, is left until
  /// a later run finds it as it was. Not where `settle_ms` is 0.
  bool looks_twice = true;
  /// SourceTable.record of earlier runs, by table name.
  std::map<std::string, std::string> records = {};
  std::optional<TenantHashKey> hash_key = {};  ///< Needed when steps hash.
  bool keeps_rejects = true;  ///< `rejects` is written; mended ones are read from there in any case.
};

/// A folder into which another system drops files, each the whole of one table as of then, or, with
/// all_files, a part of it: of rows with one key that of the last file by name counts.
///
/// Columns are TEXT, INT64 or DOUBLE, see TypeGuess, and nullable but for the key, which is TEXT where its
/// types are not declared. What was guessed is the record; a value that does not fit it has the column made
/// wider. A row that cannot be taken (the wrong number of fields, a value that is not of the declared type,
/// no key, not UTF-8) is left out, described in SourceSchema.notes by file, line and column, and written as
/// it stands to `<rejects>/<table>.csv`; the others go on. A row whose key can be read is not taken for gone,
/// and where it cannot be, no row is.
///
/// A file that is replaced or written to while it is read: kAborted.
std::unique_ptr<SourceReader> OpenFileReader(FileReaderOptions options);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_FILE_READER_H_
