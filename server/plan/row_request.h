#ifndef MIRROR_SERVER_PLAN_ROW_REQUEST_H_
#define MIRROR_SERVER_PLAN_ROW_REQUEST_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Maximum of requests, and of their bytes, in one commit.
inline constexpr std::size_t kGroupRequestsMax = 64;
inline constexpr std::uint64_t kGroupBytesMax = 2 << 20;
/// A larger request is committed only with those of its own thread: others would wait longer for its rows
/// than for a commit of their own.
inline constexpr std::uint64_t kGroupedRequestBytesMax = 256 << 10;

/// An agreed definition, by which batches are decoded.
struct AgreedTable {
  std::shared_ptr<const TableSchema> schema;
  std::string hash;  ///< SchemaHash of `schema`.
  /// KeptForm of `schema`, by which rows are applied and read. `origin`: each column's index in `schema`.
  std::shared_ptr<const TableSchema> kept = {};
  std::vector<std::uint32_t> origin = {};
};

/// One batch of a request, decoded by the codec.
struct IncomingBatch {
  std::string table;
  std::uint64_t seq = 0;
  std::shared_ptr<const TableSchema> schema;  ///< AgreedTable::kept.
  absl::StatusOr<ChangeBatch> batch;
  /// AgreedTable::hash of the definition that decoded it; empty: not checked. Another definition may be
  /// agreed before the batch is applied.
  std::string decoded_hash = {};
  /// Storage for the hashed and masked values that `batch` views.
  std::shared_ptr<const void> ruled = {};
};

struct IncomingPart {
  std::string table;
  std::uint64_t value_id = 0;
  std::uint64_t offset = 0;
  std::string_view data;
};

struct IncomingAdvance {
  Position position;
  std::vector<std::pair<std::string, Lsn>> tables;
  std::int64_t source_ms = 0;  ///< The time as of which they are current, unix milliseconds; 0: not sent.
};

/// A RowData request, decoded. Its views point into the message, which must outlive it.
struct RowRequest {
  std::int64_t cycle = 0;
  std::vector<IncomingPart> parts;
  std::vector<IncomingBatch> batches;
  std::optional<IncomingAdvance> advance;
  std::uint64_t bytes = 0;  ///< Size of the message: large requests are committed alone.
};

struct BatchOutcome {
  std::string table;
  std::uint64_t seq = 0;
  absl::Status status;
  std::uint64_t applied_seq = 0;
  bool durable = false;
  bool repeated = false;
  Lsn lsn;
  std::vector<std::uint32_t> missing_rows;
  bool more_missing = false;
  bool held = false;    ///< An operator has to decide.
  std::string receipt;  ///< The receipt of a commit; empty: there is none.
  /// For a population's first batch: its reason, and the cycle that wrote the table before.
  PopulateReason populate = PopulateReason::kNone;
  std::int64_t former_cycle = 0;
};

/// Results of one request: of refused parts, then of all batches, then of all tables of `advance`.
using RowAnswer = absl::StatusOr<std::vector<BatchOutcome>>;

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_ROW_REQUEST_H_
