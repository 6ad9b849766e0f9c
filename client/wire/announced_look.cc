#include "client/wire/announced_look.h"

#include "base/status_macros.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/codec.h"

namespace mirror {

absl::StatusOr<AnnouncedLook> LookAtAnnouncement(MirrorClient& client, const std::string& source_id,
                                                 const std::vector<TableSchema>& tables) {
  v1::TableSchemaRequest request;
  request.set_dry_run(true);
  request.set_source_id(source_id);
  for (const TableSchema& table : tables) EncodeTable(table, request.add_tables());
  ASSIGN_OR_RETURN(const v1::TableSchemaResponse answer, client.TableSchema(request));
  AnnouncedLook look;
  for (const v1::TableStatus& table : answer.tables()) {
    const bool refused = table.action() == v1::TABLE_ACTION_REFUSED;
    if (!refused && table.action() != v1::TABLE_ACTION_REPOPULATE) continue;
    look.tables.push_back({table.table(), refused, table.reason()});
  }
  for (const v1::AnnouncedLoss& loss : answer.losses()) {
    look.losses.push_back({.table = loss.table(),
                           .retired = loss.retired(),
                           .rows = loss.rows(),
                           .columns = {loss.columns().begin(), loss.columns().end()},
                           .values = loss.values(),
                           .held = loss.held()});
  }
  return look;
}

}  // namespace mirror
