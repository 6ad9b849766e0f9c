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

/// Maximum number of keys that `where` leaves out in a table of several files. If there are more, the table
/// cannot be read.
inline constexpr std::size_t kHiddenMax = 5'000'000;

/// The rows of a table of files that are sent, with their values in the sent form. `look` must outlive them.
/// In a table of several files, the first row of a key counts: if it does not match `where`, later rows of
/// that key are skipped, too. Memory: about 64 bytes for each such key.
class TypedRows {
 public:
  enum class Step { kRow, kReject, kEnd };

  static absl::StatusOr<TypedRows> Open(const FileLook& look);
  /// Opens the corrected rows. Errors: kInvalidArgument: their header differs from the file's.
  static absl::StatusOr<std::unique_ptr<FileRows>> OpenMended(const FileLook& look);

  /// Reads the next row. Errors: also kOutOfRange: a value does not fit the guessed type.
  absl::StatusOr<Step> Next();

  const std::vector<Value>& values() const { return values_; }
  const FileRow& row() const { return row_; }
  const std::string& raw_header() const { return rows_->raw_header(); }
  /// Whether the present row is a corrected one.
  bool mended() const { return mended_; }
  /// Why the present row is rejected.
  const std::string& reason() const { return reason_; }

  /// Sets the columns that ReadKey() returns.
  void SetKey(const std::vector<std::uint32_t>& columns) { key_ = columns; }
  /// Makes Next() give only the rows that `where` leaves out.
  void SetLeftOut() { left_out_ = true; }
  /// Returns the key of the present row; absent: it has none.
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
  bool mended_ = false;      ///< Rows of the file of corrected rows are being read.
  bool has_values_ = false;  ///< The present row has values; it may still be rejected.
  RowSteps steps_;
};

// Readers of a table's rows for FileReader. `look` must outlive each of them.

/// Called when a value does not fit its column. Examines all values again, and returns an error.
using Widen = std::function<absl::Status()>;

/// Reads all rows. `rejects`: a folder for rejected rows; empty: they are only described.
std::unique_ptr<TableReader> ReadFileRows(FileLook& look, TypedRows rows,
                                          const std::vector<std::uint32_t>& columns,
                                          const std::string& rejects, Widen widen);

/// Returns the digests of all rows, or of the rows within a bound, in file order.
std::unique_ptr<DigestReader> ScanFileRows(FileLook& look, TypedRows rows, std::vector<std::uint32_t> columns,
                                           const std::string& rejects, Widen widen,
                                           std::optional<RowBound> bound = std::nullopt,
                                           bool by_column = false);

/// Reads rows by key, in one pass over the file.
std::unique_ptr<ChangeReader> ReadFileRowsByKey(const FileLook& look, TypedRows rows,
                                                const std::vector<std::uint32_t>& columns,
                                                std::vector<Key> keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_FILE_ROW_READERS_H_
