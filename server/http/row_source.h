#ifndef MIRROR_SERVER_HTTP_ROW_SOURCE_H_
#define MIRROR_SERVER_HTTP_ROW_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/lsn.h"
#include "proto/wire/table.h"
#include "server/store/snapshot.h"
#include "server/tenant/readings.h"

namespace mirror {

/// The rows of a table that a caller wants.
struct RowsWish {
  std::string table;
  bool history = false;  ///< All versions that are kept.
  std::string as_of;     ///< Empty: the present rows. Not with `history`.
};
inline constexpr std::size_t kAsOfBytesMax = 100;

/// Facts about the rows that are known before they are read.
struct RowsForm {
  TableSchema table;  ///< The columns in their order; the key, if the rows have one.
  Position position;
  std::string schema_hash;
  std::int64_t moment = 0;  ///< See ExportHeader.
  std::int64_t rows = -1;   ///< -1: not known.
};

/// Rows of one committed moment. Made by OpenRows(); holds one of the tenant's places for exports.
/// Threads: one at a time.
class RowSource {
 public:
  virtual ~RowSource() = default;

  const RowsForm& form() const { return form_; }
  /// Reads all rows, once, in blocks of about `block_bytes`. Errors: those of Snapshot.
  virtual absl::Status Read(std::size_t block_bytes, const GoOn& go_on, const TakeRows& take) = 0;

 protected:
  explicit RowSource(CommittedReading reading) : reading_(std::move(reading)) {
    form_.schema_hash = reading_.record.schema_hash;
  }

  const CommittedReading reading_;
  RowsForm form_;
};

/// Opens the rows. Errors: those of Readings::ReadCommitted(), FindTableHistory()
/// and FindMoment(); kInvalidArgument: the wish.
absl::StatusOr<std::unique_ptr<RowSource>> OpenRows(Readings& readings, const RowsWish& wish);

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_ROW_SOURCE_H_
