#ifndef MIRROR_CLIENT_SOURCE_FILES_FILE_ROW_READERS_H_
#define MIRROR_CLIENT_SOURCE_FILES_FILE_ROW_READERS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/source/files/file_look.h"
#include "client/source/files/typed_rows.h"
#include "client/source/reader.h"
#include "proto/wire/key_range.h"

namespace mirror {

// What a FileReader gives of a table's rows. `look` outlives each of them.

/// What to do about a value that does not fit its column: looks at all values again, and gives an error.
using Widen = std::function<absl::Status()>;

/// All rows. `rejects`: a folder for those that cannot be taken; empty: they are only described.
std::unique_ptr<TableReader> ReadFileRows(FileLook& look, TypedRows rows,
                                          const std::vector<std::uint32_t>& columns,
                                          const std::string& rejects, Widen widen);

/// The digests of all rows, or of those within a bound, in the order of the file.
std::unique_ptr<DigestReader> ScanFileRows(FileLook& look, TypedRows rows, std::vector<std::uint32_t> columns,
                                           const std::string& rejects, Widen widen,
                                           std::optional<RowBound> bound = std::nullopt,
                                           bool by_column = false);

/// Rows by key: one pass over the file.
std::unique_ptr<ChangeReader> ReadFileRowsByKey(const FileLook& look, TypedRows rows,
                                                const std::vector<std::uint32_t>& columns,
                                                std::vector<Key> keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_FILE_ROW_READERS_H_
