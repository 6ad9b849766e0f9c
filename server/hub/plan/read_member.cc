#include "server/hub/plan/read_member.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/status_macros.h"
#include "proto/wire/exchange/ledger.h"
#include "server/hub/plan/match_keys.h"
#include "server/hub/plan/read_row.h"
#include "server/hub/plan/turns.h"

namespace mirror {
namespace {

using TableKey = std::pair<std::string, std::string>;
constexpr std::int64_t kAheadMax = 366LL * 86'400'000;

/// Orders as RowOrder, within a data source.
struct InOrder {
  bool operator()(const TableKey& a, const TableKey& b) const {
    const std::size_t a_size = a.second.size(), b_size = b.second.size();
    return std::tie(a.first, a_size, a.second) < std::tie(b.first, b_size, b.second);
  }
};

/// A hub gave the version, and its clock may have been ahead. A source that writes another
/// one into its ledger does not win for ever by it.
void BoundVersion(std::int64_t time, WroteColumn* wrote) {
  if (wrote->version_ms) wrote->version_ms = std::min(*wrote->version_ms, time + kAheadMax);
}

class MemberReader {
 public:
  MemberReader(const std::string& data_source, std::optional<ResumeMode> mode, MemberLook* look,
               HubFeed* feed, Reading* reading)
      : name_(data_source),
        mode_(mode),
        look_(*look),
        feed_(*feed),
        all_(*reading),
        first_(feed->cycle == 0) {}

  absl::StatusOr<bool> Read();

 private:
  absl::Status TakeNews();
  absl::Status TakeLedger();
  absl::Status SpareTheDoomed();
  absl::Status ReadAll();
  absl::Status ReadNamed();
  absl::Status ReadOne(const HubRules::Place& place, const std::string& key, std::optional<SourceRow> row);
  absl::Status NoteMadeAndGone(const std::string& delivery_id, bool wish);
  absl::Status NoteLeft(const MemberRow& old, const RowNews::Left& left);
  absl::Status NoteRow(const std::optional<MemberRow>& old, const RowNews& news);
  void NoteTurns(const RowNews& news, GoldenRecord* record);
  template <typename Change>
  absl::Status ChangeRecord(const std::string& id, const Change& change);

  const std::string& name_;
  const std::optional<ResumeMode> mode_;
  MemberLook& look_;
  HubFeed& feed_;
  Reading& all_;
  const bool first_;
  bool compare_ = false;
  std::set<TableKey, InOrder> named_;  ///< Rows named by journal or ledger.
  std::set<TableKey> anew_;            ///< Of these, keys under which a row was deleted.
  std::set<TableKey> removed_;
  std::map<TableKey, Wrote> wrote_;
  std::map<TableKey, std::set<std::string>> undone_;   ///< See RowReading.
  std::map<TableKey, std::set<std::string>> applied_;  ///< Ids of deliveries.
  std::map<TableKey, std::string> made_;               ///< Ids of INSERTs.
};

absl::StatusOr<bool> MemberReader::Read() {
  if (mode_ && feed_.own_restore) RETURN_IF_ERROR(SpareTheDoomed());
  feed_.suspended.reset();
  feed_.own_restore = false;
  compare_ = first_ || mode_.has_value() || feed_.reread || !look_.head().remade.empty();
  feed_.reread = false;
  if (!compare_ || !mode_) RETURN_IF_ERROR(TakeNews());
  RETURN_IF_ERROR(TakeLedger());
  if (compare_) RETURN_IF_ERROR(ReadAll());
  RETURN_IF_ERROR(ReadNamed());
  const LookHead& head = look_.head();
  if (feed_.cycle != head.completed_cycle) feed_.at = all_.time;
  feed_.cycle = head.completed_cycle;
  ASSIGN_OR_RETURN(std::int64_t last, look_.LastLedgerNumber());
  feed_.ledger_number = std::max(last, mode_ ? 0 : feed_.ledger_number);
  if (!compare_ && head.last_entry == feed_.anchor.number) return false;
  ASSIGN_OR_RETURN(std::optional<std::int64_t> salt, look_.SaltOf(head.last_entry));
  feed_.before = head.anchor;
  feed_.anchor.journal_id = head.anchor.journal_id;
  feed_.anchor.number = head.last_entry;
  feed_.salt = salt;
  return true;
}

template <typename Change>
absl::Status MemberReader::ChangeRecord(const std::string& id, const Change& change) {
  ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, all_.book.ReadRecord(id));
  if (!record) return absl::DataLossError("the hub's file has a row of a record that is not there");
  // A record of an entity that is no longer configured stays as it is.
  if (all_.rules.FindEntity(record->entity) == nullptr) return absl::OkStatus();
  GoldenRecord changed = *record;
  changed.work.touched = true;
  change(&changed);
  return changed == *record ? absl::OkStatus() : all_.book.WriteRecord(changed, changed.indexed);
}

/// Clears the mark everywhere: a restore of the source may have undone the deletion.
absl::Status MemberReader::SpareTheDoomed() {
  ASSIGN_OR_RETURN(std::vector<RowRef> doomed, all_.book.upkeep().DoomedRows());
  for (const RowRef& ref : doomed) {
    ASSIGN_OR_RETURN(std::optional<MemberRow> row, all_.book.ReadRow(ref));
    if (!row || row->golden_id.empty()) continue;
    ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, all_.book.ReadRecord(row->golden_id));
    if (!record || record->had.count(name_) == 0) continue;
    row->doomed = false;
    RETURN_IF_ERROR(all_.book.WriteRow(*row, row->indexed));
    RETURN_IF_ERROR(ChangeRecord(row->golden_id, [](GoldenRecord*) {}));
  }
  return absl::OkStatus();
}

absl::Status MemberReader::TakeNews() {
  return look_.ReadNews(feed_.anchor.number, [&](const JournalNews& news) {
    if (news.key.empty()) {
      compare_ = true;
      return absl::OkStatus();
    }
    const TableKey at(news.table, news.key);
    named_.insert(at);
    if (news.ended) anew_.insert(at);
    return absl::OkStatus();
  });
}

/// Reads what the exchange did since.
absl::Status MemberReader::TakeLedger() {
  ASSIGN_OR_RETURN(
      std::vector<LedgerEntry> entries,
      look_.ReadLedger(mode_ ? 0 : feed_.ledger_number,
                       compare_ ? std::nullopt : std::optional<std::int64_t>(feed_.anchor.number)));
  for (LedgerEntry& entry : entries) {
    if (entry.refused) {
      // A source whose clock was ahead does not wait until then.
      entry.refused->until = std::min(entry.refused->until, all_.now_ms + kRefusedRestMaxMs);
      RETURN_IF_ERROR(all_.book.NoteRefused(entry.delivery_id, *entry.refused));
      continue;
    }
    for (auto& [column, wrote] : entry.wrote) BoundVersion(all_.time, &wrote);
    const TableKey at(entry.table, entry.key);
    named_.insert(at);
    const auto made = made_.find(at);
    absl::Status status;
    if (entry.operation == HubOperation::kDelete) {
      removed_.insert(at);
      if (made == made_.end()) continue;
      status = NoteMadeAndGone(made->second, false);  // The exchange removed its own row: no user's deletion.
      made_.erase(made);
      wrote_.erase(at);
    } else if (entry.operation == HubOperation::kInsert) {
      // A user deleted the former row, and its key came again.
      if (made != made_.end()) status = NoteMadeAndGone(made->second, !mode_);
      made_[at] = entry.delivery_id;
      wrote_[at] = std::move(entry.wrote);
    } else {
      for (auto& [column, wrote] : entry.wrote) {
        WroteColumn& known = wrote_[at][column];
        if (known.version_ms && !wrote.version_ms) undone_[at].insert(column);
        known = std::move(wrote);
      }
      applied_[at].insert(entry.delivery_id);
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status MemberReader::ReadAll() {
  std::map<std::string, HubRules::Place> tables;  // Ordered by name.
  for (const HubEntity& entity : all_.rules.entities) {
    for (const HubMember& member : entity.members) {
      if (member.data_source == name_) tables[member.table] = {&entity, &member};
    }
  }
  for (const auto& entry : tables) {
    const std::string& table = entry.first;  // No structured bindings: clang lets no lambda capture them.
    const HubRules::Place& place = entry.second;
    RETURN_IF_ERROR(look_.ReadRows(*place.member, [&](const std::string& key, SourceRow row) {
      named_.erase({place.member->table, key});
      return ReadOne(place, key, std::move(row));
    }));
    for (;;) {
      ASSIGN_OR_RETURN(std::vector<RowRef> left, all_.book.UnreadRows(name_, table, all_.time));
      if (left.empty()) break;
      for (const RowRef& ref : left) {
        named_.erase({table, ref.key});
        RETURN_IF_ERROR(ReadOne(place, ref.key, std::nullopt));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status MemberReader::ReadNamed() {
  for (const auto& [table, key] : named_) {
    const HubRules::Place place = all_.rules.Find(name_, table);
    if (place.member == nullptr) continue;  // The table is no longer the hub's.
    ASSIGN_OR_RETURN(std::optional<SourceRow> row, look_.ReadRow(*place.member, key));
    RETURN_IF_ERROR(ReadOne(place, key, std::move(row)));
  }
  return absl::OkStatus();
}

absl::Status MemberReader::ReadOne(const HubRules::Place& place, const std::string& key,
                                   std::optional<SourceRow> row) {
  const TableKey at(place.member->table, key);
  RowReading reading{*place.entity, *place.member, {name_, place.member->table, key}};
  ASSIGN_OR_RETURN(std::optional<MemberRow> old, all_.book.ReadRow(reading.ref));
  if (old && old->entity != place.entity->name) {
    // The table holds records of another entity now: no row is of the former one.
    RETURN_IF_ERROR(all_.book.RemoveRow(*old));
    old.reset();
  }
  const auto made = made_.find(at);
  if (made != made_.end()) {
    absl::StatusOr<std::string> issued = all_.book.IssuedFor(made->second);
    if (issued.ok() && !issued->empty()) issued = all_.book.Alive(*issued);
    if (!issued.ok()) return issued.status();
    reading.made = *std::move(issued);
  }
  const auto wrote = wrote_.find(at);
  if (wrote != wrote_.end()) reading.wrote = wrote->second;
  if (const auto undone = undone_.find(at); undone != undone_.end()) reading.undone = undone->second;
  if (const auto applied = applied_.find(at); applied != applied_.end()) reading.applied = applied->second;
  reading.row = std::move(row);
  reading.old = old;
  reading.mode = mode_;
  reading.first = first_;
  reading.compare = compare_;
  reading.anew = !mode_ && anew_.count(at) > 0;
  reading.removed = removed_.count(at) > 0;
  reading.formed = &look_.FormsOf(*place.member, compare_);
  reading.time = all_.time;
  reading.now_ms = all_.now_ms;
  const RowNews news = ReadRow(std::move(reading));
  if (news.made_and_gone) RETURN_IF_ERROR(NoteMadeAndGone(made->second, *news.made_and_gone));
  if (news.left) RETURN_IF_ERROR(NoteLeft(*old, *news.left));
  return news.row ? NoteRow(news.left ? std::nullopt : old, news) : absl::OkStatus();
}

/// Notes that the row is not made again.
absl::Status MemberReader::NoteMadeAndGone(const std::string& delivery_id, bool wish) {
  absl::StatusOr<std::string> record = all_.book.IssuedFor(delivery_id);
  if (record.ok() && !record->empty()) record = all_.book.Alive(*record);
  if (!record.ok()) return record.status();
  if (record->empty()) return absl::OkStatus();
  return ChangeRecord(*record, [&](GoldenRecord* golden) {
    golden->had.insert(name_);
    if (wish) golden->work.departed.insert(name_);
  });
}

absl::Status MemberReader::NoteLeft(const MemberRow& old, const RowNews::Left& left) {
  RETURN_IF_ERROR(all_.book.RemoveRow(old));
  if (old.golden_id.empty()) return absl::OkStatus();
  return ChangeRecord(old.golden_id, [&](GoldenRecord* golden) {
    if (left.wish) golden->work.departed.insert(name_);
    const auto [known, added] = golden->work.given_back.emplace(name_, left.give_back);
    if (!added) known->second = known->second && left.give_back;
    golden->work.lost.insert(old.indexed.begin(), old.indexed.end());
    golden->turns.clear();  // Marks of values that may be erased now.
  });
}

/// Notes that systems changed the exchange's values. New values come from people at work; the
/// same ones again and again come from a program.
void MemberReader::NoteTurns(const RowNews& news, GoldenRecord* record) {
  TurnBook book(all_.rules, all_.now_ms, record);
  for (const auto& [attribute, value] : news.replaced) book.NoteReplaced(attribute, value);
  for (const std::string& attribute : news.taken_back) {
    if (!book.NoteSaid(attribute, news.row->says.at(attribute).value)) continue;
    all_.notes.push_back({HubNote::Kind::kPingPong, name_, record->id, attribute});
  }
}

absl::Status MemberReader::NoteRow(const std::optional<MemberRow>& old, const RowNews& news) {
  MemberRow row = *news.row;
  row.work.turn = ++all_.turns;
  if (row.unsure && (!old || !old->unsure)) {
    all_.notes.push_back({HubNote::Kind::kUnsure, name_, row.golden_id, ""});
  }
  const HubEntity& entity = *all_.rules.Find(row.ref.data_source, row.ref.table).entity;
  KeyHashes keys = HashesOf(KeysOf(entity, row));
  keys.insert(row.indexed.begin(),
              row.indexed.end());  // Until its record is planned: records that shared them are planned, too.
  RETURN_IF_ERROR(all_.book.WriteRow(row, keys));
  if (row.golden_id.empty()) return absl::OkStatus();
  return ChangeRecord(row.golden_id, [&](GoldenRecord* golden) { NoteTurns(news, golden); });
}

}  // namespace

absl::StatusOr<bool> ReadMember(const std::string& data_source, std::optional<ResumeMode> mode,
                                MemberLook* look, HubFeed* feed, Reading* reading) {
  return MemberReader(data_source, mode, look, feed, reading).Read();
}

}  // namespace mirror
