#include "server/store/postgres/durable.h"

#include "base/db/postgres/transaction.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {

absl::Status WaitForStandby(postgres::Connection& connection) {
  constexpr char kWaiting[] = "waiting for a standby";
  postgres::Transaction transaction(connection);
  postgres::Pipeline pipeline(connection);
  transaction.Begin(pipeline);
  pipeline.Queue(postgres::kHasStandbySql, {}, kWaiting);
  // A transaction that writes nothing does not wait for a standby.
  pipeline.Queue("SELECT pg_logical_emit_message(true, 'mirror', '')", {}, kWaiting);
  bool has_standby = false;
  const auto rows = transaction.Commit(pipeline, kWaiting, &has_standby);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  if (has_standby && (*rows)[1].Bool(0, 0)) return absl::OkStatus();
  return absl::UnavailableError(
      "the commit is on no standby, because synchronous_standby_names is empty at the database: the same "
      "call is answered when a DBA has named a standby there.");
}

}  // namespace mirror
