#ifndef MIRROR_CLIENT_EXCHANGE_SERVER_WRITER_H_
#define MIRROR_CLIENT_EXCHANGE_SERVER_WRITER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/import_delivery.h"

namespace mirror {

/// Executes one task, and writes to the ledger the new values of its row, of rows that
/// foreign keys reach from it, and of rows that triggers change. To be used in the transaction.
/// Errors: those of `database`; its Refusal() tells whether it refused the task.
class ServerWriter {
 public:
  /// All of them outlive this object. `is_alone`: the transaction does no other task.
  ServerWriter(DeliveryDatabase& database, const DeliveryTask& task, const ServerMember& member,
               std::int64_t now_ms, bool is_alone = true)
      : database_(database), task_(task), member_(member), now_ms_(now_ms), is_alone_(is_alone) {}

  /// `before`: the row's mapped columns; empty: there is no row. Returns APPLIED, or REFUSED with the reason.
  absl::StatusOr<ImportResult> Write(const RowOf& before);

 private:
  absl::StatusOr<ImportResult> NoteApplied(const RowOf& key, const RowOf& before);
  absl::Status NoteReached(const RowOf& key, const std::vector<ReachedRow>& before);
  absl::Status NoteTriggered();
  absl::Status NoteOther(const char* operation, const ReachedRow& row, const RowOf* values);

  DeliveryDatabase& database_;
  const DeliveryTask& task_;
  const ServerMember& member_;
  const std::int64_t now_ms_;
  const bool is_alone_;
  RowNames known_;  ///< The row itself, and those already written to the ledger.
  int others_ = 0;  ///< Number of other rows written to the ledger.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_SERVER_WRITER_H_
