#include "client/exchange/server_deliveries.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "client/exchange/server_swap.h"
#include "client/exchange/server_writer.h"

namespace mirror {
namespace {

using Fate = DeliveryDatabase::Fate;

/// Maximum of deliveries in one run for which the inbox is searched.
constexpr int kSwapsMax = 100;

absl::Status Explain(const absl::Status& status, bool is_applied_unknown) {
  return {status.code(),
          absl::StrCat(std::string(status.message()),
                       is_applied_unknown
                           ? ". It is unknown whether this delivery was applied: the next run checks the "
                             "ledger"
                           : ". Nothing of this delivery was applied: the next run tries it again")};
}

}  // namespace

ServerDeliveries::~ServerDeliveries() = default;

// Hours may pass between these calls, so each opens a session of its own.

absl::Status ServerDeliveries::EmptyInbox() {
  RETURN_IF_ERROR(database_->Connect());
  absl::Status emptied = database_->inbox().Empty();
  database_->Disconnect();
  return emptied;
}

absl::Status ServerDeliveries::FillInbox(const FetchedDeliveries& fetched, std::int64_t now_ms) {
  RETURN_IF_ERROR(database_->Connect());
  // First: then the values that were removed from the ledger are not shown, either.
  absl::Status filled = ForgetValuesOfGone(now_ms);
  if (filled.ok()) filled = database_->inbox().Fill(fetched, now_ms);
  in_inbox_.reset();
  database_->Disconnect();
  if (filled.ok()) CrashPoint("agent.transported");
  return filled;
}

absl::Status ServerDeliveries::ForgetValuesOfGone(std::int64_t now_ms) {
  const absl::StatusOr<WrittenRows> written = database_->inbox().ReadWrittenRows(now_ms);
  if (!written.ok() || written->empty()) return written.status();
  RETURN_IF_ERROR(Look());
  for (const auto& [name, rows] : *written) {
    const absl::Status forgotten = database_->inbox().ForgetValuesOfGone(database_->Find(name), rows);
    if (forgotten.ok()) continue;
    if (!absl::IsAborted(forgotten)) return forgotten;
    has_looked_ = false;  // The table changed: the next run reads the catalog again.
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Delivery>> ServerDeliveries::ReadInbox() {
  RETURN_IF_ERROR(database_->Connect());
  return database_->inbox().Read();
}

absl::StatusOr<ImportResult> ServerDeliveries::Import(const v1::Delivery& delivery) {
  std::optional<ImportResult> unsure;
  absl::Status last;
  for (int attempt = 0; attempt < kImportAttempts; ++attempt) {
    committing_.reset();
    absl::StatusOr<ImportResult> result = Try(delivery);
    if (result.ok()) {
      CrashPoint("agent.imported");
      return unsure ? Resolve(*result, *unsure) : *std::move(result);
    }
    last = result.status();
    const Fate fate = database_->FateOf(last);
    if (fate == Fate::kUnknown && committing_) {
      unsure = committing_;
    } else if (fate != Fate::kAgain) {
      break;
    }
    // The table or the announced type of a value may have changed, too.
    has_looked_ = false;
  }
  return Explain(last, unsure || database_->FateOf(last) == Fate::kUnsafe);
}

void ServerDeliveries::EndImport() {
  has_looked_ = false;
  in_inbox_.reset();
  swaps_ = 0;
  database_->Disconnect();
}

absl::Status ServerDeliveries::WithBoxes(const std::function<absl::Status(BoxSource&)>& work) {
  RETURN_IF_ERROR(database_->Connect());
  BoxSource* const boxes = database_->boxes();
  absl::Status done = boxes != nullptr ? work(*boxes) : DeliveryTarget::WithBoxes(work);
  database_->Disconnect();
  return done;
}

/// A transaction whose answer was lost was tried again. If the
/// first try was committed, the ledger says so in the second.
ImportResult ServerDeliveries::Resolve(const ImportResult& again, const ImportResult& first) {
  const bool was_done =
      (again.outcome == v1::DELIVERY_OUTCOME_ALREADY && first.outcome == v1::DELIVERY_OUTCOME_APPLIED) ||
      (again.outcome == v1::DELIVERY_OUTCOME_LATER && first.outcome == v1::DELIVERY_OUTCOME_REFUSED);
  return was_done ? first : again;
}

absl::Status ServerDeliveries::Look() {
  if (has_looked_) return absl::OkStatus();
  absl::Status looked = database_->Look();
  has_looked_ = looked.ok();
  return looked;
}

absl::StatusOr<ImportResult> ServerDeliveries::Try(const v1::Delivery& delivery) {
  RETURN_IF_ERROR(database_->Connect());
  RETURN_IF_ERROR(Look());
  RETURN_IF_ERROR(PrepareMatches(delivery));
  absl::StatusOr<ImportResult> result = Begun(delivery);
  if (!result.ok()) database_->RollBack();
  return result;
}

absl::StatusOr<ImportResult> ServerDeliveries::Begun(const v1::Delivery& delivery) {
  const bool inserts = delivery.operation() == v1::OPERATION_INSERT;
  RETURN_IF_ERROR(database_->Begin(inserts));
  absl::StatusOr<ImportResult> result = Do(delivery);
  bool is_taken = false;
  if (!result.ok()) {
    std::string why = database_->Refusal(result.status());
    if (why.empty()) return result.status();
    is_taken = database_->swaps()->IsTaken(result.status());
    result = ImportResult{v1::DELIVERY_OUTCOME_REFUSED, std::move(why)};
  }
  if (result->outcome == v1::DELIVERY_OUTCOME_REFUSED) {
    RETURN_IF_ERROR(database_->TakeBack());
    ASSIGN_OR_RETURN(const bool is_swapped, is_taken ? Swap(delivery) : false);
    if (is_swapped) {
      result = ImportResult{v1::DELIVERY_OUTCOME_APPLIED};
    } else {
      RETURN_IF_ERROR(NoteRefused(delivery, result->reason));
    }
  }
  RETURN_IF_ERROR(Leave(delivery, *result));
  CrashPoint("agent.importing");
  committing_ = *result;
  RETURN_IF_ERROR(database_->Commit());
  return result;
}

/// Removes the delivery from the inbox, and updates what the source shows of it.
absl::Status ServerDeliveries::Leave(const v1::Delivery& delivery, const ImportResult& result) {
  RETURN_IF_ERROR(database_->inbox().Remove(delivery.delivery_id()));
  return database_->ShowImported(delivery, result, clock_());
}

absl::StatusOr<bool> ServerDeliveries::Swap(const v1::Delivery& delivery) {
  if (delivery.operation() != v1::OPERATION_UPDATE || ++swaps_ > kSwapsMax) return false;
  SwapDatabase& swaps = *database_->swaps();
  RETURN_IF_ERROR(swaps.Begin());
  absl::StatusOr<bool> done = SwapBegun(delivery);
  // The delivery keeps its own reason.
  if (!done.ok() && !database_->Refusal(done.status()).empty()) done = false;
  if (done.ok() && !*done) RETURN_IF_ERROR(swaps.TakeBack());
  return done;
}

absl::StatusOr<bool> ServerDeliveries::SwapBegun(const v1::Delivery& delivery) {
  if (!in_inbox_) {
    ASSIGN_OR_RETURN(const std::vector<v1::Delivery> inbox, database_->inbox().Read());
    in_inbox_.emplace();
    for (const v1::Delivery& one : inbox) in_inbox_->Add(one);
  }
  const ServerMember* const member = database_->Find(delivery.table());
  if (member == nullptr) return false;
  ServerSwap swap(*database_, *member, rules_, *in_inbox_, clock_());
  ASSIGN_OR_RETURN(const bool done, swap.Do(delivery));
  if (!done) return false;
  for (const v1::Delivery* const other : swap.others())
    RETURN_IF_ERROR(Leave(*other, {v1::DELIVERY_OUTCOME_APPLIED}));
  RETURN_IF_ERROR(database_->swaps()->End());
  return true;
}

absl::Status ServerDeliveries::PrepareMatches(const v1::Delivery& delivery) {
  if (delivery.operation() != v1::OPERATION_INSERT) return absl::OkStatus();
  for (const v1::MatchKey& key : delivery.absent()) {
    const ServerMember* const member = database_->Find(key.table());
    MatchRule rule;
    if (!MakeMatchRule(key, member == nullptr ? nullptr : &member->table, &rule).empty()) continue;
    absl::Status made = database_->PrepareMatch(*member, rule);
    // The transaction then reports why the delivery is refused.
    if (!made.ok() && database_->Refusal(made).empty()) return made;
  }
  return absl::OkStatus();
}

absl::StatusOr<ImportResult> ServerDeliveries::Do(const v1::Delivery& delivery) {
  const ServerMember* const member = database_->Find(delivery.table());
  // First: no statement of the transaction may take its snapshot before the locks.
  RETURN_IF_ERROR(LockTables(delivery, member));
  ASSIGN_OR_RETURN(const std::optional<LedgerState> known,
                   database_->inbox().FindInLedger(delivery.delivery_id()));
  if (std::optional<ImportResult> tried = FindTried(known, clock_())) return *std::move(tried);
  DeliveryTask task;
  std::string why = MakeTask(delivery, member == nullptr ? nullptr : &member->table, rules_, &task);
  if (why.empty()) why = member->obstacle;
  if (!why.empty()) return ImportResult{v1::DELIVERY_OUTCOME_REFUSED, std::move(why)};
  return DoTask(task, *member);
}

absl::Status ServerDeliveries::LockTables(const v1::Delivery& delivery, const ServerMember* member) {
  if (member != nullptr) {
    if (absl::Status locked = database_->LockTable(*member, /*writes=*/true); !locked.ok()) return locked;
  }
  for (const v1::MatchKey& key : delivery.absent()) {
    const ServerMember* const other = database_->Find(key.table());
    if (other == nullptr || other == member) continue;
    if (absl::Status locked = database_->LockTable(*other, /*writes=*/false); !locked.ok()) return locked;
  }
  return absl::OkStatus();
}

absl::StatusOr<ImportResult> ServerDeliveries::DoTask(const DeliveryTask& task, const ServerMember& member) {
  ServerWriter writer(*database_, task, member, clock_());
  if (task.delivery->operation() == v1::OPERATION_INSERT) {
    ASSIGN_OR_RETURN(std::optional<ImportResult> in_the_way, FindInTheWay(task, member));
    return in_the_way ? absl::StatusOr<ImportResult>(*std::move(in_the_way)) : writer.Write({});
  }
  ASSIGN_OR_RETURN(const std::optional<RowOf> before,
                   database_->ReadRow(member, task.key, task.mapped, /*locks=*/true));
  std::string why = WhyNotAsKnown(*task.delivery, before);
  return why.empty() ? writer.Write(*before) : Conflict(member, task.key, std::move(why));
}

absl::StatusOr<std::optional<ImportResult>> ServerDeliveries::FindInTheWay(const DeliveryTask& task,
                                                                           const ServerMember& member) {
  for (const v1::MatchKey& key : task.delivery->absent()) {
    const ServerMember* const other = database_->Find(key.table());
    MatchRule rule;
    // If the table cannot be searched, a matching row might exist.
    std::string why = MakeMatchRule(key, other == nullptr ? nullptr : &other->table, &rule);
    if (!why.empty()) return ImportResult{v1::DELIVERY_OUTCOME_REFUSED, std::move(why)};
    const std::vector<std::string> values(key.values().begin(), key.values().end());
    if (std::any_of(values.begin(), values.end(), [](const std::string& one) { return one.empty(); }))
      continue;
    ASSIGN_OR_RETURN(const std::optional<RowOf> found, database_->FindMatch(*other, rule, values));
    if (!found) continue;
    ASSIGN_OR_RETURN(ImportResult conflict, Conflict(*other, *found, "a matching row exists already"));
    return conflict;
  }
  if (task.key.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const std::optional<RowOf> taken,
                   database_->ReadRow(member, task.key, {}, /*locks=*/false));
  if (!taken) return std::nullopt;
  return ImportResult{v1::DELIVERY_OUTCOME_REFUSED,
                      "a row with this key exists already and belongs to another record"};
}

absl::StatusOr<ImportResult> ServerDeliveries::Conflict(const ServerMember& member, const RowOf& key,
                                                        std::string reason) {
  if (!key.empty()) RETURN_IF_ERROR(database_->NoteConflict(member, key));
  return ImportResult{v1::DELIVERY_OUTCOME_CONFLICT, std::move(reason)};
}

absl::Status ServerDeliveries::NoteRefused(const v1::Delivery& delivery, const std::string& reason) {
  ASSIGN_OR_RETURN(const std::optional<LedgerState> known,
                   database_->inbox().FindInLedger(delivery.delivery_id()));
  return database_->inbox().WriteLedger(RefusedRow(delivery, known, reason, clock_()));
}

}  // namespace mirror
