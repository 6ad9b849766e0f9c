#ifndef MIRROR_CLIENT_WIRE_BATCHER_H_
#define MIRROR_CLIENT_WIRE_BATCHER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "client/source/reader.h"
#include "mirror/v1/change_batch.pb.h"
#include "proto/wire/batch.h"
#include "proto/wire/lsn.h"
#include "proto/wire/receipt.h"
#include "proto/wire/row_block.h"

namespace mirror {

struct BatcherLimits {
  std::size_t request_bytes = 1'000'000;  ///< Sends a request of this size; one block may be as large.
  std::size_t message_bytes = 16 << 20;   ///< Limit of the endpoint; a request is kept well under it.
  std::size_t part_bytes = 4 << 20;       ///< Size of one ValuePart.
  std::size_t request_batches = 32;       ///< Small tables share a request, which is one transaction.
  bool receipts = false;                  ///< The content of each table is hashed, see content().
};

/// Makes batches of blocks of rows: numbers the batches of each table, sends long values before the batch
/// that names them, and packs batches of several small tables into one request. Blocks that are added
/// together go in one request if they fit into one message; readers of the mirror see them as one.
///
/// Memory: one request. Threads: one.
class Batcher {
 public:
  using Send = std::function<absl::Status(v1::RowDataRequest&)>;

  /// `send` gets each request; the call that causes the sending returns its error.
  Batcher(std::int64_t cycle, const BatcherLimits& limits, Send send);

  struct Table {
    std::string name;
    std::string schema_hash;
    Lsn base;                                         ///< LSN that the mirror holds; -1 with `populate`.
    PopulateReason populate = PopulateReason::kNone;  ///< Other than kNone: all rows follow.
  };
  void Begin(Table table);
  /// Adds the next batches of the table, under `target`. `planned` goes with the first batch. `last`: the
  /// last one is the commit; without blocks it is a batch without rows. `source_ms` goes with the commit.
  absl::Status Add(const std::vector<ChangeBlock>& blocks, const Position& target,
                   const std::optional<Planned>& planned, bool last, std::int64_t source_ms = 0);
  /// Sends the waiting batches.
  absl::Status Flush();

  /// Number of batches of the present table so far.
  std::uint64_t seq() const { return seq_; }
  /// Hash of their content, see BatchResult.receipt; empty without BatcherLimits::receipts.
  const std::string& content() const { return content_; }

  /// Adds a piece of a long value of the table; call it before the batch that names the value.
  absl::Status Part(std::uint32_t column, std::uint64_t value_id, std::uint64_t offset,
                    std::string_view data);

 private:
  absl::Status MakeRoom(std::size_t bytes);
  absl::Status SendWhenFull();
  void AddToContent(const v1::ChangeBatch& batch);
  v1::ChangeBatch* AddBatch(const Position& target, const std::optional<Planned>& planned);

  BatcherLimits limits_;
  Send send_;
  v1::RowDataRequest request_;
  std::size_t bytes_ = 0;  ///< Approximate bytes of request_.
  Table table_;
  std::uint64_t seq_ = 0;
  std::string content_;
  std::map<std::uint64_t, Sha256Stream> values_;  ///< By id: large values whose parts were sent ahead.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_BATCHER_H_
