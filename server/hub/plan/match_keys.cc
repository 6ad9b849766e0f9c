#include "server/hub/plan/match_keys.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "proto/wire/exchange/match_key.h"

namespace mirror {
namespace {

class Matching {
 public:
  explicit Matching(Component* component) : c_(*component) {
    for (auto& [ref, row] : c_.rows) {
      HubKeys keys = KeysOf(*c_.entity, row);
      for (const HubKey& key : keys) found_by_[key].push_back(&row);
      hashes_[&row] = HashesOf(keys);
      keys_[&row] = std::move(keys);
      by_record_[row.golden_id].insert(&row);
    }
  }

  void LetLeave();
  void LetJoin();
  void MergeThoseThatShareAKey();
  void NoteWhoHadIt();
  void DoomWhatWasDeleted();

 private:
  bool Leaves(const MemberRow& row);
  std::vector<std::string> Join(MemberRow* row);
  std::string Found(const MemberRow& founder);
  const GoldenRecord* FindOfRowsThatWent(MemberRow* row);
  void NoteRowsThatWent();
  std::string Older(const std::string& a, const std::string& b) const;
  bool AreApart(const std::string& a, const std::string& b) const;
  bool MayNotJoin(const MemberRow* row, const std::string& golden_id);
  void StayApart(const MemberRow& row);
  void Put(MemberRow* row, const std::string& golden_id);
  void Note(const MemberRow* row);
  void Merge(const std::string& into, const std::string& other);

  Component& c_;
  std::map<const MemberRow*, HubKeys> keys_;
  std::map<const MemberRow*, KeyHashes> hashes_;
  std::map<HubKey, std::vector<MemberRow*>> found_by_;
  std::map<std::string, std::set<MemberRow*>> by_record_;
  /// By key: of each record that has rows with it the first row, in their order.
  std::map<HubKey, std::vector<const MemberRow*>> firsts_;
  /// Numbers and ids of records that had no row, by the keys by which their
  /// rows were found. Absent: not read yet.
  std::optional<std::map<std::string, std::set<std::pair<std::int64_t, std::string>>>> went_;
  std::set<std::string> doomed_;                  ///< Records with doomed rows.
  std::map<const MemberRow*, std::string> left_;  ///< The records that rows left, by row.
};

bool Matching::AreApart(const std::string& a, const std::string& b) const {
  const auto record = c_.records.find(a);
  return record != c_.records.end() && record->second.apart.count(b) > 0;
}

/// Returns whether an operator parted it from that record, wherever its own news led it since.
bool Matching::MayNotJoin(const MemberRow* row, const std::string& golden_id) {
  const auto left = left_.find(row);
  if (left == left_.end()) return false;
  const GoldenRecord* const former = c_.Alive(left->second);
  return former != nullptr && former->apart.count(golden_id) > 0;
}

/// The new record is parted from what the former one was parted from: else a key of it would join the two.
void Matching::StayApart(const MemberRow& row) {
  const auto left = left_.find(&row);
  if (left == left_.end()) return;
  const GoldenRecord* const former = c_.Alive(left->second);
  if (former == nullptr || former->id == row.golden_id) return;
  const std::set<std::string> apart = former->apart;
  for (const std::string& id : apart) {
    if (id == row.golden_id) continue;
    c_.records.at(row.golden_id).apart.insert(id);
    const auto other = c_.records.find(id);
    if (other != c_.records.end()) other->second.apart.insert(row.golden_id);
  }
}

bool Matching::Leaves(const MemberRow& row) {
  if (row.golden_id.empty() || !row.work.identity_changed) return false;
  bool mates = false;
  for (const MemberRow* const mate : by_record_[row.golden_id]) {
    if (mate == &row) continue;
    mates = true;
    if (Meet(hashes_[&row], hashes_[mate])) return false;
  }
  bool elsewhere = false;
  for (const HubKey& key : keys_[&row]) {
    for (const MemberRow* const other : found_by_[key]) {
      elsewhere = elsewhere || (!other->golden_id.empty() && other->golden_id != row.golden_id &&
                                !AreApart(row.golden_id, other->golden_id));
      if (elsewhere) return true;
    }
  }
  // If the hub carries the matched attributes, the other rows will follow it.
  return elsewhere || (mates && !CarriesMatch(*c_.entity));
}

void Matching::LetLeave() {
  std::vector<MemberRow*> leaving;
  for (auto& [ref, row] : c_.rows) {
    if (Leaves(row)) leaving.push_back(&row);
  }
  for (MemberRow* const row : leaving) {
    left_[row] = row->golden_id;
    Put(row, "");
    row->joined_by.clear();
  }
}

void Matching::Put(MemberRow* row, const std::string& golden_id) {
  by_record_[row->golden_id].erase(row);
  row->golden_id = golden_id;
  by_record_[golden_id].insert(row);
}

/// Notes that the row is in its record: from now on its keys find it.
void Matching::Note(const MemberRow* row) {
  const auto before = [&](const MemberRow* a, const MemberRow* b) {
    return c_.rows.key_comp()(a->ref, b->ref);
  };
  if (row->doomed) doomed_.insert(row->golden_id);
  for (const HubKey& key : keys_[row]) {
    std::vector<const MemberRow*>& firsts = firsts_[key];
    const auto same = std::find_if(firsts.begin(), firsts.end(), [&](const MemberRow* known) {
      return known->golden_id == row->golden_id;
    });
    if (same != firsts.end()) {
      if (before(*same, row)) continue;
      firsts.erase(same);
    }
    firsts.insert(std::upper_bound(firsts.begin(), firsts.end(), row, before), row);
  }
}

std::string Matching::Older(const std::string& a, const std::string& b) const {
  return c_.records.at(b).number < c_.records.at(a).number ? b : a;
}

std::string Matching::Found(const MemberRow& founder) {
  GoldenRecord record;
  record.id = c_.record_id(founder);
  record.entity = c_.entity->name;
  record.number = c_.records_before + founder.work.turn;
  // First seen at a resume: it is unknown whether others had it, and deleted it.
  if (founder.work.resumed) record.had.insert(c_.rules->data_sources.begin(), c_.rules->data_sources.end());
  std::string id = record.id;
  c_.records.emplace(id, std::move(record));
  return id;
}

/// Called when rows only join from then on: no further record loses its last row.
void Matching::NoteRowsThatWent() {
  went_.emplace();
  for (const auto& [id, record] : c_.records) {
    const auto rows = by_record_.find(id);
    if (rows != by_record_.end() && !rows->second.empty()) continue;
    for (const std::string& hash : RememberedKeys(record)) (*went_)[hash].insert({record.number, id});
  }
}

/// Returns the oldest record without rows whose rows were found by a key of this one. Null: there is none.
const GoldenRecord* Matching::FindOfRowsThatWent(MemberRow* row) {
  if (!went_) NoteRowsThatWent();
  const GoldenRecord* oldest = nullptr;
  for (const HubKey& key : keys_[row]) {
    const auto known = went_->find(key.hash);
    if (known == went_->end()) continue;
    for (const auto& [number, id] : known->second) {
      if (oldest != nullptr && oldest->number <= number) break;
      const auto record = c_.records.find(id);
      const auto rows = by_record_.find(id);
      if (record == c_.records.end() || (rows != by_record_.end() && !rows->second.empty())) continue;
      oldest = &record->second;
      row->joined_by = absl::StrJoin(c_.entity->match[key.rule], "+");
      break;
    }
  }
  return oldest;
}

/// Returns the records that it belongs to: the first is that of its origin, if it has one.
std::vector<std::string> Matching::Join(MemberRow* row) {
  std::vector<std::string> found;
  row->joined_by.clear();
  if (!row->work.origin.empty()) {
    const GoldenRecord* const origin = c_.Alive(row->work.origin);
    if (origin != nullptr) {
      found.push_back(origin->id);
      row->joined_by = "origin";
    }
  }
  for (const HubKey& key : keys_[row]) {
    for (const MemberRow* const other : firsts_[key]) {
      if (MayNotJoin(row, other->golden_id)) continue;
      found.push_back(other->golden_id);
      if (row->joined_by.empty()) row->joined_by = absl::StrJoin(c_.entity->match[key.rule], "+");
    }
  }
  if (found.empty() && row->work.first) {
    // It was deleted before its member joined: it is not made again in the systems that had it.
    if (const GoldenRecord* const gone = FindOfRowsThatWent(row)) found.push_back(gone->id);
  }
  if (found.empty()) {
    found.push_back(Found(*row));
    row->joined_by = "first";
  }
  return found;
}

void Matching::LetJoin() {
  for (const auto& [ref, row] : c_.rows) {
    if (!row.golden_id.empty()) Note(&row);
  }
  for (auto& [ref, row] : c_.rows) {
    if (!row.golden_id.empty()) continue;
    const std::vector<std::string> found = Join(&row);
    const bool made = row.joined_by == "origin";
    std::string joined = found.front();
    // Its origin's record, so that a value made by the database does not move it; else the oldest.
    if (!made) {
      for (const std::string& id : found) joined = Older(joined, id);
    }
    Put(&row, joined);
    Note(&row);
    StayApart(row);
    for (const std::string& id : found) {
      const GoldenRecord* const other = c_.Alive(id);
      const std::string older = Older(row.golden_id, other->id);
      Merge(older, older == other->id ? row.golden_id : other->id);
    }
    if (made || doomed_.erase(row.golden_id) == 0) continue;
    for (MemberRow* const mate : by_record_[row.golden_id]) mate->doomed = false;  // It was made again.
  }
}

void Matching::MergeThoseThatShareAKey() {
  for (const auto& [key, rows] : found_by_) {
    std::set<std::pair<std::int64_t, std::string>> ids;
    for (const MemberRow* const row : rows) ids.emplace(c_.records.at(row->golden_id).number, row->golden_id);
    for (const auto& [number, id] : ids) Merge(ids.begin()->second, id);
  }
}

/// Does not merge if a system has rows of both: then an operator decides; nor if an operator parted them.
void Matching::Merge(const std::string& into, const std::string& other) {
  if (into == other || c_.records.count(other) == 0 || AreApart(into, other)) return;
  std::set<std::string> there;
  for (const MemberRow* const row : by_record_[into]) there.insert(row->ref.data_source);
  for (const MemberRow* const row : by_record_[other]) {
    if (there.count(row->ref.data_source) > 0) return;
  }
  const std::string target = into, source = other;  // References into a row would change with it.
  const std::set<MemberRow*> moving = std::move(by_record_[source]);
  by_record_.erase(source);
  by_record_[target].insert(moving.begin(), moving.end());
  if (doomed_.erase(source) > 0) doomed_.insert(target);
  c_.Unite(target, source, {moving.begin(), moving.end()});
}

void Matching::NoteWhoHadIt() {
  for (auto& [id, record] : c_.records) {
    for (const auto& [name, yes] : record.work.given_back) {
      if (yes) record.had.erase(name);
    }
  }
  for (const auto& [ref, row] : c_.rows) c_.records.at(row.golden_id).had.insert(ref.data_source);
}

void Matching::DoomWhatWasDeleted() {
  for (auto& [id, record] : c_.records) {
    const std::set<MemberRow*>& rows = by_record_[id];
    for (const std::string& name : record.work.departed) {
      const auto is_there = [&](const MemberRow* row) { return row->ref.data_source == name; };
      if (std::any_of(rows.begin(), rows.end(), is_there)) continue;
      for (MemberRow* const row : rows) row->doomed = row->doomed || !row->work.fresh;
    }
  }
}

}  // namespace

void MatchPlan(Component* component) {
  Matching matching(component);
  matching.LetLeave();
  matching.LetJoin();
  matching.MergeThoseThatShareAKey();
  matching.NoteWhoHadIt();
  matching.DoomWhatWasDeleted();
}

namespace {

// Parts may have any bytes: their lengths mark their ends. Uses the rule's attributes, not its
// place, so that another order of rules means the same.
std::string HashOf(const std::vector<std::string>& rule, const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& attribute : rule) absl::StrAppend(&text, attribute.size(), ":", attribute);
  for (const std::string& part : parts) absl::StrAppend(&text, part.size(), ":", part);
  return HexDigest(text);
}

}  // namespace

HubKeys KeysOf(const HubEntity& entity, const ValueOfAttribute& value_of) {
  HubKeys keys;
  for (std::size_t i = 0; i < entity.match.size(); ++i) {
    HubKey key;
    key.rule = i;
    for (const std::string& attribute : entity.match[i]) {
      const Literal* const value = value_of(attribute);
      if (value == nullptr) break;
      const auto how = entity.normalise.find(attribute);
      std::string part =
          NormaliseValue(how == entity.normalise.end() ? Normalise::kNone : how->second, *value);
      if (part.empty()) break;
      key.parts.push_back(std::move(part));
    }
    if (key.parts.size() < entity.match[i].size()) continue;
    key.hash = HashOf(entity.match[i], key.parts);
    keys.insert(std::move(key));
  }
  return keys;
}

HubKeys KeysOf(const HubEntity& entity, const MemberRow& row) {
  return KeysOf(entity, [&](const std::string& attribute) {
    const auto found = row.says.find(attribute);
    return found == row.says.end() ? nullptr : &found->second.value;
  });
}

HubKeys KeysOf(const HubEntity& entity, const GoldenRecord& record) {
  return KeysOf(entity, [&](const std::string& attribute) {
    const auto found = record.values.find(attribute);
    return found == record.values.end() ? nullptr : &found->second.value;
  });
}

KeyHashes HashesOf(const HubKeys& keys) {
  KeyHashes hashes;
  for (const HubKey& key : keys) hashes.insert(key.hash);
  return hashes;
}

bool Meet(const KeyHashes& a, const KeyHashes& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& hash) { return b.count(hash) > 0; });
}

}  // namespace mirror
