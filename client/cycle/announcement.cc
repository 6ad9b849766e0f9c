#include "client/cycle/announcement.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/cycle/answer_check.h"
#include "client/source/reader.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/codec.h"
#include "proto/wire/limits.h"
#include "proto/wire/source_objects_codec.h"

namespace mirror {
namespace {

std::size_t EntriesOf(const v1::Table& table) {
  std::size_t entries = 1 + static_cast<std::size_t>(table.columns_size());
  for (const v1::Column& column : table.columns()) entries += column.has_default_value() ? 1 : 0;
  return entries;
}

/// Absent: nothing is told. A table that cannot be read is announced as it was, which may not fit.
std::optional<SourceObjects> Told(const SourceTable& table, const std::set<std::string>& announced) {
  if (!table.objects) return std::nullopt;
  SourceObjects told = *table.objects;
  told.more += static_cast<std::uint32_t>(std::erase_if(told.foreign_keys, [&](const SourceForeignKey& key) {
    return !announced.contains(FoldName(key.table));
  }));
  if (!CheckObjects(told, table.schema).ok()) return std::nullopt;
  return told;
}

/// Those that do not fit are numbered.
SourceObjects OnlyCounted(const SourceObjects& objects) {
  SourceObjects counted;
  counted.more = objects.more + static_cast<std::uint32_t>(objects.indexes.size() + objects.untold.size() +
                                                           objects.foreign_keys.size());
  return counted;
}

/// The tables of an announcement. Indexes and foreign keys are told as far as they leave half of what one
/// request may hold to the tables themselves, and foreign keys only to tables that are announced, too; how
/// many more there are is told where one number still fits.
void EncodeAnnouncement(const std::vector<SourceTable>& tables, const v1::Limits& limits,
                        v1::TableSchemaRequest* request) {
  std::set<std::string> announced;
  std::size_t entries = 0;
  const bool tells_identities =
      std::any_of(tables.begin(), tables.end(), [](const SourceTable& table) { return table.identity != 0; });
  for (const SourceTable& table : tables) {
    EncodeTable(table.schema, request->add_tables());
    if (tells_identities) request->add_table_identities(table.identity);
    entries += EntriesOf(*request->tables().rbegin());
    announced.insert(FoldName(table.schema.name));
  }
  const std::size_t entries_max =
      (limits.message_entries_max() == 0 ? kMessageEntriesMax : limits.message_entries_max()) / 2;
  const std::size_t bytes_max = limits.message_bytes_max() / 2;
  std::size_t bytes = request->ByteSizeLong();
  const auto take = [&](const SourceObjects& objects, v1::Table* table) {
    v1::SourceObjects message;
    EncodeObjects(objects, &message);
    constexpr std::size_t kAround = 8;  // Its tag, and the lengths that grow.
    const std::size_t more_bytes = message.ByteSizeLong() + kAround, more_entries = EntriesOf(objects);
    if (entries + more_entries > entries_max || bytes + more_bytes > bytes_max) return false;
    entries += more_entries;
    bytes += more_bytes;
    *table->mutable_source_objects() = std::move(message);
    return true;
  };
  for (std::size_t i = 0; i < tables.size(); ++i) {
    v1::Table* const table = request->mutable_tables(static_cast<int>(i));
    const std::optional<SourceObjects> told = Told(tables[i], announced);
    if (told && !take(*told, table)) take(OnlyCounted(*told), table);
  }
}

/// Without a cycle.
v1::TableSchemaRequest MakeAnnouncement(const RunContext& run, const v1::Limits& limits) {
  v1::TableSchemaRequest request;
  request.set_source_id(run.history.source_id());
  EncodeAnnouncement(run.schema.tables, limits, &request);
  return request;
}

}  // namespace

std::string KnownAnnouncement(const RunContext& run) {
  const Announced& known = run.state.announced();
  if (known.sha256.empty()) return "";
  v1::Limits limits;
  limits.set_message_bytes_max(known.message_bytes_max);
  limits.set_message_entries_max(known.message_entries_max);
  return AnnouncementSha256(MakeAnnouncement(run, limits)) == known.sha256 ? known.sha256 : "";
}

absl::Status AnnounceTables(RunContext& run, Cycle& cycle) {
  v1::TableSchemaRequest request = MakeAnnouncement(run, cycle.limits);
  const std::string sha256 = AnnouncementSha256(request);
  absl::StatusOr<v1::TableSchemaResponse> response;
  if (cycle.announced && cycle.announced_sha256 == sha256) {
    response = *std::move(cycle.announced);
  } else {
    request.set_cycle(cycle.id);
    response = run.client.TableSchema(request);
  }
  if (!response.ok()) return response.status();
  RETURN_IF_ERROR(CheckTables(request, *response));
  run.state.SetAnnounced({sha256, cycle.limits.message_bytes_max(), cycle.limits.message_entries_max()});
  cycle.statuses.assign(response->tables().begin(), response->tables().end());
  run.report.tables_held = response->held_tables_size() > 0;
  if (!cycle.IsFirst()) return absl::OkStatus();
  if (run.report.tables_held) run.AddNote(response->held_reason());
  // Whatever is found from here on, quiet tables included, is so after this moment.
  run.looked_ms = NowMs();
  return absl::OkStatus();
}

}  // namespace mirror
