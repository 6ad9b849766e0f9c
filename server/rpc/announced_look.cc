#include "server/rpc/announced_look.h"

#include <optional>
#include <string>

#include "base/status_macros.h"
#include "proto/wire/codec.h"
#include "server/rpc/source_words.h"

namespace mirror {
namespace {

/// Where the mirror has the table, and what the announcement would make of it.
absl::Status EncodePlanned(Snapshot& snapshot, const SchemaAnswer& answer, v1::TableStatus* status) {
  status->set_table(answer.table);
  const auto action = static_cast<SchemaAction>(answer.action);
  status->set_wanted(IsWanted(action));
  status->set_action(static_cast<v1::TableAction>(action));
  status->set_reason(SourceWords(answer.reason));
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, snapshot.ReadTable(answer.table));
  EncodePosition(record ? record->position : Position{}, status->mutable_position());
  status->set_row_count(record ? record->row_count : -1);
  return absl::OkStatus();
}

}  // namespace

absl::Status LookAtAnnouncement(Tenant& tenant, const Caller& caller, const v1::TableSchemaRequest& request,
                                const std::vector<AnnouncedTable>& tables, std::int64_t now_ms,
                                const GoOn& go_on, v1::TableSchemaResponse* response) {
  if (request.cycle() != 0) {
    return absl::InvalidArgumentError(
        "a dry run is part of no cycle, and the request names one. Nothing was done. Leave 'cycle' out.");
  }
  const absl::StatusOr<LookedAnnouncement> looked =
      tenant.LookAtAnnouncement(caller, request.source_id(), tables, now_ms);
  if (!looked.ok()) return looked.status();
  ASSIGN_OR_RETURN(const std::vector<AnnouncedLoss> losses, CountLosses(*looked, go_on));
  for (const SchemaAnswer& answer : looked->planned.answers) {
    RETURN_IF_ERROR(EncodePlanned(*looked->snapshot, answer, response->add_tables()));
  }
  for (const AnnouncedLoss& loss : losses) {
    v1::AnnouncedLoss* const message = response->add_losses();
    message->set_table(loss.table);
    message->set_retired(loss.retired);
    message->set_rows(loss.rows);
    message->mutable_columns()->Add(loss.columns.begin(), loss.columns.end());
    message->set_values(loss.values);
    message->set_held(loss.held);
  }
  return absl::OkStatus();
}

}  // namespace mirror
