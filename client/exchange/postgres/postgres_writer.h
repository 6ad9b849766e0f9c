#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_WRITER_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/import_delivery.h"
#include "client/exchange/postgres/postgres_inbox.h"
#include "client/exchange/postgres/postgres_members.h"
#include "client/exchange/postgres/postgres_reached.h"

namespace mirror {

/// Why the database did not do what it was told, without values; empty: it is the source that fails, the
/// connection, or another transaction that was in the way.
std::string PostgresRefusal(const absl::Status& status);

/// Does one task, and notes in the ledger what became of its row and of those that foreign keys lead to from
/// it. In the transaction. Errors: those of the statements, of which PostgresRefusal() says whether the
/// database refused it.
class PostgresWriter {
 public:
  /// All of them outlive it.
  PostgresWriter(postgres::Connection& connection, PostgresMembers& members, PostgresInbox& inbox,
                 const DeliveryTask& task, const PostgresMember& member, std::int64_t now_ms)
      : connection_(connection),
        members_(members),
        inbox_(inbox),
        task_(task),
        member_(member),
        now_ms_(now_ms) {}

  /// `before`: the row's mapped columns; empty: there is none. APPLIED, or REFUSED with the reason.
  absl::StatusOr<ImportResult> Write(const RowOf& before);

 private:
  absl::StatusOr<bool> RunStatement(RowOf* key);
  absl::StatusOr<ImportResult> NoteApplied(const RowOf& key, const RowOf& before);
  absl::Status NoteOthers(const RowOf& key, const std::vector<ReachedRow>& before);
  absl::Status NoteOther(const char* operation, const ReachedRow& row, const RowOf* values);

  postgres::Connection& connection_;
  PostgresMembers& members_;
  PostgresInbox& inbox_;
  const DeliveryTask& task_;
  const PostgresMember& member_;
  const std::int64_t now_ms_;
  int others_ = 0;  ///< Rows beside the delivery's that were noted.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_WRITER_H_
