#include "server/tenant/mirror/running_cycle.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/cut_message.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "server/plan/announce_plan.h"
#include "server/plan/breaker.h"

namespace mirror {

std::uint64_t GapWaits::changes() {
  const MutexLock lock(mutex_);
  return changes_;
}

void GapWaits::Tell(const std::set<std::string>& tables) {
  const MutexLock lock(mutex_);
  ++changes_;
  for (Waiting* const waiting : waiting_) {
    const bool concerns = std::any_of(tables.begin(), tables.end(), [waiting](const std::string& table) {
      return waiting->tables.contains(table);
    });
    if (concerns) Wake(*waiting);
  }
}

void GapWaits::TellAll() {
  const MutexLock lock(mutex_);
  ++changes_;
  for (Waiting* const waiting : waiting_) Wake(*waiting);
}

void GapWaits::WaitUntil(const std::set<std::string>& tables, std::uint64_t seen,
                         std::chrono::steady_clock::time_point time) {
  Waiting own{tables};
  const MutexLock lock(mutex_);
  if (changes_ != seen) return;
  const auto place = waiting_.insert(waiting_.end(), &own);
  while (!own.told) {
    if (!own.woken.WaitUntil(mutex_, time)) break;
  }
  waiting_.erase(place);
}

namespace {

constexpr std::size_t kRefusalsTold = 5;
constexpr std::size_t kReasonBytesTold = 600;

}  // namespace

void RunningCycle::Begin() {
  Forget();
  served_ = true;
}

void RunningCycle::End() {
  Forget();
  // A step may have settled holds of its table.
  ForgetHolds();
  served_ = false;
}

void RunningCycle::Forget() {
  refused_.reset();
  notes_.reset();
  gaps_.TellAll();
}

void RunningCycle::ForgetFile() {
  Forget();
  holds_.reset();
  version_.reset();
  unsent_.reset();
}

absl::Status RunningCycle::Load(Store& store) {
  ASSIGN_OR_RETURN(const std::int64_t version, store.ReadDataVersion());
  if (version_ != version) ForgetFile();
  version_ = version;
  if (!refused_) {
    ASSIGN_OR_RETURN(const std::vector<SchemaAnswer> answers, store.records().ReadAnswers());
    SetRefused(answers);
  }
  if (!notes_) {
    ASSIGN_OR_RETURN(notes_, store.records().ReadCycleNotes());
  }
  if (!holds_) {
    ASSIGN_OR_RETURN(holds_, store.records().ReadHolds());
  }
  return absl::OkStatus();
}

absl::StatusOr<UnsentTables> RunningCycle::LoadUnsent(Store& store) {
  ASSIGN_OR_RETURN(const std::int64_t version, store.ReadDataVersion());
  if (unsent_ && unsent_version_ == version) return *unsent_;
  ASSIGN_OR_RETURN(UnsentTables unsent, ReadUnsent(store.records()));
  unsent_version_ = version;
  unsent_ = unsent;
  return unsent;
}

void RunningCycle::SetRefused(const std::vector<SchemaAnswer>& answers) {
  refused_.emplace();
  for (const SchemaAnswer& answer : answers) {
    if (!IsWanted(static_cast<SchemaAction>(answer.action))) refused_->insert(FoldName(answer.table));
  }
}

bool RunningCycle::IsNoted(CycleNoteKind kind) const {
  return std::any_of(notes_->begin(), notes_->end(),
                     [&](const CycleNote& note) { return note.kind == kind; });
}

void RunningCycle::NoteRefusal(std::int64_t cycle, const BatchOutcome& outcome) {
  if (refusals_cycle_ != cycle) refusals_.clear();
  refusals_cycle_ = cycle;
  // A held batch has an event of its own, and waits for an operator.
  if (outcome.held) return;
  std::string reason(outcome.status.message());
  // The reason becomes part of a sentence that names the table.
  const std::string name = absl::StrCat("table '", outcome.table, "': ");
  if (reason.starts_with(name)) reason.erase(0, name.size());
  if (reason.ends_with('.')) reason.pop_back();
  if (reason.size() > kReasonBytesTold) reason = absl::StrCat(reason.substr(0, kReasonBytesTold), "...");
  refusals_[FoldName(outcome.table)] = {outcome.table, std::move(reason)};
}

void RunningCycle::ForgetRefusal(const std::string& table) { refusals_.erase(FoldName(table)); }

std::string RunningCycle::RefusalsOf(std::int64_t cycle) {
  if (refusals_cycle_ != cycle) refusals_.clear();
  refusals_cycle_ = cycle;
  for (const CycleNote& note : *notes_) {
    if (note.kind != CycleNoteKind::kRefused || IsKeptBack(*holds_, note.table)) continue;
    refusals_.try_emplace(FoldName(note.table), note.table,
                          absl::StrCat("batch ", note.seq, " was not applied: the server's log says why"));
  }
  if (refusals_.empty()) return "";
  std::string words =
      absl::StrCat(Counted(refusals_.size(), "table"), " accepted no batch after one that was refused");
  std::size_t told = 0;
  for (const auto& [key, refusal] : refusals_) {
    if (++told > kRefusalsTold) {
      absl::StrAppend(&words, "; and ", refusals_.size() - kRefusalsTold, " more");
      break;
    }
    absl::StrAppend(&words, "; table '", refusal.first, "': ", refusal.second);
  }
  return words;
}

void RunningCycle::NoteUnannounced(std::int64_t cycle, std::string_view why) {
  unannounced_cycle_ = cycle;
  unannounced_why_ = CutMessage(why, kReasonBytesTold);
  if (unannounced_why_.ends_with('.')) unannounced_why_.pop_back();
}

std::optional<std::string> RunningCycle::WhyUnannounced(std::int64_t cycle) const {
  return unannounced_cycle_ == cycle ? std::optional(unannounced_why_) : std::nullopt;
}

void RunningCycle::NoteDigests(std::int64_t cycle, const std::string& table, const Position& position,
                               const std::vector<KeyRange>& ranges, const std::vector<RangeDigest>& answer) {
  if (cycle < digested_cycle_) return;
  if (cycle > digested_cycle_) digested_.clear();
  digested_cycle_ = cycle;
  digested_[FoldName(table)].Add(position, ranges, answer);
}

std::optional<RangeDigest> RunningCycle::DigestOf(std::int64_t cycle, const std::string& table,
                                                  const Position& position) const {
  const auto found = digested_.find(FoldName(table));
  if (cycle != digested_cycle_ || found == digested_.end()) return std::nullopt;
  return found->second.Whole(position);
}

}  // namespace mirror
