#include "server/source/announcements.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "proto/wire/codec.h"
#include "proto/wire/source_objects_codec.h"
#include "server/source/source_words.h"

namespace mirror {
namespace {

/// Bytes of a kept announcement beside its texts.
constexpr std::size_t kBytesAround = 256;

/// Encodes where the mirror has the table, and what the announcement would change.
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

/// Does TableSchema as a dry run: `tables` are those of the request. Errors: as
/// Tenant::LookAtAnnouncement(); kInvalidArgument: the request names a cycle.
absl::Status LookAtAnnouncement(Tenant& tenant, const Caller& caller, const v1::TableSchemaRequest& request,
                                const std::vector<AnnouncedTable>& tables, std::int64_t now_ms,
                                const GoOn& go_on, v1::TableSchemaResponse* response) {
  if (request.cycle() != 0) {
    return absl::InvalidArgumentError(
        "a dry run does not belong to a cycle, but the request names one. Nothing was done. Leave 'cycle' "
        "out.");
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

std::vector<AnnouncedTable> DecodeTables(const v1::TableSchemaRequest& request, const WireLimits& limits) {
  std::map<std::string, int> times;
  for (const v1::Table& table : request.tables()) ++times[FoldName(table.name())];
  std::vector<AnnouncedTable> tables;
  tables.reserve(static_cast<std::size_t>(request.tables_size()));
  for (const v1::Table& message : request.tables()) {
    AnnouncedTable table{message.name(), DecodeTable(message, limits)};
    if (table.schema.ok() && message.has_source_objects()) {
      absl::StatusOr<SourceObjects> objects = DecodeObjects(message.source_objects(), *table.schema);
      if (objects.ok()) {
        table.objects = *std::move(objects);
      } else {
        table.objects = objects.status();
      }
    }
    const auto place = static_cast<int>(tables.size());
    if (request.table_identities_size() == request.tables_size())
      table.identity = request.table_identities(place);
    if (times[FoldName(message.name())] > 1) {
      table.schema = absl::InvalidArgumentError(absl::StrCat(
          "table '", message.name(), "' is announced twice (names are compared by ASCII case only). ",
          "Neither is mirrored. Announce each table once."));
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

absl::Status CheckAnnouncement(const v1::TableSchemaRequest& request, const WireLimits& limits) {
  if (static_cast<std::uint64_t>(request.tables_size()) > limits.tables_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat(request.tables_size(), " tables; the limit is ", limits.tables_max,
                     ". Nothing was changed. Announce fewer tables, or give the endpoint's [limits] "
                     "'tables_max' more."));
  }
  if (request.source_id().empty() || request.source_id().size() > kSourceIdBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("'source_id' must have 1 to ", kSourceIdBytesMax,
                     " bytes. Nothing was changed. Send the id that was made when the "
                     "source was installed."));
  }
  return absl::OkStatus();
}

/// Returns a text that identifies the set of rules; empty when all columns are kept as sent.
std::string SetColumnRules(const ColumnRules& rules, std::vector<AnnouncedTable>* tables) {
  std::string told;
  for (AnnouncedTable& table : *tables) {
    if (!table.schema.ok()) continue;
    if (absl::Status status = rules.Set(&*table.schema); !status.ok()) {
      absl::StrAppend(&told, std::string(status.message()));
      table.schema = std::move(status);
    } else if (PlainColumns(*table.schema).size() < table.schema->columns.size()) {
      absl::StrAppend(&told, SchemaHash(*table.schema));
    }
  }
  return told;
}

void EncodeStatus(const TableAnswer& answer, const AnnouncedTable& table, v1::TableStatus* status) {
  status->set_table(answer.table);
  status->set_wanted(answer.wanted);
  if (answer.wanted && table.schema.ok()) {
    for (const Column& column : table.schema->columns) {
      status->add_rules(static_cast<v1::ColumnRule>(column.rule));
    }
  }
  EncodePosition(answer.position, status->mutable_position());
  if (answer.pending) EncodePosition(*answer.pending, status->mutable_pending());
  status->set_schema_hash(answer.schema_hash);
  status->set_action(static_cast<v1::TableAction>(answer.action));
  status->set_reason(SourceWords(answer.reason));
  status->set_row_count(answer.row_count);
  status->set_verify_wanted(answer.verify_wanted);
  status->set_source_accepted(answer.source_accepted);
}

void Encode(const Announcement& answer, const std::vector<AnnouncedTable>& tables,
            v1::TableSchemaResponse* response) {
  for (const std::string& table : answer.held_tables) response->add_held_tables(table);
  response->set_held_reason(SourceWords(answer.held_reason));
  for (std::size_t i = 0; i < answer.tables.size(); ++i) {
    EncodeStatus(answer.tables[i], tables[i], response->add_tables());
  }
}

}  // namespace

std::size_t KeptAnnouncements::Kept::bytes() const {
  return kBytesAround + 2 * tenant.size() + sha256.size() + announcement.size();
}

void KeptAnnouncements::Keep(const std::string& context_id, const std::string& sha256,
                             std::string announcement, Time now) {
  const std::string tenant = FoldName(context_id);
  const MutexLock lock(mutex_);
  Remove(tenant);
  if (announcement.size() > limits_.each_bytes) return;
  kept_.push_front({tenant, sha256, std::move(announcement), now});
  places_[tenant] = kept_.begin();
  bytes_ += kept_.front().bytes();
  while (bytes_ > limits_.all_bytes) Remove(std::string(kept_.back().tenant));
}

std::optional<std::string> KeptAnnouncements::Find(const std::string& context_id, const std::string& sha256,
                                                   Time now) {
  const std::string tenant = FoldName(context_id);
  const MutexLock lock(mutex_);
  const auto found = places_.find(tenant);
  if (found == places_.end() || found->second->sha256 != sha256) return std::nullopt;
  if (now - found->second->since > limits_.longest) {
    Remove(tenant);
    return std::nullopt;
  }
  kept_.splice(kept_.begin(), kept_, found->second);
  return found->second->announcement;
}

void KeptAnnouncements::Forget(const std::string& context_id) {
  const MutexLock lock(mutex_);
  Remove(FoldName(context_id));
}

void KeptAnnouncements::Remove(const std::string& tenant) {
  const auto found = places_.find(tenant);
  if (found == places_.end()) return;
  bytes_ -= found->second->bytes();
  kept_.erase(found->second);
  places_.erase(found);
}

Announcements::Announcements(const WireLimits& limits, std::function<absl::Status()> may_agree)
    : limits_(limits), may_agree_(std::move(may_agree)) {}

absl::Status Announcements::Announce(const Caller& caller, Tenant& tenant, v1::TableSchemaRequest* request,
                                     v1::TableSchemaResponse* response) {
  RETURN_IF_ERROR(MayAgree());
  const std::int64_t cycle = request->cycle();
  request->clear_cycle();
  const std::string sha256 = AnnouncementSha256(*request);
  const absl::StatusOr<Decoded> decoded = Decode(tenant, *request);
  if (!decoded.ok()) {
    tenant.NoteRefusedAnnouncement(cycle, std::string(decoded.status().message()));
    return decoded.status();
  }
  ASSIGN_OR_RETURN(const Announcement answer,
                   tenant.Announce(caller, cycle, request->source_id(), HexDigest(sha256 + decoded->rules),
                                   decoded->tables, SharedNowMs()));
  Encode(answer, decoded->tables, response);
  // If it set a table aside, the source must send it again: that is when such tables are dropped.
  if (answer.repeats) {
    kept_.Keep(caller.context_id, sha256, request->SerializeAsString(), std::chrono::steady_clock::now());
  } else {
    kept_.Forget(caller.context_id);
  }
  return absl::OkStatus();
}

absl::Status Announcements::Look(const Caller& caller, Tenant& tenant, const v1::TableSchemaRequest& request,
                                 const GoOn& go_on, v1::TableSchemaResponse* response) {
  RETURN_IF_ERROR(MayAgree());
  ASSIGN_OR_RETURN(const Decoded decoded, Decode(tenant, request));
  return LookAtAnnouncement(tenant, caller, request, decoded.tables, SharedNowMs(), go_on, response);
}

void Announcements::AnnounceKept(const Caller& caller, Tenant& tenant, std::int64_t cycle,
                                 const std::string& sha256, v1::AuthenticateResponse* response) {
  const std::optional<std::string> kept =
      kept_.Find(caller.context_id, sha256, std::chrono::steady_clock::now());
  v1::TableSchemaRequest request;
  if (!kept || !MayAgree().ok() || !request.ParseFromString(*kept)) return;
  const absl::StatusOr<Decoded> decoded = Decode(tenant, request);
  if (!decoded.ok()) return;
  const absl::StatusOr<Announcement> answer =
      tenant.Announce(caller, cycle, request.source_id(), HexDigest(sha256 + decoded->rules), decoded->tables,
                      SharedNowMs(), Tenant::Announcing::kRepetition);
  if (answer.ok()) Encode(*answer, decoded->tables, response->mutable_announced());
}

absl::Status Announcements::MayAgree() const { return may_agree_ ? may_agree_() : absl::OkStatus(); }

absl::StatusOr<Announcements::Decoded> Announcements::Decode(const Tenant& tenant,
                                                             const v1::TableSchemaRequest& request) const {
  RETURN_IF_ERROR(CheckAnnouncement(request, limits_));
  Decoded decoded;
  decoded.tables = DecodeTables(request, limits_);
  decoded.rules = SetColumnRules(tenant.column_rules(), &decoded.tables);
  return decoded;
}

}  // namespace mirror
