#include "server/rpc/admin/admin_service.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/journal/journal_entry.h"
#include "server/records/json_row.h"
#include "server/rpc/admin/asked_tenant.h"
#include "server/rpc/admin/dry_runs.h"
#include "server/tenant/changes.h"
#include "server/tenant/proven_states.h"
#include "server/tenant/row_calls.h"
#include "server/tenant/table_diff.h"

namespace mirror {
namespace {

constexpr int kChangeWatchersMax = 16;
constexpr std::chrono::milliseconds kChangesInterval{1'000};
/// Interval to check whether the caller went away, or the server stops.
constexpr std::chrono::milliseconds kChangesLook{100};

void EncodeEntry(const JournalEntry& entry, v1::Change* message) {
  message->set_number(entry.number);
  message->set_token(ToString(JournalToken{.number = entry.number, .salt = entry.salt}));
  message->set_table(entry.table);
  message->set_operation(std::string(ToString(entry.operation)));
  message->set_moment(entry.moment);
  message->set_rows(entry.rows);
  message->mutable_columns()->Add(entry.columns.begin(), entry.columns.end());
  message->set_cycle(entry.cycle);
  message->set_seq(entry.seq);
  message->set_origin(entry.origin);
  message->set_committed(entry.commit.has_value());
  if (!entry.commit) return;
  message->set_lsn(entry.commit->position.lsn.value);
  message->set_receipt(entry.commit->receipt);
  message->set_source_ms(entry.commit->source_ms.value_or(0));
  message->set_done_ms(entry.commit->done_ms);
}

void EncodeChange(const Change& change, bool with_keys, v1::Change* message) {
  EncodeEntry(change.entry, message);
  if (!with_keys || !change.keys) return;
  message->set_keys_known(true);
  for (const Column& column : change.keys->columns) message->add_key_columns(column.name);
  for (const Key& key : change.keys->keys) AppendJsonKey(change.keys->columns, key, message->add_keys());
}

AskedChanges AskedOf(const v1::ListChangesRequest& request) {
  AskedChanges asked;
  asked.since = request.since();
  asked.table = request.table();
  if (request.count() > 0) asked.count_max = request.count();
  return asked;
}

absl::Status WriterLeft() { return absl::CancelledError("the caller went away"); }

absl::StatusOr<ChangesPage> ReadPageOf(Tenant& tenant, const AskedChanges& asked) {
  ASSIGN_OR_RETURN(const CommittedReading reading, tenant.OpenCommitted(ReadingKind::kPage));
  return ReadChanges(*reading.snapshot, asked, tenant.journal_rules().get());
}

/// Returns the text for a call about a row. It does not contain the key, which may be a person's name.
std::string RowCall(const char* call, const v1::RowOfTable& request) {
  return absl::StrCat(call, " ", request.context_id(), ": ", request.table());
}

void EncodeVersion(const VersionOfRow& version, v1::ReadRowHistoryResponse::Version* message) {
  message->set_from_moment(version.from);
  message->set_to_moment(version.until);
  message->set_is_insert(version.is_insert);
  if (version.made_by) EncodeEntry(*version.made_by, message->mutable_made_by());
  if (version.ended_by) EncodeEntry(*version.ended_by, message->mutable_ended_by());
  message->set_row(version.row);
}

}  // namespace

grpc::Status AdminChanges::ListChanges(grpc::ServerContext* context, const v1::ListChangesRequest* request,
                                       v1::ListChangesResponse* response) {
  const Needs needs = request->with_keys() ? Needs::kOperator : Needs::kViewer;
  return ServeTenant(*context, needs, absl::StrCat("ListChanges ", request->context_id()), *request,
                     [&](Tenant& tenant) -> absl::Status {
                       ASSIGN_OR_RETURN(const ChangesPage page, ReadPageOf(tenant, AskedOf(*request)));
                       for (const Change& change : page.changes)
                         EncodeChange(change, request->with_keys(), response->add_changes());
                       response->set_next(page.next);
                       response->set_complete(page.complete);
                       return absl::OkStatus();
                     });
}

grpc::Status AdminChanges::WatchChanges(grpc::ServerContext* context, const v1::ListChangesRequest* request,
                                        grpc::ServerWriter<v1::Change>* writer) {
  const Needs needs = request->with_keys() ? Needs::kOperator : Needs::kViewer;
  return Serve(*context, needs, absl::StrCat("WatchChanges ", request->context_id()), [&]() -> absl::Status {
    return WatchWithin(change_watchers_, kChangeWatchersMax, "changes", "ListChanges",
                       [&] { return Watch(*context, *request, writer); });
  });
}

absl::Status AdminChanges::Watch(grpc::ServerContext& context, const v1::ListChangesRequest& request,
                                 grpc::ServerWriter<v1::Change>* writer) {
  AskedChanges asked = AskedOf(request);
  if (const auto tenant = FindAskedTenant(tenants_, request.context_id(), context); !tenant.ok()) {
    return tenant.status();
  }
  while (!context.IsCancelled()) {
    const auto next = std::chrono::steady_clock::now() + kChangesInterval;
    // Found anew each time: a restored tenant is another object.
    ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_.Find(request.context_id()));
    const absl::StatusOr<ChangesPage> page = ReadPageOf(*tenant, asked);
    // Readers of pages go first.
    if (!page.ok() && !absl::IsResourceExhausted(page.status())) return page.status();
    if (page.ok()) {
      asked.since = page->next;
      for (const Change& change : page->changes) {
        v1::Change message;
        EncodeChange(change, request.with_keys(), &message);
        if (!writer->Write(message)) return absl::OkStatus();
      }
      if (!page->complete && !stopping_) continue;
    }
    while (std::chrono::steady_clock::now() < next && !context.IsCancelled()) {
      if (stopping_) return absl::UnavailableError("the server stops. Watch again when it is back.");
      std::this_thread::sleep_for(kChangesLook);
    }
  }
  return absl::OkStatus();
}

grpc::Status AdminChanges::ExplainRow(grpc::ServerContext* context, const v1::RowOfTable* request,
                                      v1::ExplainRowResponse* response) {
  return ServeTenant(*context, Needs::kOperator, RowCall("ExplainRow", *request), *request,
                     [&](Tenant& tenant) -> absl::Status {
                       ASSIGN_OR_RETURN(const CommittedReading reading,
                                        tenant.OpenCommitted(ReadingKind::kPage));
                       ASSIGN_OR_RETURN(const ExplainedRow row,
                                        mirror::ExplainRow(*reading.snapshot, request->table(),
                                                           request->key(), tenant.journal_rules().get()));
                       response->set_table(row.table);
                       response->set_stands(row.stands);
                       response->set_has_history(row.has_history);
                       for (const ExplainedColumn& column : row.columns) {
                         v1::ExplainRowResponse::Column* const message = response->add_columns();
                         message->set_name(column.writer.column);
                         if (column.writer.entry)
                           EncodeEntry(*column.writer.entry, message->mutable_writer());
                         message->set_before(column.before.value_or(""));
                       }
                       return absl::OkStatus();
                     });
}

grpc::Status AdminChanges::ReadRowHistory(grpc::ServerContext* context, const v1::RowOfTable* request,
                                          v1::ReadRowHistoryResponse* response) {
  return ServeTenant(
      *context, Needs::kOperator, RowCall("ReadRowHistory", *request), *request,
      [&](Tenant& tenant) -> absl::Status {
        ASSIGN_OR_RETURN(const CommittedReading reading, tenant.OpenCommitted(ReadingKind::kPage));
        ASSIGN_OR_RETURN(const VersionsOfRow row,
                         mirror::ReadRowHistory(*reading.snapshot, request->table(), request->key()));
        response->set_table(row.table);
        response->set_known_from(row.known_from);
        response->set_complete(row.complete);
        for (const VersionOfRow& version : row.versions) EncodeVersion(version, response->add_versions());
        return absl::OkStatus();
      });
}

grpc::Status AdminChanges::DiffTable(grpc::ServerContext* context, const v1::DiffTableRequest* request,
                                     grpc::ServerWriter<v1::DiffPart>* writer) {
  return ServeTenant(*context, Needs::kOperator,
                     absl::StrCat("DiffTable ", request->context_id(), ": ", request->table()), *request,
                     [&](Tenant& tenant) { return Diff(tenant, *context, *request, *writer); });
}

absl::Status AdminChanges::Diff(Tenant& tenant, const grpc::ServerContext& context,
                                const v1::DiffTableRequest& request,
                                grpc::ServerWriter<v1::DiffPart>& writer) {
  ASSIGN_OR_RETURN(const CommittedReading reading, tenant.OpenCommitted(ReadingKind::kExport));
  ASSIGN_OR_RETURN(const DiffedMoments moments,
                   FindMoments(*reading.snapshot, request.table(), request.from(), request.to()));
  const TableSchema& table = moments.history.schema;
  v1::DiffPart part;
  part.mutable_header()->set_table(table.name);
  for (const std::uint32_t column : table.Key()) {
    part.mutable_header()->add_key_columns(table.columns[column].name);
  }
  EncodeEntry(moments.from.commit, part.mutable_header()->mutable_from());
  EncodeEntry(moments.to.commit, part.mutable_header()->mutable_to());
  if (!writer.Write(part)) return WriterLeft();
  std::vector<Column> key_columns;
  for (const std::uint32_t column : table.Key()) key_columns.push_back(table.columns[column]);
  std::uint64_t rows = 0;
  RETURN_IF_ERROR(mirror::DiffTable(
      *reading.snapshot, moments, GoesOn(context), [&](const RowDifference& difference) -> absl::Status {
        v1::RowDifference& row = *part.mutable_row();
        row.Clear();
        AppendJsonKey(key_columns, difference.key, row.mutable_key());
        row.set_before(difference.before.value_or(""));
        row.set_after(difference.after.value_or(""));
        row.mutable_columns()->Add(difference.columns.begin(), difference.columns.end());
        ++rows;
        return writer.Write(part) ? absl::OkStatus() : WriterLeft();
      }));
  part.mutable_end()->set_rows(rows);
  return writer.Write(part) ? absl::OkStatus() : WriterLeft();
}

grpc::Status AdminChanges::VerifyHistory(grpc::ServerContext* context,
                                         const v1::VerifyHistoryRequest* request,
                                         grpc::ServerWriter<v1::VerifiedMoment>* writer) {
  return ServeTenant(*context, Needs::kViewer,
                     absl::StrCat("VerifyHistory ", request->context_id(),
                                  request->table().empty() ? "" : ": ", request->table()),
                     *request,
                     [&](Tenant& tenant) { return VerifyMoments(tenant, *context, *request, *writer); });
}

absl::Status AdminChanges::VerifyMoments(Tenant& tenant, const grpc::ServerContext& context,
                                         const v1::VerifyHistoryRequest& request,
                                         grpc::ServerWriter<v1::VerifiedMoment>& writer) {
  ASSIGN_OR_RETURN(const CommittedReading reading, tenant.OpenCommitted(ReadingKind::kExport));
  absl::StatusOr<std::vector<std::string>> tables = std::vector<std::string>{request.table()};
  if (request.table().empty()) tables = TablesWithHistory(*reading.snapshot);
  if (!tables.ok()) return tables.status();
  const std::size_t count = request.count() == 0 ? SIZE_MAX : request.count();
  for (const std::string& table : *tables) {
    v1::VerifiedMoment message;
    message.set_table(table);
    bool any = false;
    RETURN_IF_ERROR(VerifyTable(
        *reading.snapshot, table, count, GoesOn(context), [&](const ProvenState& state) -> absl::Status {
          any = true;
          message.set_table(state.commit.table);
          EncodeEntry(state.commit, message.mutable_commit());
          message.set_proven_rows(static_cast<std::uint64_t>(state.commit.commit->row_count));
          message.set_rows(state.rows);
          message.set_equal(state.equal);
          return writer.Write(message) ? absl::OkStatus() : WriterLeft();
        }));
    if (!any && !writer.Write(message)) return WriterLeft();
  }
  return absl::OkStatus();
}

grpc::Status AdminChanges::EraseRow(grpc::ServerContext* context, const v1::EraseRowRequest* request,
                                    v1::EraseRowResponse* response) {
  const std::string call =
      absl::StrCat("EraseRow ", request->context_id(), ": ", request->table(), MeantWords(*request));
  return ServeTenant(*context, NeedsOf(*request), call, *request, [&](Tenant& tenant) -> absl::Status {
    const AskedErasure asked = {request->table(), request->key(), request->now()};
    return DoAsMeant(
        *request, response, GoesOn(*context),
        [&](const DryRun& how) { return WouldErase(tenant, asked, SharedNowMs(), how); },
        [&](const Expected& expected) {
          ASSIGN_OR_RETURN(const ErasedRowCounts erased,
                           tenant.EraseRow(asked, SharedNowMs(), {.expected = expected}));
          response->set_versions(static_cast<std::uint64_t>(erased.versions));
          response->set_entries(static_cast<std::uint64_t>(erased.entries));
          response->set_scrubbed(erased.scrubbed);
          return absl::OkStatus();
        });
  });
}

}  // namespace mirror
