#include "server/hub/plan/derive.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/hub/plan/delivery_plan.h"
#include "server/hub/plan/distrust.h"
#include "server/hub/plan/forget.h"
#include "server/hub/plan/golden_plan.h"
#include "server/hub/plan/load_component.h"
#include "server/hub/plan/match_plan.h"
#include "server/hub/plan/overtaken.h"
#include "server/hub/plan/read_member.h"
#include "server/hub/plan/turns.h"

namespace mirror {
namespace {

class Derivation {
 public:
  Derivation(const HubRules& rules, const DeriveInput& input, HubBook* book)
      : rules_(rules), in_(input), book_(*book) {}

  absl::StatusOr<Derived> Run();

 private:
  absl::Status Begin();
  absl::Status DistrustAll();
  absl::Status DistrustRemade(Feeds* feeds);
  absl::StatusOr<bool> LacksRows(const std::string& name, MemberLook& look);
  absl::Status OfMember(const std::string& name, const absl::Status& status) const;
  absl::Status ReadAll();
  bool IsRead(const std::string& name, const MemberLook& look) const;
  absl::Status PlanAll();
  absl::Status PlanOne(const HubWork& work, HandDecision* decision = nullptr);
  absl::Status Decide();
  absl::Status Break();
  absl::Status Forget();
  bool IsAnySuspended() const;
  void Tell(const std::vector<OvertakenEdit>& edits);

  const HubRules& rules_;
  const DeriveInput& in_;
  HubBook& book_;
  HubState state_;
  std::int64_t records_before_ = 0;
  std::size_t overtaken_ = 0;
  Derived derived_;
};

absl::Status Derivation::Begin() {
  ASSIGN_OR_RETURN(state_, book_.ReadState());
  state_.time = std::max(state_.time + 1, in_.now_ms);
  records_before_ = state_.records;
  ASSIGN_OR_RETURN(auto feeds, book_.ReadFeeds());
  derived_.feeds = std::move(feeds);
  return absl::OkStatus();
}

absl::Status Derivation::OfMember(const std::string& name, const absl::Status& status) const {
  if (in_.unreadable != nullptr) *in_.unreadable = name;
  return status;
}

absl::Status Derivation::DistrustAll() {
  const std::map<std::string, HubFeed> before = derived_.feeds;
  Feeds feeds{derived_.feeds, in_.cycles, in_.now_ms};
  for (const std::string& name : rules_.data_sources) {
    const auto look = in_.looks.find(name);
    if (look == in_.looks.end()) continue;
    absl::StatusOr<std::optional<std::int64_t>> salt =
        look->second->SaltOf(derived_.feeds[name].anchor.number);
    if (!salt.ok()) return OfMember(name, salt.status());
    if (Distrust(name, look->second->head(), *salt, &feeds)) state_.hold = true;
  }
  for (const std::string& name : in_.unfit) {
    const auto feed = derived_.feeds.find(name);
    if (feed != derived_.feeds.end() && feed->second.cycle > 0 && !feed->second.suspended)
      feeds.Suspend(name);
  }
  RETURN_IF_ERROR(DistrustRemade(&feeds));
  for (const auto& [name, feed] : derived_.feeds) {
    const auto was = before.find(name);
    if (feed.suspended && (was == before.end() || !was->second.suspended)) {
      derived_.notes.push_back({HubNote::Kind::kSuspended, name});
    }
  }
  return absl::OkStatus();
}

/// Where rows went together with their table, nobody can tell whether a user deleted them.
absl::Status Derivation::DistrustRemade(Feeds* feeds) {
  for (const std::string& name : rules_.data_sources) {
    const auto look = in_.looks.find(name);
    const HubFeed& feed = derived_.feeds[name];
    if (look == in_.looks.end() || feed.cycle == 0 || feed.suspended) continue;
    ASSIGN_OR_RETURN(bool lacks, LacksRows(name, *look->second));
    if (lacks) feeds->Suspend(name);
  }
  return absl::OkStatus();
}

/// Whether a table that was made anew lacks a row that the hub knows of it.
absl::StatusOr<bool> Derivation::LacksRows(const std::string& name, MemberLook& look) {
  const std::set<std::string>& remade = look.head().remade;
  for (std::int64_t behind = 0; !remade.empty();) {
    ASSIGN_OR_RETURN(const std::vector<HubUpkeep::Glance> rows, book_.upkeep().RowsBehind(behind));
    if (rows.empty()) return false;
    for (const HubUpkeep::Glance& glance : rows) {
      if (glance.ref.data_source != name || !remade.contains(glance.ref.table)) continue;
      const HubMember* const member = rules_.Find(name, glance.ref.table).member;
      if (member == nullptr) continue;
      const absl::StatusOr<std::optional<SourceRow>> row = look.ReadRow(*member, glance.ref.key);
      if (!row.ok()) return OfMember(name, row.status());
      if (!*row) return true;
    }
    behind = rows.back().row_id;
  }
  return false;
}

/// A suspended member is read when an operator resumes it, and has completed a cycle since.
bool Derivation::IsRead(const std::string& name, const MemberLook& look) const {
  const HubFeed& feed = derived_.feeds.at(name);
  return !feed.suspended || (in_.modes.count(name) > 0 && IsBehind(look.head(), *feed.suspended));
}

absl::Status Derivation::ReadAll() {
  Reading reading{rules_, book_, in_.now_ms, state_.time};
  for (const std::string& name : rules_.data_sources) {
    const auto look = in_.looks.find(name);
    if (look == in_.looks.end() || !IsRead(name, *look->second)) continue;
    HubFeed& feed = derived_.feeds[name];
    std::optional<ResumeMode> mode;
    if (feed.suspended) mode = in_.modes.at(name);
    absl::StatusOr<bool> moved = ReadMember(name, mode, look->second, &feed, &reading);
    if (!moved.ok()) return OfMember(name, moved.status());
    if (*moved) feed.anchor.token = in_.token(name);
    derived_.read.insert(name);
  }
  state_.records += reading.turns;
  derived_.notes.insert(derived_.notes.end(), reading.notes.begin(), reading.notes.end());
  return absl::OkStatus();
}

/// What was erased in a member that was read stands in no row of it any more.
absl::Status Derivation::Forget() {
  bool forgets = false;
  for (const std::string& name : derived_.read) {
    const LookHead& head = in_.looks.at(name)->head();
    HubFeed& feed = derived_.feeds.at(name);
    if (head.erased == feed.forgotten || (head.always_whole && !in_.forgets)) continue;
    feed.forgotten = head.erased;
    forgets = true;
  }
  return forgets ? ForgetErased(rules_, &book_) : absl::OkStatus();
}

bool Derivation::IsAnySuspended() const {
  return std::any_of(derived_.feeds.begin(), derived_.feeds.end(),
                     [](const auto& feed) { return feed.second.suspended.has_value(); });
}

absl::Status Derivation::PlanOne(const HubWork& work, HandDecision* decision) {
  ASSIGN_OR_RETURN(LoadedComponent component, LoadComponent(rules_, work, &book_));
  Component& now = component.now;
  now.hold = state_.hold;
  now.records_before = records_before_;
  now.last_delivery = &state_.deliveries;
  now.record_id = in_.record_id;
  now.delivery_id = in_.delivery_id;
  if (decision != nullptr) {
    RETURN_IF_ERROR(HandPlan(decision, &now));
  }
  MatchPlan(&now);
  GoldenPlan(&now);
  Tell(FindOvertaken(component.was.records, now));
  for (const FrozenAttribute& one : FreezeUndone(&now)) {
    derived_.notes.push_back({HubNote::Kind::kPingPong, one.data_source, one.golden_id, one.attribute});
  }
  for (auto& [id, record] : now.records) ForgetTurns(rules_, in_.now_ms, &record);
  RETURN_IF_ERROR(LookElsewhere(&book_, &component));
  DeliveryPlan(&now);
  return SaveComponent(std::move(component), state_.time, &book_);
}

/// The first ones by name, lest a bulk load fill the log of events.
void Derivation::Tell(const std::vector<OvertakenEdit>& edits) {
  for (const OvertakenEdit& edit : edits) {
    if (++overtaken_ > kOvertakenMax) continue;
    derived_.notes.push_back({HubNote::Kind::kOvertaken, edit.lost, edit.golden_id, edit.attribute, edit.won,
                              edit.lost_ms, edit.won_ms});
  }
}

absl::Status Derivation::PlanAll() {
  for (;;) {
    ASSIGN_OR_RETURN(HubWork work, book_.NextWork());
    if (!work.row && work.golden_id.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(PlanOne(work));
  }
}

/// Behind all news: the operator speaks of what is there now.
absl::Status Derivation::Decide() {
  if (!in_.decision) return absl::OkStatus();
  HandDecision decision = *in_.decision;
  decision.records = &state_.records;
  std::vector<std::string*> ids = {&decision.golden_id};
  if (decision.rows.empty()) ids.push_back(&decision.other_id);
  for (std::string* const id : ids) {
    ASSIGN_OR_RETURN(std::string alive, book_.Alive(*id));
    ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, book_.ReadRecord(alive));
    if (!record || rules_.FindEntity(record->entity) == nullptr) {
      return absl::NotFoundError(absl::StrCat("hub '", rules_.storage, "' has no record '", *id,
                                              "'. Nothing was done. 'mirrorctl hub duplicates ",
                                              rules_.storage, "' shows ids."));
    }
    *id = std::move(alive);
  }
  absl::Status status = PlanOne({.golden_id = decision.golden_id, .other_id = decision.other_id}, &decision);
  derived_.decided = decision.golden_id;
  return status;
}

/// So many at once wait for an operator.
absl::Status Derivation::Break() {
  ASSIGN_OR_RETURN(auto counts, book_.CountAll());
  for (const auto& [name, count] : counts) {
    if (rules_.rows_percent == 0 || count.rows < rules_.breaker_rows_min) continue;
    const bool writes = count.fresh_writes > 0 && count.writes * 100 > count.rows * rules_.rows_percent;
    const bool inserts = count.fresh_inserts > 0 && count.inserts > std::max<std::uint64_t>(count.rows, 1);
    absl::Status status;
    if (writes) status = book_.HoldFresh(name, false);
    if (status.ok() && inserts) status = book_.HoldFresh(name, true);
    if (!status.ok()) return status;
    if (writes || inserts) derived_.notes.push_back({HubNote::Kind::kHeld, name});
  }
  if (in_.made) {
    RETURN_IF_ERROR(book_.ReadDeliveries(HubBook::Which::kFresh, in_.made));
  }
  return book_.EndFresh();
}

absl::StatusOr<Derived> Derivation::Run() {
  absl::Status status = Begin();
  if (status.ok()) status = DistrustAll();
  if (status.ok()) status = ReadAll();
  if (status.ok()) status = Forget();
  if (status.ok()) status = PlanAll();
  if (status.ok()) status = Decide();
  if (status.ok()) status = Break();
  if (status.ok() && !IsAnySuspended()) status = ForgetOld(rules_, state_.time, &book_);
  for (const auto& [name, feed] : derived_.feeds) {
    if (status.ok()) status = book_.WriteFeed(name, feed);
  }
  if (status.ok()) status = book_.WriteState(state_);
  if (!status.ok()) return status;
  if (overtaken_ > kOvertakenMax) derived_.overtaken_unnamed = overtaken_ - kOvertakenMax;
  return std::move(derived_);
}

}  // namespace

absl::StatusOr<Derived> Derive(const HubRules& rules, const DeriveInput& input, HubBook* book) {
  return Derivation(rules, input, book).Run();
}

}  // namespace mirror
