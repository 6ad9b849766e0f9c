#include "client/exchange/postgres/postgres_deliveries.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "client/exchange/postgres/postgres_exchange_tables.h"
#include "client/exchange/postgres/postgres_values.h"

namespace mirror {
namespace {

constexpr char kImporting[] = "importing a delivery";

absl::Status Explain(const absl::Status& status, bool is_applied_unknown) {
  return {status.code(),
          absl::StrCat(std::string(status.message()),
                       is_applied_unknown
                           ? ". Whether this delivery was applied the next run finds in the ledger"
                           : ". Nothing of this delivery was applied: it is tried again in the next run")};
}

}  // namespace

absl::Status PostgresDeliveries::Connect() {
  if (connection_ != nullptr && connection_->IsOpen()) return absl::OkStatus();
  inbox_.reset();
  shown_.reset();
  absl::StatusOr<std::unique_ptr<postgres::Connection>> opened =
      postgres::Connection::Open(ConnectToChange(options_.access));
  if (!opened.ok()) return opened.status();
  connection_ = *std::move(opened);
  inbox_.emplace(*connection_, options_.members.schema);
  shown_.emplace(*connection_, box_members_, options_);
  return absl::OkStatus();
}

absl::Status PostgresDeliveries::Check() {
  if (absl::Status connected = Connect(); !connected.ok()) return connected;
  absl::Status there = CheckPostgresExchange(*connection_, options_.members.schema);
  connection_.reset();
  return there;
}

// Between them the agent may be elsewhere for hours, so each has a session of its own.

absl::Status PostgresDeliveries::EmptyInbox() {
  if (absl::Status connected = Connect(); !connected.ok()) return connected;
  absl::Status emptied = inbox_->Empty();
  connection_.reset();
  return emptied;
}

absl::Status PostgresDeliveries::FillInbox(const FetchedDeliveries& fetched, std::int64_t now_ms) {
  if (absl::Status connected = Connect(); !connected.ok()) return connected;
  std::function<absl::Status()> show;
  if (shown_->layout != nullptr) {
    show = [&] {
      absl::Status told = shown_->layout->Filled(fetched, now_ms);
      return told.ok() ? shown_->boxes.Flush() : told;
    };
  }
  absl::Status filled = inbox_->Fill(fetched, now_ms, show);
  connection_.reset();
  return filled;
}

absl::Status PostgresDeliveries::WithBoxes(const std::function<absl::Status(BoxSource&)>& work) {
  if (absl::Status connected = Connect(); !connected.ok()) return connected;
  absl::Status done = work(shown_->boxes);
  connection_.reset();
  return done;
}

absl::StatusOr<std::vector<v1::Delivery>> PostgresDeliveries::ReadInbox() {
  if (absl::Status connected = Connect(); !connected.ok()) return connected;
  return inbox_->Read();
}

absl::StatusOr<ImportResult> PostgresDeliveries::Import(const v1::Delivery& delivery) {
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
    const postgres::Trouble trouble = postgres::TroubleOf(last);
    if (trouble == postgres::Trouble::kCommitUnknown && committing_) {
      unsure = committing_;
    } else if (!absl::IsAborted(last)) {
      break;
    }
    // Also a table that is not what it was, and a value that is not as it was announced.
    has_looked_ = false;
  }
  return Explain(last, unsure || postgres::TroubleOf(last) == postgres::Trouble::kNotReplicated);
}

/// A transaction whose answer was lost was tried again: where it had been committed, the ledger told the
/// second.
ImportResult PostgresDeliveries::Resolve(const ImportResult& again, const ImportResult& first) {
  const bool was_done =
      (again.outcome == v1::DELIVERY_OUTCOME_ALREADY && first.outcome == v1::DELIVERY_OUTCOME_APPLIED) ||
      (again.outcome == v1::DELIVERY_OUTCOME_LATER && first.outcome == v1::DELIVERY_OUTCOME_REFUSED);
  return was_done ? first : again;
}

absl::Status PostgresDeliveries::Look() {
  if (has_looked_) return absl::OkStatus();
  sets_.clear();
  absl::Status looked = members_.Look(*connection_);
  has_looked_ = looked.ok();
  return looked;
}

absl::StatusOr<ImportResult> PostgresDeliveries::Try(const v1::Delivery& delivery) {
  if (absl::Status connected = Connect(); !connected.ok()) return connected;
  if (absl::Status looked = Look(); !looked.ok()) return looked;
  // Before the transaction, so that it is short.
  if (absl::Status made = MakeSets(delivery); !made.ok()) return made;
  postgres::Transaction transaction(*connection_);
  const bool inserts = delivery.operation() == v1::OPERATION_INSERT;
  if (absl::Status begun = transaction.Begin({.repeatable_read = true, .serializable = inserts}, kImporting);
      !begun.ok()) {
    return begun;
  }
  if (shown_->layout != nullptr) {
    if (absl::Status shown = shown_->layout->Importing(); !shown.ok()) return shown;
  }
  postgres::Savepoint savepoint(*connection_);
  if (absl::Status saved = savepoint.Begin(kImporting); !saved.ok()) return saved;
  absl::StatusOr<ImportResult> result = Do(delivery);
  if (!result.ok()) {
    std::string why = PostgresRefusal(result.status());
    if (why.empty()) return result.status();
    result = ImportResult{v1::DELIVERY_OUTCOME_REFUSED, std::move(why)};
  }
  const bool refused = result->outcome == v1::DELIVERY_OUTCOME_REFUSED;
  if (absl::Status ended = refused ? savepoint.RollBack(kImporting) : savepoint.Release(kImporting);
      !ended.ok()) {
    return ended;
  }
  if (refused) {
    if (absl::Status noted = NoteRefused(delivery, result->reason); !noted.ok()) return noted;
  }
  if (absl::Status removed = inbox_->Remove(delivery.delivery_id()); !removed.ok()) return removed;
  if (absl::Status shown = ShowImported(delivery, *result); !shown.ok()) return shown;
  CrashPoint("agent.importing");
  committing_ = *result;
  if (absl::Status committed = transaction.Commit(kImporting); !committed.ok()) return committed;
  return result;
}

absl::Status PostgresDeliveries::MakeSets(const v1::Delivery& delivery) {
  if (delivery.operation() != v1::OPERATION_INSERT) return absl::OkStatus();
  for (const v1::MatchKey& key : delivery.absent()) {
    const PostgresMember* const member = members_.Find(key.table());
    MatchRule rule;
    if (!MakeMatchRule(key, member == nullptr ? nullptr : &member->table, &rule).empty()) continue;
    const absl::Status made = SetOf(*member, rule).status();
    // The transaction says why it is refused.
    if (!made.ok() && PostgresRefusal(made).empty()) return made;
  }
  return absl::OkStatus();
}

absl::StatusOr<PostgresMatchSet*> PostgresDeliveries::SetOf(const PostgresMember& member,
                                                            const MatchRule& rule) {
  const std::pair name(member.table.log, rule);
  const auto known = sets_.find(name);
  if (known != sets_.end()) return &known->second;
  absl::StatusOr<PostgresMatchSet> made = PostgresMatchSet::Make(*connection_, members_, member, rule);
  if (!made.ok()) return made.status();
  return &sets_.emplace(name, *std::move(made)).first->second;
}

absl::StatusOr<ImportResult> PostgresDeliveries::Do(const v1::Delivery& delivery) {
  const PostgresMember* const member = members_.Find(delivery.table());
  // First: no statement of the transaction may take its snapshot before.
  if (absl::Status locked = LockTables(delivery, member); !locked.ok()) return locked;
  const absl::StatusOr<std::optional<LedgerState>> known = inbox_->FindInLedger(delivery.delivery_id());
  if (!known.ok()) return known.status();
  if (*known && (*known)->applied) return ImportResult{v1::DELIVERY_OUTCOME_ALREADY};
  if (*known && options_.clock() < (*known)->next_at) {
    return ImportResult{v1::DELIVERY_OUTCOME_LATER, "it was refused before, and its time has not come"};
  }
  DeliveryTask task;
  std::string why = MakeTask(delivery, member == nullptr ? nullptr : &member->table, options_.rules, &task);
  if (!why.empty()) return ImportResult{v1::DELIVERY_OUTCOME_REFUSED, std::move(why)};
  return DoTask(task, *member);
}

absl::Status PostgresDeliveries::LockTables(const v1::Delivery& delivery, const PostgresMember* member) {
  if (member != nullptr) {
    if (absl::Status locked = CheckLooked(*member, "ROW EXCLUSIVE"); !locked.ok()) return locked;
  }
  for (const v1::MatchKey& key : delivery.absent()) {
    const PostgresMember* const other = members_.Find(key.table());
    if (other == nullptr || other == member) continue;
    if (absl::Status locked = CheckLooked(*other, "ACCESS SHARE"); !locked.ok()) return locked;
  }
  return absl::OkStatus();
}

absl::Status PostgresDeliveries::CheckLooked(const PostgresMember& member, const char* mode) {
  absl::Status locked =
      connection_->Execute(absl::StrCat("LOCK TABLE ", member.known->table.Lockable(), " IN ", mode, " MODE"),
                           absl::StrCat("locking table '", member.table.name(), "'"));
  if (!locked.ok()) return locked;
  const absl::StatusOr<bool> same = members_.IsAsLooked(*connection_, member);
  if (!same.ok()) return same.status();
  if (*same) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("table '", member.table.name(), "' was changed meanwhile"));
}

absl::StatusOr<ImportResult> PostgresDeliveries::DoTask(const DeliveryTask& task,
                                                        const PostgresMember& member) {
  PostgresWriter writer(*connection_, members_, *inbox_, task, member, options_.clock());
  if (task.delivery->operation() == v1::OPERATION_INSERT) {
    absl::StatusOr<std::optional<ImportResult>> in_the_way = FindInTheWay(task, member);
    if (!in_the_way.ok()) return in_the_way.status();
    return *in_the_way ? absl::StatusOr<ImportResult>(**std::move(in_the_way)) : writer.Write({});
  }
  const absl::StatusOr<std::optional<RowOf>> before =
      ReadPostgresRow(*connection_, members_, member, task.key, task.mapped, /*locks=*/true);
  if (!before.ok()) return before.status();
  if (!*before) {
    // Its deletion is in the log.
    return ImportResult{v1::DELIVERY_OUTCOME_CONFLICT, "the row is not there any more"};
  }
  if (DigestOf(**before) != task.delivery->row_digest())
    return Conflict(member, task.key, "the row is not as the hub knew it");
  return writer.Write(**before);
}

absl::StatusOr<std::optional<ImportResult>> PostgresDeliveries::FindInTheWay(const DeliveryTask& task,
                                                                             const PostgresMember& member) {
  for (const v1::MatchKey& key : task.delivery->absent()) {
    const PostgresMember* const other = members_.Find(key.table());
    MatchRule rule;
    // A row that cannot be looked for might be there.
    std::string why = MakeMatchRule(key, other == nullptr ? nullptr : &other->table, &rule);
    if (!why.empty()) return ImportResult{v1::DELIVERY_OUTCOME_REFUSED, std::move(why)};
    const std::vector<std::string> values(key.values().begin(), key.values().end());
    if (std::any_of(values.begin(), values.end(), [](const std::string& one) { return one.empty(); }))
      continue;
    const auto set = sets_.find({other->table.log, rule});
    // It could not be made, and the same statement says why.
    if (set == sets_.end()) return absl::AbortedError("the table's rows were not looked at");
    if (absl::Status caught_up = set->second.CatchUp(*connection_, members_); !caught_up.ok())
      return caught_up;
    const absl::StatusOr<std::optional<RowOf>> found = set->second.Find(*connection_, members_, values);
    if (!found.ok()) return found.status();
    if (!*found) continue;
    absl::StatusOr<ImportResult> conflict = Conflict(*other, **found, "a row that matches is there");
    if (!conflict.ok()) return conflict.status();
    return *std::move(conflict);
  }
  if (task.key.empty()) return std::nullopt;
  const absl::StatusOr<std::optional<RowOf>> taken =
      ReadPostgresRow(*connection_, members_, member, task.key, {}, /*locks=*/false);
  if (!taken.ok()) return taken.status();
  if (!*taken) return std::nullopt;
  return ImportResult{v1::DELIVERY_OUTCOME_REFUSED,
                      "a row with this key is there, and is none of the record"};
}

/// The row is written as it is, so that the log has it and the next push sends it.
absl::StatusOr<ImportResult> PostgresDeliveries::Conflict(const PostgresMember& member, const RowOf& key,
                                                          std::string reason) {
  const ImportResult result{v1::DELIVERY_OUTCOME_CONFLICT, std::move(reason)};
  if (key.empty()) return result;
  // Not one of the key, which may be PostgreSQL's own to make.
  const std::vector<std::uint32_t>& parts = member.table.key;
  std::uint32_t index = 0;
  while (std::find(parts.begin(), parts.end(), index) != parts.end()) ++index;
  if (index == member.known->table.columns.size()) index = parts.front();
  const std::string column = QuoteName(member.known->table.columns[index].name);
  PostgresTexts bound;
  bound.AddKey(member, key);
  postgres::Savepoint savepoint(*connection_);
  if (absl::Status saved = savepoint.Begin(kImporting); !saved.ok()) return saved;
  const absl::StatusOr<std::int64_t> noted = connection_->Run(
      absl::StrCat("UPDATE ", member.Rows(), " SET ", column, " = t.", column, " WHERE ", member.KeyIs(1)),
      bound.values(), "noting the row in the log");
  // A trigger may keep it from being noted: then the next comparison with the mirror finds it.
  if (!noted.ok() && PostgresRefusal(noted.status()).empty()) return noted.status();
  absl::Status ended = noted.ok() ? savepoint.Release(kImporting) : savepoint.RollBack(kImporting);
  if (!ended.ok()) return ended;
  return result;
}

absl::Status PostgresDeliveries::ShowImported(const v1::Delivery& delivery, const ImportResult& result) {
  if (shown_->layout == nullptr) return absl::OkStatus();
  absl::Status shown = shown_->layout->Imported(delivery, result, options_.clock());
  return shown.ok() ? shown_->boxes.Flush() : shown;
}

absl::Status PostgresDeliveries::NoteRefused(const v1::Delivery& delivery, const std::string& reason) {
  const absl::StatusOr<std::optional<LedgerState>> known = inbox_->FindInLedger(delivery.delivery_id());
  if (!known.ok()) return known.status();
  return inbox_->WriteLedger(RefusedRow(delivery, *known, reason, options_.clock()));
}

}  // namespace mirror
