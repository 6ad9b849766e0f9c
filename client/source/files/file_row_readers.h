#ifndef MIRROR_CLIENT_SOURCE_FILES_FILE_ROW_READERS_H_
#define MIRROR_CLIENT_SOURCE_FILES_FILE_ROW_READERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/files/file_look.h"
#include "client/source/files/rows/file_rows.h"
#include "client/source/reader.h"
#include "client/source/steps/row_steps.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

/// Keys of rows of a table of several files that `where` decides against; with more of them it cannot be
/// read.
inline constexpr std::size_t kHiddenMax = 5'000'000;

/// The rows of a table of files that are to be sent, with their values as they are given. `look` outlives
/// them. Where the first row of a key does not match, later ones of it are none of them, of a table of
/// several files; memory: about 64 bytes for each such key.
class TypedRows {
 public:
  enum class Step { kRow, kReject, kEnd };

  static absl::StatusOr<TypedRows> Open(const FileLook& look);
  /// Rows that were left out and mended. Errors: kInvalidArgument: their header is not the file's.
  static absl::StatusOr<std::unique_ptr<FileRows>> OpenMended(const FileLook& look);

  /// kOutOfRange: a value does not fit the type that was guessed.
  absl::StatusOr<Step> Next();

  const std::vector<Value>& values() const { return values_; }
  const FileRow& row() const { return row_; }
  const std::string& raw_header() const { return rows_->raw_header(); }
  /// The present row is one that was left out, and mended.
  bool mended() const { return mended_; }
  /// Why the present row is rejected.
  const std::string& reason() const { return reason_; }

  /// These are its key for ReadKey().
  void SetKey(const std::vector<std::uint32_t>& columns) { key_ = columns; }
  /// Gives the rows that `where` takes out, and no others.
  void SetLeftOut() { left_out_ = true; }
  /// Of the present row; absent: it has none.
  std::optional<Key> ReadKey() const;

 private:
  TypedRows(const FileLook& look, std::unique_ptr<FileRows> rows, RowSteps steps)
      : look_(&look), key_(look.schema.Key()), rows_(std::move(rows)), steps_(std::move(steps)) {}
  absl::StatusOr<Step> NextOfFile();
  absl::Status Read(std::size_t at);
  void Reject(std::size_t at, std::string_view why);

  const FileLook* look_;
  std::vector<std::uint32_t> key_;
  std::unique_ptr<FileRows> rows_;
  FileRow row_;
  std::vector<Value> values_;
  std::string reason_;
  absl::StatusOr<bool> IsHidden(bool matches);
  bool left_out_ = false;
  std::set<std::pair<std::uint64_t, std::uint64_t>> hidden_;  ///< Hashes of keys.
  bool mended_ = false;                                       ///< The rows of `known_->mended` are read.
  bool has_values_ = false;                                   ///< Of the present row, also of a wrong one.
  RowSteps steps_;
};

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
