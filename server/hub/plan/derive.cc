#include "server/hub/plan/derive.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/match_key.h"
#include "proto/wire/exchange/value_json.h"
#include "server/hub/plan/component.h"
#include "server/hub/plan/forget.h"
#include "server/hub/plan/hub_values.h"
#include "server/hub/plan/match_keys.h"
#include "server/hub/plan/member_look.h"
#include "server/hub/plan/read_member.h"
#include "server/hub/plan/turns.h"

namespace mirror {
namespace {

class DeliveryPlanner {
 public:
  explicit DeliveryPlanner(Component* component) : c_(*component) {
    for (auto& [ref, row] : c_.rows) {
      members_[row.golden_id].push_back(&row);
      for (const HubKey& key : KeysOf(*c_.entity, row)) found_by_[key.hash].insert(row.golden_id);
    }
    for (const auto& [id, delivery] : c_.deliveries) before_.emplace(PlaceOf(delivery), &delivery);
  }

  void Plan() {
    for (const auto& [id, record] : c_.records) PlanRecord(record);
    c_.deliveries = std::move(planned_);
  }

 private:
  /// The place of a delivery: an existing one with the same content keeps its id.
  using Place = std::tuple<std::string, std::string, std::string, std::string, HubOperation>;
  static Place PlaceOf(const HubDelivery& delivery) {
    return {delivery.golden_id, delivery.data_source, delivery.table, delivery.key, delivery.operation};
  }

  void PlanRecord(const GoldenRecord& record);
  HubDelivery Begin(const GoldenRecord& record, const HubMember& member, HubOperation operation) const;
  void PlanRow(const GoldenRecord& record, const MemberRow& row);
  bool Differs(const GoldenRecord& record, const HubMember& member, const MemberRow& row,
               const std::string& attribute) const;
  void PlanInserts(const GoldenRecord& record);
  bool StandsApart(const GoldenRecord& record, const HubKeys& keys) const;
  void PlanInsert(const GoldenRecord& record, const HubMember& member, const HubKeys& keys);
  /// `row`: the row that it is for; null: for an INSERT.
  void Want(HubDelivery delivery, const MemberRow* row);

  Component& c_;
  std::map<std::string, std::vector<const MemberRow*>> members_;  ///< By record.
  std::map<std::string, std::set<std::string>> found_by_;         ///< Records, by a row's key.
  std::multimap<Place, const HubDelivery*> before_;
  std::int64_t needs_ = 0;  ///< For the record that is planned: when its newest input was read,
  bool unsure_ = false;     ///< and whether one of its rows may be another one.
  std::map<std::string, HubDelivery> planned_;
};

void DeliveryPlanner::PlanRecord(const GoldenRecord& record) {
  const std::vector<const MemberRow*>& rows = members_[record.id];
  needs_ = 0;
  unsure_ = false;
  for (const MemberRow* const row : rows) {
    needs_ = std::max(needs_, row->touched);
    unsure_ = unsure_ || row->unsure;
  }
  for (const MemberRow* const row : rows) PlanRow(record, *row);
  const bool dying = c_.entity->delete_any &&
                     std::any_of(rows.begin(), rows.end(), [](const MemberRow* row) { return row->doomed; });
  if (!rows.empty() && !dying) PlanInserts(record);
}

HubDelivery DeliveryPlanner::Begin(const GoldenRecord& record, const HubMember& member,
                                   HubOperation operation) const {
  HubDelivery delivery;
  delivery.data_source = member.data_source;
  delivery.table = member.table;
  delivery.operation = operation;
  delivery.golden_id = record.id;
  delivery.needs = needs_;
  return delivery;
}

bool DeliveryPlanner::Differs(const GoldenRecord& record, const HubMember& member, const MemberRow& row,
                              const std::string& attribute) const {
  const auto given = record.values.find(attribute);
  const auto here = row.says.find(attribute);
  if (c_.entity->attributes.count(attribute) == 0 || given == record.values.end() || here == row.says.end() ||
      record.frozen.count(attribute) > 0 ||
      std::find(member.key.begin(), member.key.end(), attribute) != member.key.end()) {
    return false;
  }
  // The row was given that value, or said it before, and the system made this of it.
  const Said& said = here->second;
  return said.value != given->second.value && !(said.word == given->second.value && said.ms);
}

void DeliveryPlanner::PlanRow(const GoldenRecord& record, const MemberRow& row) {
  const HubMember* const member = c_.rules->Find(row.ref.data_source, row.ref.table).member;
  if (member == nullptr) return;
  const bool goes = c_.entity->delete_any && row.doomed && member->deletes;
  if (!goes && !member->updates) return;
  HubDelivery delivery = Begin(record, *member, goes ? HubOperation::kDelete : HubOperation::kUpdate);
  delivery.key = row.ref.key;
  for (const auto& [attribute, column] : member->columns) {
    const auto here = row.says.find(attribute);
    if (here != row.says.end()) delivery.locked[column] = here->second.value;
    if (goes || !Differs(record, *member, row, attribute)) continue;
    const GivenValue& given = record.values.at(attribute);
    delivery.columns[column] = {given.value, given.ms};
  }
  if (goes || !delivery.columns.empty()) Want(std::move(delivery), &row);
}

/// Returns whether other records share a key with it: they will be merged, or an operator decides.
bool DeliveryPlanner::StandsApart(const GoldenRecord& record, const HubKeys& keys) const {
  return std::any_of(keys.begin(), keys.end(), [&](const HubKey& key) {
    if (c_.found_elsewhere.count(key.hash) > 0) return true;
    const auto found = found_by_.find(key.hash);
    return found != found_by_.end() && found->second.size() > found->second.count(record.id);
  });
}

void DeliveryPlanner::PlanInserts(const GoldenRecord& record) {
  HubKeys keys = KeysOf(*c_.entity, record);
  if (keys.empty()) return;  // It could not be found again.
  std::set<std::string> there = record.had;
  for (const MemberRow* const row : members_.at(record.id)) {
    keys.merge(KeysOf(*c_.entity, *row));
    there.insert(row->ref.data_source);
  }
  if (StandsApart(record, keys)) return;
  for (const HubMember& member : c_.entity->members) {
    if (member.inserts && there.count(member.data_source) == 0) PlanInsert(record, member, keys);
  }
}

void DeliveryPlanner::PlanInsert(const GoldenRecord& record, const HubMember& member, const HubKeys& keys) {
  HubDelivery delivery = Begin(record, member, HubOperation::kInsert);
  for (const auto& [attribute, column] : member.columns) {
    const auto given = record.values.find(attribute);
    if (given == record.values.end() || std::holds_alternative<Null>(given->second.value)) continue;
    delivery.columns[column] = {given->second.value, given->second.ms};
  }
  for (const std::string& attribute : member.key) {
    const auto column = member.columns.find(attribute);
    if (column == member.columns.end() || delivery.columns.count(column->second) == 0) return;
  }
  delivery.match_keys = keys;
  Want(std::move(delivery), nullptr);
}

void DeliveryPlanner::Want(HubDelivery delivery, const MemberRow* row) {
  const auto [begin, end] = before_.equal_range(PlaceOf(delivery));
  // A delivery that was applied to a row that is as before: its source would not apply that id again.
  const auto before = std::find_if(begin, end, [&](const auto& known) {
    return known.second->SameContent(delivery) &&
           (row == nullptr || row->work.applied.count(known.second->id) == 0);
  });
  if (before != end) {
    delivery.id = before->second->id;
    delivery.state = before->second->state;
    delivery.number = before->second->number;
    delivery.fresh = before->second->fresh;
  } else {
    if (c_.hold || unsure_) delivery.state = DeliveryState::kHeld;
    delivery.number = ++*c_.last_delivery;
    delivery.fresh = true;
    delivery.id = c_.delivery_id(delivery);
    if (delivery.operation == HubOperation::kInsert) c_.issued.push_back(delivery.id);
  }
  std::string id = delivery.id;
  planned_.emplace(std::move(id), std::move(delivery));
}

/// Turns all differences between records and rows into deliveries. Existing ones keep id and state; those no
/// longer wanted are removed. Called after GoldenPlan().
void DeliveryPlan(Component* component) { DeliveryPlanner(component).Plan(); }

constexpr char kHand[] = "hand";

absl::Status MergeByHand(HandDecision* decision, Component* component) {
  if (decision->golden_id == decision->other_id) {
    return absl::InvalidArgumentError(
        absl::StrCat("both ids are record '", decision->golden_id, "' now. Nothing was merged."));
  }
  const GoldenRecord& a = component->records.at(decision->golden_id);
  const GoldenRecord& b = component->records.at(decision->other_id);
  if (a.entity != b.entity) {
    return absl::InvalidArgumentError(absl::StrCat("'", a.id, "' is of entity '", a.entity, "', '", b.id,
                                                   "' of '", b.entity,
                                                   "': no rule compares them. Nothing was merged."));
  }
  const std::string into = a.number < b.number ? a.id : b.id;
  const std::string other = into == a.id ? b.id : a.id;
  for (MemberRow* const row : component->RowsOf(other)) row->joined_by = kHand;
  component->Unite(into, other, component->RowsOf(other));
  decision->golden_id = into;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<MemberRow*>> RowsToPart(const HandDecision& decision, Component* component) {
  std::vector<MemberRow*> rows;
  for (const RowRef& ref : std::set<RowRef>(decision.rows.begin(), decision.rows.end())) {
    const auto row = component->rows.find(ref);
    if (row == component->rows.end() || row->second.golden_id != decision.golden_id) {
      return absl::InvalidArgumentError(
          absl::StrCat("record '", decision.golden_id, "' has no such row of table '", ref.table, "' of '",
                       ref.data_source, "'. Nothing was parted. 'mirrorctl hub explain' shows its rows."));
    }
    rows.push_back(&row->second);
  }
  if (rows.size() == component->RowsOf(decision.golden_id).size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("these are all rows of record '", decision.golden_id,
                     "'. Nothing was parted. Leave out the rows that stay in it."));
  }
  return rows;
}

absl::Status PartByHand(HandDecision* decision, Component* component) {
  ASSIGN_OR_RETURN(const std::vector<MemberRow*> rows, RowsToPart(*decision, component));
  GoldenRecord& from = component->records.at(decision->golden_id);
  GoldenRecord record;
  record.id = component->record_id(*rows.front());
  record.entity = from.entity;
  record.number = ++*decision->records;
  record.had = from.had;
  for (MemberRow* const row : rows) {
    row->golden_id = record.id;
    row->joined_by = kHand;
  }
  // If the rest has a row there, that is the former one. If no record has one, it may have been this one's.
  for (const MemberRow* const row : component->RowsOf(from.id)) record.had.erase(row->ref.data_source);
  for (const MemberRow* const row : rows) record.had.insert(row->ref.data_source);
  record.apart = from.apart;
  record.apart.insert(from.id);
  for (const std::string& id : record.apart) {
    const auto other = component->records.find(id);
    if (other != component->records.end()) other->second.apart.insert(record.id);
  }
  decision->golden_id = record.id;
  component->records.emplace(record.id, std::move(record));
  return absl::OkStatus();
}

}  // namespace

absl::Status HandPlan(HandDecision* decision, Component* component) {
  return decision->rows.empty() ? MergeByHand(decision, component) : PartByHand(decision, component);
}

namespace {

struct Saying {
  const RowRef* ref;
  const Said* said;
};
using Sayings = std::vector<Saying>;  // In the order of members.

// Returns the first of the greatest.
template <typename Measure>
const Saying* FirstOfMost(const Sayings& sayings, const Measure& measure) {
  const Saying* best = nullptr;
  for (const Saying& saying : sayings) {
    if (best == nullptr || measure(*best) < measure(saying)) best = &saying;
  }
  return best;
}

std::size_t CharactersOf(const Literal& value) {
  const std::string text = NormaliseValue(Normalise::kNone, value);
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

const Saying* PickOwn(const AttributeRule& rule, const Sayings& own) {
  switch (rule.kind) {
    case AttributeRule::Kind::kOrder:
      return FirstOfMost(own, [&](const Saying& saying) {
        return rule.order.begin() - std::find(rule.order.begin(), rule.order.end(), saying.ref->data_source);
      });
    case AttributeRule::Kind::kLongest:
      return FirstOfMost(own, [](const Saying& saying) { return CharactersOf(saying.said->word); });
    case AttributeRule::Kind::kMost: {
      std::map<std::string, int> times;
      for (const Saying& saying : own) ++times[ValueJson(saying.said->word)];
      return FirstOfMost(own, [&](const Saying& saying) { return times[ValueJson(saying.said->word)]; });
    }
    default:
      return nullptr;
  }
}

// Picks by the rule. Null: no row says anything.
const Saying* Pick(const AttributeRule& rule, const Sayings& sayings) {
  if (sayings.empty()) return nullptr;
  Sayings own;
  for (const Saying& saying : sayings) {
    if (saying.said->own && !std::holds_alternative<Null>(saying.said->word)) own.push_back(saying);
  }
  if (const Saying* const picked = PickOwn(rule, own)) {
    return &*std::find_if(sayings.begin(), sayings.end(),
                          [&](const Saying& saying) { return saying.ref == picked->ref; });
  }
  if (rule.kind == AttributeRule::Kind::kFirst) {
    const auto first = std::find_if(sayings.begin(), sayings.end(), [](const Saying& saying) {
      return !std::holds_alternative<Null>(saying.said->word);
    });
    return first == sayings.end() ? &sayings.front() : &*first;
  }
  return FirstOfMost(sayings,
                     [](const Saying& saying) { return std::pair(*saying.said->ms, saying.said->own); });
}

/// Sets what the records say: for each attribute the value, its version and the row that gives it,
/// by the entity's rules. Called after MatchPlan().
void GoldenPlan(Component* component) {
  const AttributeRule matched_only;
  std::map<std::string, std::map<std::string, Sayings>> said;  // By record, by attribute.
  for (const auto& [ref, row] : component->rows) {
    for (const auto& [attribute, saying] : row.says) {
      if (saying.ms) said[row.golden_id][attribute].push_back({&ref, &saying});
    }
  }
  for (auto& [id, record] : component->records) {
    record.values.clear();
    for (const auto& [attribute, sayings] : said[id]) {
      const auto rule = component->entity->attributes.find(attribute);
      const Saying* const picked =
          Pick(rule == component->entity->attributes.end() ? matched_only : rule->second, sayings);
      if (picked != nullptr) record.values[attribute] = {picked->said->word, *picked->said->ms, *picked->ref};
    }
  }
}

}  // namespace

/// An edit that a later one overrode, though the later one's author did not know it. Has no value.
struct OvertakenEdit {
  std::string golden_id, attribute;
  std::string lost;  ///< The data source of the edit.
  std::int64_t lost_ms = 0;
  std::string won;
  std::int64_t won_ms = 0;
  friend bool operator==(const OvertakenEdit&, const OvertakenEdit&) = default;
};

namespace {

const Said* SaidBy(const Component& now, const RowRef& ref, const std::string& attribute) {
  const auto row = now.rows.find(ref);
  if (row == now.rows.end()) return nullptr;
  const auto said = row->second.says.find(attribute);
  return said == row->second.says.end() ? nullptr : &said->second;
}

/// The row's edit counts. Returns the former edit, if this one's author had not been given it.
std::optional<OvertakenEdit> Won(const Component& now, const MemberRow& row, const std::string& attribute,
                                 const GivenValue& before, const GivenValue& given, std::int64_t base_ms) {
  // Version 0 was there when all members were first read: it is no edit.
  if (before.giver == row.ref || before.ms == 0 || before.ms <= base_ms || before.value == given.value)
    return std::nullopt;
  const Said* const other = SaidBy(now, before.giver, attribute);
  if (other == nullptr || !other->own || other->ms != before.ms) return std::nullopt;
  return OvertakenEdit{row.golden_id, attribute,           before.giver.data_source,
                       before.ms,     row.ref.data_source, given.ms};
}

std::optional<OvertakenEdit> Find(const std::map<std::string, GoldenRecord>& was, const Component& now,
                                  const MemberRow& row, const std::string& attribute, std::int64_t base_ms) {
  const auto rule = now.entity->attributes.find(attribute);
  if (rule == now.entity->attributes.end() || rule->second.kind != AttributeRule::Kind::kNewest)
    return std::nullopt;
  const Said* const said = SaidBy(now, row.ref, attribute);
  const GoldenRecord& record = now.records.at(row.golden_id);
  const auto given = record.values.find(attribute);
  if (said == nullptr || !said->own || !said->ms || given == record.values.end()) return std::nullopt;
  if (given->second.giver == row.ref) {
    const auto record_was = was.find(row.golden_id);
    if (record_was == was.end()) return std::nullopt;
    const auto before = record_was->second.values.find(attribute);
    if (before == record_was->second.values.end()) return std::nullopt;
    return Won(now, row, attribute, before->second, given->second, base_ms);
  }
  if (given->second.value == said->word) return std::nullopt;
  return OvertakenEdit{
      row.golden_id,   attribute, row.ref.data_source, *said->ms, given->second.giver.data_source,
      given->second.ms};
}

}  // namespace

/// For attributes whose newest value counts. `was`: the records before GoldenPlan(), which has run.
std::vector<OvertakenEdit> FindOvertaken(const std::map<std::string, GoldenRecord>& was,
                                         const Component& now) {
  std::vector<OvertakenEdit> found;
  for (const auto& [ref, row] : now.rows) {
    for (const auto& [attribute, base_ms] : row.work.edited) {
      std::optional<OvertakenEdit> edit = Find(was, now, row, attribute, base_ms);
      if (edit) found.push_back(*std::move(edit));
    }
  }
  return found;
}

namespace {

struct Feeds {
  std::map<std::string, HubFeed>& feeds;
  const std::map<std::string, std::int64_t>& cycles;  ///< The last cycle that began, by data source.
  std::int64_t now_ms = 0;

  void Suspend(const std::string& data_source);
};

// Returns whether file and hub differ from what the last derivation left in both.
bool IsOfOtherLife(const HubFeed& feed, const LookHead& head, std::optional<std::int64_t> salt) {
  // A kill between the hub's commit and the message to the mirror leaves the mirror's former anchor.
  const bool known = head.anchor == feed.anchor ||
                     (feed.before && head.anchor == *feed.before && head.completed_cycle >= feed.cycle);
  // A file that was restored to before that commit, and has grown since, differs in the entry that was read.
  // If that entry was dropped, as the journal is bounded, all rows are compared.
  const bool went = head.floor > feed.anchor.number;
  return !known || (!went && salt != feed.salt);
}

void Feeds::Suspend(const std::string& data_source) {
  const auto cycle = cycles.find(data_source);
  feeds[data_source].suspended = std::max(now_ms, cycle == cycles.end() ? 0 : cycle->second);
}

/// Suspends a member whose source was restored, and all members when a mirror or the hub's file was.
/// `salt`: of the mirror's entry with the feed's number. Returns whether the mirror knows another hub
/// than this one, so that everything new has to wait.
bool Distrust(const std::string& data_source, const LookHead& head, std::optional<std::int64_t> salt,
              Feeds* feeds) {
  HubFeed& feed = feeds->feeds[data_source];
  const bool first = feed.cycle == 0;
  const bool other_life = first ? !head.anchor.token.empty() : IsOfOtherLife(feed, head, salt);
  if ((other_life && !feed.suspended) || head.mirror_older > feed.mirror_older) {
    for (auto& [name, other] : feeds->feeds) feeds->Suspend(name);
  }
  if (head.source_older > feed.source_older) {
    feeds->Suspend(data_source);
    feed.own_restore = true;
  }
  feed.source_older = head.source_older;
  feed.mirror_older = head.mirror_older;
  return first && other_life;
}

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
  ASSIGN_OR_RETURN(derived_.feeds, book_.ReadFeeds());
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

/// If rows went together with their table, it is unknown whether a user deleted them.
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

/// Returns whether a table that was made anew lacks a row that the hub knows of it.
absl::StatusOr<bool> Derivation::LacksRows(const std::string& name, MemberLook& look) {
  const std::set<std::string>& remade = look.head().remade;
  for (std::int64_t behind = 0; !remade.empty();) {
    ASSIGN_OR_RETURN(const std::vector<HubUpkeep::Glance> rows, book_.upkeep().RowsAfter(behind));
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

/// A suspended member is read when an operator resumes it, and it has completed a cycle since.
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

/// Removes from all rows what was erased in a member that was read.
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
  if (decision != nullptr) RETURN_IF_ERROR(HandPlan(decision, &now));
  MatchPlan(&now);
  GoldenPlan(&now);
  Tell(FindOvertaken(component.was.records, now));
  for (const FrozenAttribute& one : FreezeUndone(&now)) {
    derived_.notes.push_back({HubNote::Kind::kPingPong, one.data_source, one.golden_id, one.attribute});
  }
  for (auto& [id, record] : now.records) ForgetTurns(rules_, in_.now_ms, &record);
  RETURN_IF_ERROR(LoadOtherMembers(&book_, &component));
  DeliveryPlan(&now);
  return SaveComponent(std::move(component), state_.time, &book_);
}

/// Reports the first edits by name, so that a bulk load does not fill the log of events.
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

/// Runs after all news: the operator's decision is about the present records.
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

/// Holds deliveries for an operator if there are too many at once.
absl::Status Derivation::Break() {
  ASSIGN_OR_RETURN(auto counts, book_.CountAll());
  for (const auto& [name, count] : counts) {
    if (rules_.rows_percent == 0 || count.rows < rules_.breaker_rows_min) continue;
    const bool writes = count.fresh_writes > 0 && count.writes * 100 > count.rows * rules_.rows_percent;
    const bool inserts = count.fresh_inserts > 0 && count.inserts > std::max<std::uint64_t>(count.rows, 1);
    if (writes) RETURN_IF_ERROR(book_.HoldFresh(name, false));
    if (inserts) RETURN_IF_ERROR(book_.HoldFresh(name, true));
    if (writes || inserts) derived_.notes.push_back({HubNote::Kind::kHeld, name});
  }
  if (in_.made) RETURN_IF_ERROR(book_.ReadDeliveries(HubBook::Which::kFresh, in_.made));
  return book_.EndFresh();
}

absl::StatusOr<Derived> Derivation::Run() {
  RETURN_IF_ERROR(Begin());
  RETURN_IF_ERROR(DistrustAll());
  RETURN_IF_ERROR(ReadAll());
  RETURN_IF_ERROR(Forget());
  RETURN_IF_ERROR(PlanAll());
  RETURN_IF_ERROR(Decide());
  RETURN_IF_ERROR(Break());
  if (!IsAnySuspended()) RETURN_IF_ERROR(ForgetOld(rules_, state_.time, &book_));
  for (const auto& [name, feed] : derived_.feeds) {
    RETURN_IF_ERROR(book_.WriteFeed(name, feed));
  }
  RETURN_IF_ERROR(book_.WriteState(state_));
  if (overtaken_ > kOvertakenMax) derived_.overtaken_unnamed = overtaken_ - kOvertakenMax;
  return std::move(derived_);
}

}  // namespace

absl::StatusOr<Derived> Derive(const HubRules& rules, const DeriveInput& input, HubBook* book) {
  return Derivation(rules, input, book).Run();
}

}  // namespace mirror
