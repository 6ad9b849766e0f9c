#include "server/store/step_journal.h"

#include <algorithm>
#include <random>
#include <variant>

#include "absl/strings/match.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/journal/key_block.h"
#include "server/journal/seen_mark.h"
#include "server/store/new_rule.h"

namespace mirror {
namespace {

std::int64_t NewSalt() {
  std::random_device device;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(device()) << 32U | device());
}

TableJournal RulesFor(const Plan& plan, const Step& step) {
  return plan.journal ? plan.journal->Of(step.table) : TableJournal{};
}

JournalOperation OperationOf(const ChangeBatch& batch) {
  switch (batch.operation) {
    case Operation::kUpdate:
      return JournalOperation::kUpdate;
    case Operation::kDelete:
      return JournalOperation::kDelete;
    case Operation::kInsert:
    case Operation::kUnspecified:
      break;
  }
  return JournalOperation::kInsert;
}

/// Returns the names of the columns that an UPDATE sets; empty: all.
std::vector<std::string> SetColumns(const ApplyRows& apply) {
  std::vector<std::string> names;
  if (apply.batch->operation != Operation::kUpdate) return names;
  if (apply.batch->columns.size() == apply.schema->columns.size()) return names;
  for (const ColumnView& view : apply.batch->columns) {
    const Column& column = apply.schema->columns[view.column];
    if (column.key_position == 0) names.push_back(column.name);
  }
  return names;
}

std::vector<std::string> ChangedColumns(const AlterTable& alter) {
  std::vector<std::string> names;
  for (const auto& change : alter.changes) {
    if (const auto* const add = std::get_if<AddColumn>(&change)) names.push_back(add->column.name);
    if (const auto* const drop = std::get_if<DropColumn>(&change)) names.push_back(drop->name);
    if (const auto* const rename = std::get_if<RenameColumn>(&change)) names.push_back(rename->to);
    if (const auto* const retype = std::get_if<RetypeColumn>(&change)) names.push_back(retype->to.name);
  }
  return names;
}

bool HasRuleOnKey(const TableSchema& agreed) {
  return std::any_of(agreed.columns.begin(), agreed.columns.end(), [](const Column& column) {
    return column.key_position != 0 && column.rule != Rule::kPlain;
  });
}

/// Returns whether a column of the former key is now kept in another form, or is left out.
bool HidesKey(const TableSchema& before, const TableSchema& agreed) {
  return std::any_of(before.columns.begin(), before.columns.end(), [&](const Column& was) {
    if (was.key_position == 0) return false;
    const std::optional<std::uint32_t> now = agreed.Find(was.name);
    if (!now) return false;
    return HasNewRule(was, agreed.columns[*now]);
  });
}

/// Returns the names of columns that only one of the two definitions has, or that differ between them.
std::vector<std::string> OtherColumns(const TableSchema& before, const TableSchema& agreed) {
  std::vector<std::string> names;
  const auto add = [&names](const TableSchema& from, const TableSchema& to, bool compares) {
    for (const Column& column : from.columns) {
      const std::optional<std::uint32_t> other = to.Find(column.name);
      if (other && (!compares ||
                    (to.columns[*other].type == column.type && !HasNewRule(to.columns[*other], column)))) {
        continue;
      }
      names.push_back(column.name);
    }
  };
  add(KeptForm(agreed), KeptForm(before), true);
  add(KeptForm(before), KeptForm(agreed), false);
  return names;
}

bool AddsColumn(const AlterTable& alter, const std::string& name) {
  return std::any_of(alter.changes.begin(), alter.changes.end(), [&](const auto& change) {
    const auto* const add = std::get_if<AddColumn>(&change);
    return add != nullptr && SameName(add->column.name, name);
  });
}

/// Returns whether a column has a new name, or its former name belongs to another column. Compares the
/// source's column numbers.
bool MovesColumns(const TableSchema& before, const TableSchema& agreed) {
  if (before.table_id != agreed.table_id) return false;
  return std::any_of(before.columns.begin(), before.columns.end(), [&](const Column& was) {
    return was.column_id != 0 &&
           std::any_of(agreed.columns.begin(), agreed.columns.end(), [&](const Column& now) {
             return now.column_id != 0 && SameName(was.name, now.name) != (was.column_id == now.column_id);
           });
  });
}

SeenMark SeenMarkOf(const TableRecord& record) {
  return {.position = record.position,
          .cycle = record.cycle,
          .seq = record.seq,
          .schema_hash = record.schema_hash};
}

/// Returns whether a step keeps the metadata row, except for values that change together with the rows.
bool LeavesRecord(const Step& step) {
  if (!step.expected || !step.record) return !step.expected && !step.record;
  return ToText(SeenMarkOf(*step.expected)) == ToText(SeenMarkOf(*step.record));
}

/// Maximum number of columns. In every store this leaves room for the additional columns of versions.
constexpr std::size_t kColumnsWithVersionsMax = 1'500;

}  // namespace

bool CanHaveVersions(const TableSchema& table) {
  return !table.Key().empty() && table.columns.size() <= kColumnsWithVersionsMax &&
         std::none_of(table.columns.begin(), table.columns.end(), [](const Column& column) {
           return absl::StartsWith(FoldName(column.name), "_mirror_");
         });
}

absl::StatusOr<SeenTables::Saw> SeenTables::Look(const std::string& table,
                                                 const std::optional<TableRecord>& stored) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text, TextOf(table));
  if (!text) return Saw::kNever;
  if (*text == kSeenEnded) return Saw::kEnded;
  return stored && SawLastWrite(*text, SeenMarkOf(*stored)) ? Saw::kAll : Saw::kMissed;
}

absl::StatusOr<std::optional<std::string>> SeenTables::TextOf(const std::string& table) {
  const std::string name = FoldName(table);
  for (const Texts* const texts : {&kept_, &read_}) {
    if (const auto known = texts->find(name); known != texts->end()) return known->second;
  }
  absl::StatusOr<std::optional<std::string>> read = transaction_.journal().ReadSeen(table);
  if (read.ok()) read_[name] = *read;
  return read;
}

void SeenTables::NoteSeen(const std::string& table, const std::optional<TableRecord>& record) {
  waiting_[FoldName(table)] = record ? std::optional(ToText(SeenMarkOf(*record))) : std::nullopt;
}

void SeenTables::NoteEnded(const std::string& table) { waiting_[FoldName(table)] = kSeenEnded; }

void SeenTables::Keep() {
  for (auto& [table, text] : waiting_) kept_[table] = std::move(text);
  waiting_.clear();
}

absl::Status SeenTables::Write() {
  std::vector<DocumentChange> changes;
  for (const auto& [table, text] : kept_) changes.push_back({kSeenKind, table, text});
  // The documents have no time, so no limit by age removes them.
  return changes.empty() ? absl::OkStatus() : transaction_.tenant().WriteDocuments(changes, 0);
}

StepJournal::StepJournal(StoreTransaction& transaction, const Plan& plan, const Step& step, SeenTables& seen)
    : transaction_(transaction), plan_(plan), step_(step), seen_(seen), kept_(RulesFor(plan, step)) {}

absl::Status StepJournal::Open() {
  if (place_) return absl::OkStatus();
  ASSIGN_OR_RETURN(JournalPlace place, transaction_.journal().ReadPlace(step_.table));
  place_ = place;
  was_open_ = place.open;
  if (place_->last == 0) return absl::OkStatus();
  if (!kept_.history) RETURN_IF_ERROR(SetAsideHistory());
  if (!kept_.journal) return absl::OkStatus();
  ASSIGN_OR_RETURN(const SeenTables::Saw saw, seen_.Look(step_.table, step_.expected));
  if (saw == SeenTables::Saw::kNever || saw == SeenTables::Saw::kAll) return absl::OkStatus();
  return NoteMissed();
}

absl::Status StepJournal::NoteMissed() {
  missed_ = true;
  RETURN_IF_ERROR(SetAsideHistory());
  // Opens a moment, because no state before the next commit can be read again.
  RETURN_IF_ERROR(EnsureHead());
  absl::Status noted = Write(EntryOf(step_.expected ? JournalOperation::kCompare : JournalOperation::kGone));
  if (noted.ok()) CrashPoint("journal.missed");
  return noted;
}

absl::Status StepJournal::EndJournal(JournalOperation operation) {
  if (std::exchange(ended_, true)) return absl::OkStatus();
  RETURN_IF_ERROR(Open());
  if (place_->last == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const SeenTables::Saw saw, seen_.Look(step_.table, step_.expected));
  if (saw == SeenTables::Saw::kEnded) return absl::OkStatus();
  if (saw == SeenTables::Saw::kNever) {
    // It is unknown whether the table once had a journal. An older server made no mark, and the mark of a
    // dropped table is removed with it.
    is_unseen_ = true;
    return absl::OkStatus();
  }
  return Put(EntryOf(operation));
}

absl::Status StepJournal::SetAsideHistory() {
  const absl::StatusOr<bool> there = transaction_.history().IsKept(step_.table);
  if (!there.ok() || !*there) return there.status();
  return transaction_.history().SetAside(step_.table, plan_.now_ms);
}

JournalEntry StepJournal::EntryOf(JournalOperation operation) const {
  JournalEntry entry;
  entry.salt = NewSalt();
  entry.table = step_.table;
  entry.operation = operation;
  if (plan_.cycle) {
    entry.cycle = *plan_.cycle;
    if (step_.record) entry.seq = step_.record->seq;
    entry.origin = "cycle";
  } else {
    entry.origin = step_.commits ? "records" : "operator";
  }
  return entry;
}

absl::Status StepJournal::Write(JournalEntry entry) {
  entry.number = ++place_->last;
  if (entry.moment == 0) entry.moment = place_->open != 0 ? place_->open : entry.number;
  absl::Status status = transaction_.journal().AddEntry(entry);
  if (status.ok()) CrashPoint("journal.written");
  return status;
}

absl::Status StepJournal::EnsureHead() {
  if (place_->open != 0) return absl::OkStatus();
  RETURN_IF_ERROR(Write(EntryOf(JournalOperation::kHead)));
  place_->open = place_->last;
  return absl::OkStatus();
}

absl::Status StepJournal::Put(JournalEntry entry) {
  if (waiting_) {
    RETURN_IF_ERROR(EnsureHead());
    RETURN_IF_ERROR(Write(*std::move(waiting_)));
  }
  waiting_ = std::move(entry);
  return absl::OkStatus();
}

absl::Status StepJournal::BeginHistory(const TableSchema& kept, bool has_rows) {
  // The state before a first change is known as well. Before the first rows there is no state. If a moment is
  // open already, its earlier changes were not kept.
  std::int64_t known_from = Moment();
  if (has_rows && place_->open == 0) {
    // The table's own last commit. It is older than the last commit of all tables.
    ASSIGN_OR_RETURN(const std::int64_t last, transaction_.journal().FindLastCommit(step_.table));
    known_from = last != 0 ? last : Moment() - 1;
  }
  absl::Status status = transaction_.history().Begin(kept, known_from);
  if (status.ok()) CrashPoint("history.begun");
  return status;
}

absl::Status StepJournal::Created() {
  if (!kept_.journal) return EndJournal(JournalOperation::kCompare);
  RETURN_IF_ERROR(Open());
  return place_->last == 0 ? absl::OkStatus() : SetAsideHistory();
}

absl::Status StepJournal::BeforeRows(const ApplyRows& apply) {
  if (!kept_.journal) return EndJournal(JournalOperation::kCompare);
  RETURN_IF_ERROR(Open());
  if (!kept_.history || !CanHaveVersions(*apply.schema)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool there, transaction_.history().IsKept(step_.table));
  if (!there) RETURN_IF_ERROR(BeginHistory(*apply.schema, true));
  absl::Status status = transaction_.history().KeepOld(apply, Moment());
  if (status.ok()) CrashPoint("history.kept");
  return status;
}

absl::Status StepJournal::AfterRows(const ApplyRows& apply) {
  if (!kept_.journal) return absl::OkStatus();
  if (kept_.history && CanHaveVersions(*apply.schema)) {
    RETURN_IF_ERROR(transaction_.history().ForgetSame(apply, Moment()));
  }
  JournalEntry entry = EntryOf(OperationOf(*apply.batch));
  entry.rows = apply.batch->row_count;
  entry.columns = SetColumns(apply);
  PackedKeys packed = PackKeys(*apply.schema, *apply.batch);
  entry.keys = std::move(packed.block);
  entry.least = std::move(packed.least);
  entry.most = std::move(packed.most);
  return Put(std::move(entry));
}

absl::Status StepJournal::BeforeSwap(const std::optional<TableSchema>& agreed, const Shadow* shadow) {
  if (!kept_.journal) return EndJournal(JournalOperation::kCompare);
  RETURN_IF_ERROR(Open());
  const bool has_history = kept_.history && agreed && CanHaveVersions(*agreed);
  if (has_history) {
    const TableSchema kept = KeptForm(*agreed);
    ASSIGN_OR_RETURN(const bool there, transaction_.history().IsKept(step_.table));
    bool goes_on = there && shadow != nullptr;
    if (goes_on) {
      ASSIGN_OR_RETURN(goes_on, transaction_.history().IsAsKept(step_.table));
    }
    if (goes_on) {
      RETURN_IF_ERROR(
          transaction_.history().KeepDifference(kept, *shadow, Moment(), [&](const ExchangedKeys& changed) {
            JournalEntry entry = EntryOf(changed.operation);
            entry.rows = changed.keys.size();
            PackedKeys packed = PackKeys(changed.columns, changed.keys);
            entry.keys = std::move(packed.block);
            entry.least = std::move(packed.least);
            entry.most = std::move(packed.most);
            return Put(std::move(entry));
          }));
      CrashPoint("history.compared");
      // The open moment already has some versions. It is unknown which of those rows changed again.
      if (was_open_ == 0) return absl::OkStatus();
      return Put(EntryOf(JournalOperation::kPopulated));
    }
    RETURN_IF_ERROR(SetAsideHistory());
    RETURN_IF_ERROR(BeginHistory(kept, false));
  }
  return Put(EntryOf(JournalOperation::kPopulated));
}

absl::Status StepJournal::Altered(const AlterTable& alter) {
  altered_ = true;
  if (!kept_.journal) return EndJournal(JournalOperation::kCompare);
  for (const auto& change : alter.changes) {
    if (const auto* const rename = std::get_if<RenameColumn>(&change)) {
      moved_.renamed.emplace_back(rename->from, rename->to);
    }
    const auto* const drop = std::get_if<DropColumn>(&change);
    if (drop != nullptr && AddsColumn(alter, drop->name)) moved_.replaced.push_back(drop->name);
  }
  return Emptied(ChangedColumns(alter));
}

absl::Status StepJournal::Emptied(const std::vector<std::string>& columns) {
  if (columns.empty()) return absl::OkStatus();
  if (!kept_.journal) return EndJournal(JournalOperation::kCompare);
  RETURN_IF_ERROR(Open());
  JournalEntry entry = EntryOf(JournalOperation::kCompare);
  entry.columns = columns;
  return Put(std::move(entry));
}

absl::Status StepJournal::Compare() {
  if (!kept_.journal) return EndJournal(JournalOperation::kCompare);
  RETURN_IF_ERROR(Open());
  // NoteMissed() has already written an entry that makes readers compare.
  if (missed_) return absl::OkStatus();
  return Put(EntryOf(JournalOperation::kCompare));
}

absl::Status StepJournal::BeforeAgreement(const TableSchema& agreed) {
  // Versions that no rule asks for are not adapted to the new definition.
  if (!kept_.history) RETURN_IF_ERROR(Open());
  if (!kept_.history && !HasRuleOnKey(agreed)) return absl::OkStatus();
  const absl::StatusOr<std::optional<TableSchema>> before = transaction_.tables().ReadSchema(step_.table);
  if (!before.ok() || !*before) return before.status();
  if (HasRuleOnKey(agreed) && HidesKey(**before, agreed)) {
    RETURN_IF_ERROR(transaction_.journal().ForgetKeys(step_.table));
  }
  begins_anew_ = !altered_ && MovesColumns(**before, agreed);
  if (kept_.history && !altered_) {
    // The view will be made again for the present table. Only now it is known for which table it was made.
    ASSIGN_OR_RETURN(const bool as_kept, transaction_.history().IsAsKept(step_.table));
    begins_anew_ = begins_anew_ || !as_kept;
  }
  // The population compares the columns that both definitions have. It does not see changes in new or dropped
  // columns.
  return kept_.history && !altered_ ? Emptied(OtherColumns(**before, agreed)) : absl::OkStatus();
}

absl::Status StepJournal::Agreed(const TableSchema& agreed) {
  if (!kept_.history) return absl::OkStatus();
  const absl::StatusOr<bool> there = transaction_.history().IsKept(step_.table);
  if (!there.ok() || !*there) return there.status();
  if (!CanHaveVersions(agreed) || begins_anew_) {
    return transaction_.history().SetAside(step_.table, plan_.now_ms);
  }
  return transaction_.history().Follow(agreed, moved_, plan_.now_ms);
}

absl::Status StepJournal::Gone() {
  if (!kept_.journal) return EndJournal(JournalOperation::kGone);
  RETURN_IF_ERROR(Open());
  RETURN_IF_ERROR(SetAsideHistory());
  return Put(EntryOf(JournalOperation::kGone));
}

absl::Status StepJournal::End(std::uint64_t receipt, std::int64_t rows) {
  if (!kept_.journal) {
    if (is_unseen_ && step_.record) seen_.NoteEnded(step_.table);
    // Only the first step after the end of the journal writes an entry.
    if (!waiting_) return absl::OkStatus();
    if (step_.record) {
      seen_.NoteEnded(step_.table);
    } else {
      seen_.NoteSeen(step_.table, std::nullopt);
    }
    return EndMoment(receipt, rows);
  }
  if (!waiting_ && !step_.commits && !place_ && LeavesRecord(step_)) return absl::OkStatus();
  RETURN_IF_ERROR(Open());
  RETURN_IF_ERROR(EndMoment(receipt, rows));
  if (place_->last != 0) seen_.NoteSeen(step_.table, step_.record);
  return absl::OkStatus();
}

absl::Status StepJournal::EndMoment(std::uint64_t receipt, std::int64_t rows) {
  if (!waiting_ && !step_.commits) return absl::OkStatus();
  std::optional<JournalCommit> commit;
  if (step_.commits && step_.record) {
    commit = JournalCommit{.position = step_.record->position,
                           .receipt = receipt,
                           .source_ms = step_.source_ms,
                           .done_ms = plan_.now_ms,
                           .row_count = rows};
  }
  if (waiting_) {
    if (commit && place_->open == 0) {
      waiting_->commit = std::move(commit);
      return Write(*std::move(waiting_));
    }
    absl::Status status = EnsureHead();
    if (status.ok()) status = Write(*std::move(waiting_));
    waiting_.reset();
    if (!status.ok()) return status;
  }
  if (!commit || place_->open == 0) return absl::OkStatus();
  JournalEntry by = EntryOf(JournalOperation::kHead);
  by.commit = std::move(commit);
  absl::Status status = transaction_.journal().CloseMoment(place_->open, by);
  if (status.ok()) CrashPoint("journal.closed");
  return status;
}

}  // namespace mirror
