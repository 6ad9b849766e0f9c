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

/// Maximum number of requests in one commit, and of their bytes.
inline constexpr std::size_t kGroupRequestsMax = 64;
inline constexpr std::uint64_t kGroupBytesMax = 2 << 20;
/// Maximum bytes of a request that is committed together with requests of other threads. Those would wait
/// longer for the rows of a larger request than for a commit of their own.
inline constexpr std::uint64_t kGroupedRequestBytesMax = 256 << 10;

/// An agreed definition, for decoding batches.
struct AgreedTable {
  std::shared_ptr<const TableSchema> schema;
  std::string hash;  ///< SchemaHash of `schema`.
  /// KeptForm of `schema`: rows are applied and read in this form. `origin`: for each of its columns, the
  /// index in `schema`.
  std::shared_ptr<const TableSchema> kept = {};
  std::vector<std::uint32_t> origin = {};
};

/// One batch of a request, decoded by the codec.
struct IncomingBatch {
  std::string table;
  std::uint64_t seq = 0;
  std::shared_ptr<const TableSchema> schema;  ///< AgreedTable::kept.
  absl::StatusOr<ChangeBatch> batch;
  /// AgreedTable::hash of the definition for which the batch was decoded. It is compared, because another
  /// definition may be agreed before the batch is applied. Empty: not compared.
  std::string decoded_hash = {};
  /// Memory for hashed and masked values; `batch` has views into it.
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
  std::int64_t source_ms = 0;  ///< The time whose state the tables show, unix milliseconds; 0: not sent.
};

/// A decoded RowData request. It has views into the message, which must outlive it.
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
  /// For a population's first batch: the reason, and the cycle that wrote to the table before.
  PopulateReason populate = PopulateReason::kNone;
  std::int64_t former_cycle = 0;
};

/// Results of one request: first those of refused parts, then of all batches, then of all tables of
/// `advance`.
using RowAnswer = absl::StatusOr<std::vector<BatchOutcome>>;

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_ROW_REQUEST_H_
