#ifndef MIRROR_PROTO_WIRE_IMPORT_FRAME_H_
#define MIRROR_PROTO_WIRE_IMPORT_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

// Frames that the parser of an uploaded file sends to the server: see import.proto.

inline constexpr std::size_t kImportFrameBytesMax = 8 << 20;  ///< Greatest size of one message.
inline constexpr std::size_t kImportColumnsMax = 2'000;
inline constexpr std::size_t kImportBatchRowsMax = 1'000;
inline constexpr std::size_t kImportRejectsMax = 1'000;  ///< Greatest number in one frame.
inline constexpr std::size_t kImportReasonBytesMax = 1'024;
inline constexpr std::size_t kImportRawBytesMax = 4'096;

struct ImportHeader {
  std::vector<std::string> columns;
  bool workbook = false;
};

/// Rows of a file. Columns are counted as in the header, from 0.
struct ImportRows {
  std::uint64_t seq = 0;
  std::uint32_t columns = 0;  ///< Number of columns of the header.
  ChangeBatch batch;          ///< Rows of ImportTable(): views, valid until the next frame is read.

  /// Returns the value of a cell as text; absent: the cell has no value. An empty text is a value.
  std::optional<std::string_view> Text(std::uint32_t row, std::uint32_t column) const;
  /// Returns true if the file says that the cell has a number, a date or another value that is no text.
  /// Always false for a CSV file.
  bool IsNoText(std::uint32_t row, std::uint32_t column) const;
  /// Returns the line where the row begins in the file, from 1.
  std::uint64_t Line(std::uint32_t row) const;
};

struct ImportReject {
  std::uint64_t line = 0;
  std::string reason;  ///< Text for people; without values.
  std::string raw;     ///< The row as written in the file, at most kImportRawBytesMax bytes of it; any bytes.
  /// The row's first cells, as far as they could be separated, each followed by a NUL; any bytes.
  std::string cells;

  /// Returns a cell; absent: `cells` does not have it.
  std::optional<std::string_view> Cell(std::size_t column) const;
  /// Returns the number of cells in `cells`.
  std::size_t CountCells() const;
};
struct ImportRejects {
  /// The rejected rows are in the file before the batch with this `seq`, which may be missing.
  std::uint64_t before_seq = 0;
  std::vector<ImportReject> rejects;
};

struct ImportProgress {
  std::uint64_t bytes_read = 0, bytes_total = 0;
};

/// Results of an import; the numbers are those of import.proto.
enum class ImportOutcome : std::uint8_t { kDone = 1, kCouldNotStart = 2, kFailed = 3 };
struct ImportEnd {
  ImportOutcome outcome = ImportOutcome::kDone;
  std::string reason;  ///< Text for people; empty with kDone.
  std::uint64_t rows = 0, rejects = 0;
};

using ImportPiece = std::variant<ImportHeader, ImportRows, ImportRejects, ImportProgress, ImportEnd>;

/// Checks that there are 1 to kImportColumnsMax names, that CheckName() accepts each, and that no two are
/// equal without regard to ASCII case. Errors: kInvalidArgument, with a sentence for the owner of the file.
absl::Status CheckImportHeader(const ImportHeader& header);

/// Returns the table of ImportRows.batch: the header's columns, then the line, then the marks of cells that
/// are not text.
TableSchema ImportTable(const std::vector<std::string>& columns);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_IMPORT_FRAME_H_
