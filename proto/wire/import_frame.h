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

// What the program that parses an uploaded file tells the server, frame by frame: see import.proto.

inline constexpr std::size_t kImportFrameBytesMax = 8 << 20;  ///< Of one message.
inline constexpr std::size_t kImportColumnsMax = 2'000;
inline constexpr std::size_t kImportBatchRowsMax = 1'000;
inline constexpr std::size_t kImportRejectsMax = 1'000;  ///< Of one frame.
inline constexpr std::size_t kImportReasonBytesMax = 1'024;
inline constexpr std::size_t kImportRawBytesMax = 4'096;

struct ImportHeader {
  std::vector<std::string> columns;
  bool workbook = false;
};

/// Rows of a file. Columns have the numbers that they have in the header.
struct ImportRows {
  std::uint64_t seq = 0;
  std::uint32_t columns = 0;  ///< Of the header.
  ChangeBatch batch;          ///< Of ImportTable(): views, valid until the next frame is read.

  /// Absent: no value. An empty text is one.
  std::optional<std::string_view> Text(std::uint32_t row, std::uint32_t column) const;
  /// Whether the file says that the value is a number, a date or the like. Of a CSV file it says so of none.
  bool IsNoText(std::uint32_t row, std::uint32_t column) const;
  /// Where the row begins in the file, from 1.
  std::uint64_t Line(std::uint32_t row) const;
};

struct ImportReject {
  std::uint64_t line = 0;
  std::string reason;  ///< For people; without values.
  std::string raw;     ///< The row as it stands there, cut; any bytes.
  /// The first ones, as far as they could be told apart, each with a NUL behind it, cut; any bytes.
  std::string cells;

  /// Absent: it could not be told apart, or was cut off.
  std::optional<std::string_view> Cell(std::size_t column) const;
  /// Of the row, as far as they are there.
  std::size_t CountCells() const;
};
struct ImportRejects {
  std::uint64_t before_seq = 0;  ///< They stand before the rows of this number, which may not follow.
  std::vector<ImportReject> rejects;
};

struct ImportProgress {
  std::uint64_t bytes_read = 0, bytes_total = 0;
};

/// The numbers of import.proto.
enum class ImportOutcome : std::uint8_t { kDone = 1, kCouldNotStart = 2, kFailed = 3 };
struct ImportEnd {
  ImportOutcome outcome = ImportOutcome::kDone;
  std::string reason;  ///< For people; empty: kDone.
  std::uint64_t rows = 0, rejects = 0;
};

using ImportPiece = std::variant<ImportHeader, ImportRows, ImportRejects, ImportProgress, ImportEnd>;

/// 1 to kImportColumnsMax names, each of them as CheckName() has it and once, by ASCII case only. Errors:
/// kInvalidArgument, with a sentence for whoever has the file.
absl::Status CheckImportHeader(const ImportHeader& header);

/// The table that ImportRows.batch is of: the header's columns, then the line, then the marks of cells that
/// are no texts.
TableSchema ImportTable(const std::vector<std::string>& columns);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_IMPORT_FRAME_H_
