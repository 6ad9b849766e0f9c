#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SYNTHETIC_SOURCE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SYNTHETIC_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/wire/mirror_client.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/receipt.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"

namespace mirror::harness {

/// A source's part of the protocol, for test sources: begins a cycle, announces tables, sends batches,
/// commits and completes. The caller decides what to send and checks the answers. Errors: the call's.
/// Threads: one.
class SyntheticSource {
 public:
  SyntheticSource(std::unique_ptr<MirrorClient> client, std::string source_id)
      : client_(std::move(client)), source_id_(std::move(source_id)) {}

  MirrorClient& client() const { return *client_; }
  /// Returns the number of the cycle that the last Authenticate() began.
  std::int64_t cycle() const { return cycle_; }
  /// Returns the limits from the last answer to Authenticate().
  const v1::Limits& limits() const { return limits_; }

  absl::StatusOr<v1::AuthenticateResponse> Authenticate(const std::string& holder, bool take_over,
                                                        bool probe = false,
                                                        const std::string& announced_sha256 = {});
  v1::TableSchemaRequest Announcement(const std::vector<TableSchema>& tables) const;
  absl::StatusOr<v1::TableSchemaResponse> Announce(const std::vector<TableSchema>& tables) const;
  v1::RowDataRequest Request(const std::vector<v1::ChangeBatch>& batches) const;
  absl::StatusOr<v1::ReplicationCompletedResponse> Complete(const std::vector<v1::TableSummary>& tables = {});
  v1::ReplicationCompletedRequest Completed(const std::vector<v1::TableSummary>& tables) const;
  /// Notes that the cycle has ended, by ReplicationCompleted or with its last rows.
  void Ended(const v1::ReplicationCompletedResponse& answer);

 private:
  std::unique_ptr<MirrorClient> client_;
  std::string source_id_;
  std::int64_t cycle_ = 0;
  v1::Limits limits_;
  ReceiptHead receipts_;  ///< The last receipt that the source has; the mirror sends those after it.
};

/// Makes the batch with number `seq` of a table, without rows. It is based on the table's `status`, and its
/// target is the position `target`.
v1::ChangeBatch BatchAt(const std::string& table, const v1::TableStatus& status, std::uint64_t seq,
                        const v1::Position& target, v1::Operation operation);
/// Sets the rows of `batch`. `fill` appends them to a block with these columns; empty `columns` means all
/// columns.
void FillBatch(const TableSchema& table, std::vector<std::uint32_t> columns,
               const std::function<void(RowBlock*)>& fill, v1::ChangeBatch* batch);
/// Marks the batch as the table's last; its commit moves the table to its target.
void AddCommit(v1::ChangeBatch* batch);
absl::Status StatusOf(const v1::BatchResult& result);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SYNTHETIC_SOURCE_H_
