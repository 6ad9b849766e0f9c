#include "server/tenant/readings.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/plan/breaker.h"
#include "server/plan/freshness_plan.h"
#include "server/plan/index_plan.h"
#include "server/plan/move_mark.h"
#include "server/tenant/operator_calls.h"

namespace mirror {

std::shared_ptr<void> ReadingPlaces::Take(std::chrono::milliseconds wait) {
  {
    const auto until = std::chrono::steady_clock::now() + wait;
    const MutexLock lock(state_->mutex);
    while (state_->free == 0) {
      if (!state_->changed.WaitUntil(state_->mutex, until) && state_->free == 0) return nullptr;
    }
    --state_->free;
  }
  return {static_cast<void*>(state_.get()), [state = state_](void*) {
            const MutexLock lock(state->mutex);
            ++state->free;
            state->changed.NotifyOne();
          }};
}

namespace {

/// Interval at which other servers learn of a long reading. Less than the idle limit of a cycle.
constexpr std::int64_t kReadingNotedMs = 30'000;

/// Checks that the rows are a state of the source, in the columns of the current definition.
absl::Status IsReadable(const TableRecord& record) {
  if (record.state == TableState::kRepopulate) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", record.table,
                     "' was changed at its source, and its rows still have the former columns. Nothing was "
                     "read. The next population puts them right; then ask again."));
  }
  // A population fills a separate table. A table with rows was populated before; an
  // empty one is doubtful, and an answer without rows would look like the whole table.
  if (record.position.lsn != Lsn{} || record.row_count != 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", record.table,
      "' has no rows and is at LSN -1: it was never populated, or it was empty when its LSN "
      "was set to -1. Nothing was read. Its source populates it in the next cycle that succeeds; "
      "then ask again."));
}

}  // namespace

absl::StatusOr<TableReading> Readings::Read(const Caller& caller, std::int64_t cycle,
                                            const std::string& table, const Position& position,
                                            std::int64_t now_ms) {
  ASSIGN_OR_RETURN(std::shared_ptr<void> place, TakePlace(sources_, std::chrono::seconds(0)));
  absl::StatusOr<AgreedTable> agreed = ReadAgreed(mirror_, caller, table, "");
  const MutexLock lock(mirror_.mutex());
  ASSIGN_OR_RETURN(TenantRecord running, ReadRunning(mirror_, caller, cycle, now_ms));
  RETURN_IF_ERROR(mirror_.QuarantineIfDamaged(mirror_.cycle().Load(*mirror_.store())));
  if (agreed.ok() && (running.announced.empty() || mirror_.cycle().refused().contains(FoldName(table)))) {
    agreed = NotAgreed(table);
  }
  if (!agreed.ok()) return agreed.status();
  ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot,
                   mirror_.QuarantineIfDamaged(mirror_.store()->OpenSnapshot()));
  ASSIGN_OR_RETURN(std::optional<TableRecord> record,
                   mirror_.QuarantineIfDamaged(snapshot->ReadTable(table)));
  const bool there = record && record->position == position && !record->pending &&
                     record->state == TableState::kMirrored && position.lsn != Lsn{} &&
                     record->schema_hash == agreed->hash;
  if (!there) {
    return absl::FailedPreconditionError(absl::StrCat("table '", table,
                                                      "' is not at the position that was asked for, or has "
                                                      "rows of a later one. Nothing was read. Commit it to "
                                                      "that position, and ask in the same cycle."));
  }
  mirror_.partner().TellRows(
      *mirror_.store(), cycle, table,
      "A repair by the source ('verify --repair', or a comparison that differs), or the next "
      "population, removes");
  TableReading reading;
  reading.place = std::move(place);
  reading.snapshot = std::move(snapshot);
  reading.table = *std::move(agreed);
  return reading;
}

absl::StatusOr<CommittedReading> Readings::ReadCommitted(const std::string& table, ReadingKind kind) {
  ASSIGN_OR_RETURN(CommittedReading reading, OpenCommitted(kind));
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, reading.snapshot->ReadTable(table));
  ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, reading.snapshot->ReadSchema(table));
  if (!record || !agreed) {
    if (kind == ReadingKind::kExport) {
      return absl::NotFoundError(absl::StrCat("tenant '", mirror_.context_id(), "' has no table '", table,
                                              "' in its mirror. Nothing was read. 'mirrorctl tables ",
                                              mirror_.context_id(), "' lists its tables."));
    }
    return absl::NotFoundError(
        absl::StrCat("there is no table '", table,
                     "' in the mirror. Nothing was read. GET /v4/storages/{storageId}/records lists its "
                     "tables."));
  }
  RETURN_IF_ERROR(IsReadable(*record));
  reading.record = *record;
  reading.kept = KeptForm(*agreed);
  return reading;
}

absl::StatusOr<std::uint64_t> Readings::ListCommitted(const std::string& after, const TakeTable& take) {
  ASSIGN_OR_RETURN(const CommittedReading reading, OpenCommitted(ReadingKind::kPage));
  ASSIGN_OR_RETURN(std::vector<TableRecord> records, reading.snapshot->ReadTables());
  std::map<std::string, TableRecord> sorted;
  for (TableRecord& record : records) {
    if (IsReadable(record).ok()) sorted.insert_or_assign(FoldName(record.table), std::move(record));
  }
  for (auto one = sorted.upper_bound(FoldName(after)); one != sorted.end(); ++one) {
    const TableRecord& record = one->second;
    ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, reading.snapshot->ReadSchema(record.table));
    if (agreed && !take(record, KeptForm(*agreed))) break;
  }
  return sorted.size();
}

absl::StatusOr<CommittedReading> Readings::OpenCommitted(ReadingKind kind) {
  CommittedReading reading;
  const bool is_page = kind == ReadingKind::kPage;
  ReadingPlaces& places = is_page ? pages_ : kind == ReadingKind::kStream ? streams_ : exports_;
  ASSIGN_OR_RETURN(reading.place, TakePlace(places, is_page ? kPageWait : std::chrono::seconds(0)));
  const MutexLock lock(mirror_.mutex());
  if (absl::Status opened = OpenForOperator(mirror_, SharedNowMs()); !opened.ok()) {
    // The reader is not an operator.
    if (!absl::IsNotFound(opened)) return opened;
    return absl::NotFoundError(
        absl::StrCat("'", mirror_.context_id(), "' was deleted, or its mirror is lost. Nothing was read."));
  }
  ASSIGN_OR_RETURN(reading.snapshot, mirror_.QuarantineIfDamaged(mirror_.store()->OpenSnapshot()));
  return reading;
}

absl::StatusOr<std::shared_ptr<void>> Readings::TakePlace(ReadingPlaces& places,
                                                          std::chrono::milliseconds wait) {
  std::shared_ptr<void> place = places.Take(wait);
  if (place != nullptr) return place;
  return absl::ResourceExhaustedError(
      absl::StrCat("tenant '", mirror_.context_id(), "' has ", kReadingsMax,
                   " readings under way already. Nothing was read; try again when one has ended."));
}

void Readings::ReadOn(std::int64_t cycle, std::int64_t came_ms, std::chrono::steady_clock::time_point began) {
  const MutexLock lock(mirror_.mutex());
  CycleProgress& progress = mirror_.progress();
  const std::int64_t now_ms = progress.EndOf(came_ms, began);
  // A reading of an ended cycle says nothing about the running one.
  if (cycle == progress.cycle()) progress.Note(cycle, now_ms);
  if (!mirror_.options().is_shared || mirror_.store() == nullptr) return;
  if (now_ms - written_ms_ < kReadingNotedMs) return;
  written_ms_ = now_ms;
  // Other servers learn of it only from the tenant's row. The next call meets a failure of this again.
  Writing writing;
  while (mirror_.Begin(writing)) {
    const TenantRecord& tenant = writing.tenant();
    const bool is_due = now_ms - tenant.progress_ms >= kReadingNotedMs;
    Plan plan;
    plan.cycle = cycle;
    plan.now_ms = now_ms;
    writing.Commit(tenant.active && tenant.cycle == cycle && is_due ? std::optional(std::move(plan))
                                                                    : std::nullopt);
  }
  mirror_.Finish(writing).status().IgnoreError();
}

void Readings::NoteDigests(std::int64_t cycle, const std::string& table, const Position& position,
                           const std::vector<KeyRange>& ranges, const std::vector<RangeDigest>& answer) {
  const MutexLock lock(mirror_.mutex());
  mirror_.cycle().NoteDigests(cycle, table, position, ranges, answer);
}

absl::StatusOr<Readings::Receipts> Readings::ReadReceipts(const ReceiptHead& known, std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  // The mirror may be closed. "No receipts" must not be reported for a file that was not read.
  RETURN_IF_ERROR(mirror_.Open(/*create=*/false, now_ms));
  Receipts receipts;
  StoreRecords& stored = mirror_.store()->records();
  ASSIGN_OR_RETURN(receipts.head, mirror_.QuarantineIfDamaged(stored.ReadReceiptHead()));
  if (known == receipts.head || receipts.head.number == 0) return receipts;
  std::uint64_t after = known.number;
  if (after > 0 && !known.hash.empty()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> own,
                     mirror_.QuarantineIfDamaged(stored.ReadReceipts(after - 1, 1)));
    const bool same = !own.empty() && HashOf(own.front()) == known.hash;
    const std::uint64_t head_number = receipts.head.number;
    if (!same) after = head_number > kReceiptsPerAnswerMax ? head_number - kReceiptsPerAnswerMax : 0;
  }
  if (after >= receipts.head.number) return receipts;
  ASSIGN_OR_RETURN(receipts.texts,
                   mirror_.QuarantineIfDamaged(stored.ReadReceipts(after, kReceiptsPerAnswerMax)));
  return receipts;
}

absl::StatusOr<std::optional<ReceiptHead>> Readings::UnsignedReceipts() {
  const MutexLock lock(mirror_.mutex());
  if (!keeps_receipts() || mirror_.store() == nullptr) return std::nullopt;
  absl::StatusOr<ReceiptHead> head = mirror_.store()->records().ReadReceiptHead();
  // The cycle is over.
  mirror_.store()->upkeep().StandAlone();
  if (!head.ok()) return mirror_.QuarantineIfDamaged(head.status());
  if (head->number == 0 || *head == signed_receipts_) return std::nullopt;
  return *std::move(head);
}

void Readings::SignedReceipts(const ReceiptHead& head) {
  const MutexLock lock(mirror_.mutex());
  signed_receipts_ = head;
}

absl::StatusOr<TenantInfo> Readings::Info() {
  const MutexLock lock(mirror_.mutex());
  TenantInfo info;
  info.record.context_id = mirror_.context_id();
  if (absl::Status status = OpenForOperator(mirror_, 0); !status.ok()) {
    if (absl::IsNotFound(status)) return status;
    info.quarantine = std::string(status.message());
    return info;
  }
  ASSIGN_OR_RETURN(info.record, ReadTenantOf(mirror_, 0));
  info.record.pause_reason = PauseWords(info.record.paused, info.record.pause_reason);
  ASSIGN_OR_RETURN(std::vector<TableRecord> records,
                   mirror_.QuarantineIfDamaged(mirror_.store()->records().ReadTables()));
  info.tables = static_cast<std::uint32_t>(records.size());
  info.tables_unpopulated = static_cast<std::uint32_t>(std::count_if(
      records.begin(), records.end(), [](const TableRecord& r) { return r.position.lsn == Lsn{}; }));
  info.bytes = mirror_.store()->upkeep().BytesOnDisk();
  RETURN_IF_ERROR(mirror_.QuarantineIfDamaged(mirror_.cycle().Load(*mirror_.store())));
  for (const Hold& hold : mirror_.cycle().holds()) {
    if (hold.state == HoldState::kWaiting) ++info.holds;
    if (hold.kind == HoldKind::kSource && hold.state == HoldState::kWaiting) {
      info.waiting_source = hold.source_id;
    }
  }
  return info;
}

absl::StatusOr<std::vector<TableInfo>> Readings::Tables() {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, 0));
  StoreRecords& stored = mirror_.store()->records();
  ASSIGN_OR_RETURN(std::vector<TableRecord> records, mirror_.QuarantineIfDamaged(stored.ReadTables()));
  ASSIGN_OR_RETURN(std::vector<TableCheck> checks, mirror_.QuarantineIfDamaged(stored.ReadChecks()));
  ASSIGN_OR_RETURN(const Freshness freshness, mirror_.QuarantineIfDamaged(stored.ReadFreshness()));
  std::map<std::string, TableCheck> check_of;
  for (TableCheck& check : checks) check_of[FoldName(check.table)] = std::move(check);
  RETURN_IF_ERROR(mirror_.QuarantineIfDamaged(mirror_.cycle().Load(*mirror_.store())));
  ASSIGN_OR_RETURN(const UnsentTables unsent,
                   mirror_.QuarantineIfDamaged(mirror_.cycle().LoadUnsent(*mirror_.store())));
  std::vector<TableInfo> tables;
  std::set<const UnsentTable*> agreed;
  for (TableRecord& record : records) {
    ASSIGN_OR_RETURN(std::optional<TableSchema> schema,
                     mirror_.QuarantineIfDamaged(stored.ReadSchema(record.table)));
    const auto columns = schema ? static_cast<std::uint32_t>(schema->columns.size()) : 0U;
    TableCheck check = check_of[FoldName(record.table)];
    // The compared rows are to be replaced.
    if (record.position.lsn == Lsn{}) check.equality = Equality::kUnknown;
    const bool held = IsHeld(mirror_.cycle().holds(), record.table);
    const std::int64_t source_ms = TimeOf(freshness, record.table).value_or(0);
    const std::int64_t target_ms = TargetOf(freshness.targets, record.table);
    const UnsentTable* const left = unsent.Find(record.table);
    tables.push_back({std::move(record), columns, std::move(check), held, source_ms, target_ms});
    if (left == nullptr) continue;
    tables.back().unsent = *left;
    agreed.insert(left);
  }
  for (const UnsentTable& left : unsent.tables) {
    if (agreed.contains(&left)) continue;
    TableInfo& info = tables.emplace_back();
    info.record.table = left.table;
    info.record.row_count = -1;
    info.unsent = left;
    info.is_agreed = false;
  }
  return tables;
}

absl::StatusOr<std::vector<Hold>> Readings::Holds() {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, 0));
  RETURN_IF_ERROR(mirror_.QuarantineIfDamaged(mirror_.cycle().Load(*mirror_.store())));
  return mirror_.cycle().holds();
}

absl::StatusOr<std::vector<IndexesOfTable>> Readings::Indexes(const std::vector<std::string>& tables) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, 0));
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   mirror_.QuarantineIfDamaged(FindTables(mirror_, tables)));
  std::set<std::string> asked;
  for (const std::string& name : names) asked.insert(FoldName(name));
  ASSIGN_OR_RETURN(
      const std::vector<FollowedTable> known,
      mirror_.QuarantineIfDamaged(ReadFollowed(
          *mirror_.store(), ConfiguredFor(*mirror_.options().indexes->Get(), mirror_.context_id()))));
  StoreRecords& records = mirror_.store()->records();
  ASSIGN_OR_RETURN(const std::vector<OwnIndex> own, mirror_.QuarantineIfDamaged(records.ReadOwnIndexes()));
  const IndexWriter terms = [&records](const TableSchema& kept, const std::vector<IndexColumn>& columns) {
    return records.IndexTermsOf(kept, columns);
  };
  std::vector<IndexesOfTable> found;
  bool told = known.empty();
  for (const FollowedTable& table : known) {
    told = told || table.objects || !table.configured.empty();
    const std::string key = FoldName(table.kept.name);
    if (!asked.contains(key)) continue;
    IndexesOfTable& of = found.emplace_back(
        IndexesOfTable{table.kept.name, table.objects, IndexLines(table.kept, table.objects, terms), {}});
    for (std::string& line : ConfiguredLines(table, own, terms)) of.lines.push_back(std::move(line));
    for (const OwnIndex& index : own) {
      if (FoldName(index.table) == key && !index.is_too_long) of.followed.push_back(index.name);
    }
  }
  if (told) return found;
  if (mirror_.seen().HasRecords()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the rows of '", mirror_.context_id(),
        "' come as records over HTTP: there is no source that has indexes. Nothing was changed"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the source of '", mirror_.context_id(),
      "' has not said which indexes it has: its agent is older than 0.2, or no cycle began since the server "
      "was updated. Nothing was changed. Update the agent and let one cycle run"));
}

absl::StatusOr<std::optional<HookNote>> Readings::FirstHook(const std::string& hook) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, 0));
  // A crash loses a mirror in creation, with all notes in it.
  if (mirror_.store()->IsBuilding()) return std::optional<HookNote>();
  // The notes move with a mirror, and are delivered from its new place.
  ASSIGN_OR_RETURN(const TenantRecord tenant,
                   mirror_.QuarantineIfDamaged(mirror_.store()->records().ReadTenant()));
  if (MarkOf(tenant)) return std::optional<HookNote>();
  return mirror_.QuarantineIfDamaged(mirror_.store()->records().ReadHook(hook));
}

absl::Status Readings::HookDone(std::int64_t id) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, 0));
  Plan plan;
  plan.delivered_hooks.push_back(id);
  const absl::StatusOr<CommitResult> result = mirror_.store()->Commit(plan);
  return result.ok() ? absl::OkStatus() : mirror_.QuarantineIfDamaged(result.status());
}

}  // namespace mirror
