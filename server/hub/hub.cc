#include "server/hub/hub.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/human_text.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "server/hub/hub_json.h"
#include "server/hub/plan/derive.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {
namespace {

/// Returns the present ids of the records that a decision names; nothing for one that does not exist.
absl::StatusOr<std::set<std::string>> NamedIn(HubBook& book, const HandDecision& decision) {
  std::set<std::string> named;
  for (const std::string& id : {decision.golden_id, decision.other_id}) {
    ASSIGN_OR_RETURN(std::string alive, book.Alive(id));
    if (!alive.empty()) named.insert(std::move(alive));
  }
  return named;
}

absl::StatusOr<std::set<std::string>> DeliveriesOf(HubBook& book, const std::set<std::string>& records) {
  std::set<std::string> ids;
  for (const std::string& record : records) {
    ASSIGN_OR_RETURN(const std::vector<HubDelivery> deliveries, book.DeliveriesOf(record));
    for (const HubDelivery& one : deliveries) ids.insert(one.id);
  }
  return ids;
}

absl::StatusOr<Hub::Preview::Outcome> OutcomeOf(HubBook& book, const std::string& id, bool is_new) {
  ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, book.ReadRecord(id));
  ASSIGN_OR_RETURN(std::vector<MemberRow> rows, book.RowsOf(id));
  Hub::Preview::Outcome outcome{.record = record.value_or(GoldenRecord()), .rows = std::move(rows)};
  outcome.row_count = outcome.rows.size();
  outcome.is_new = is_new;
  if (outcome.rows.size() > kPreviewMax) outcome.rows.resize(kPreviewMax);
  return outcome;
}

/// Describes what a decision makes of the records that it names.
absl::Status TellRecords(HubBook& book, const std::set<std::string>& named, const std::string& decided,
                         const std::set<std::string>& before, Hub::Preview* preview) {
  std::set<std::string> now = {decided};
  for (const std::string& id : named) {
    ASSIGN_OR_RETURN(const std::string alive, book.Alive(id));
    now.insert(alive);
  }
  // First the former records, then the new one.
  for (const bool is_new : {false, true}) {
    for (const std::string& id : now) {
      if ((named.count(id) == 0) != is_new) continue;
      ASSIGN_OR_RETURN(Hub::Preview::Outcome outcome, OutcomeOf(book, id, is_new));
      preview->records.push_back(std::move(outcome));
    }
  }
  ASSIGN_OR_RETURN(const std::set<std::string> after, DeliveriesOf(book, now));
  preview->withdrawn = static_cast<std::uint64_t>(std::count_if(
      before.begin(), before.end(), [&](const std::string& id) { return !after.contains(id); }));
  return absl::OkStatus();
}

/// Does the trial in a transaction that is rolled back, and describes the resulting records. `input`: has the
/// trial's settings for a derivation. Errors: those of Derive().
absl::Status TryIn(const HubRules& rules, const Hub::Trial& trial, const DeriveInput& input, HubBook* book,
                   Hub::Preview* preview) {
  if (trial.thawed) {
    ASSIGN_OR_RETURN(preview->thawed, book->upkeep().Thaw(*trial.thawed));
  }
  if (!trial.decision) return mirror::Derive(rules, input, book).status();
  ASSIGN_OR_RETURN(const std::set<std::string> named, NamedIn(*book, *trial.decision));
  ASSIGN_OR_RETURN(const std::set<std::string> before, DeliveriesOf(*book, named));
  ASSIGN_OR_RETURN(const Derived derived, mirror::Derive(rules, input, book));
  return TellRecords(*book, named, derived.decided, before, preview);
}

absl::Status ClosedError(const HubRules& rules) {
  return absl::UnavailableError(
      absl::StrCat("the rules of hub '", rules.storage, "' were just changed. Nothing was done. Try again."));
}

}  // namespace

/// Opens both at once: an opening writes, and would wait for a derivation.
absl::Status OpenedFiles::Open() {
  if (closed_) return ClosedError(rules_);
  if (to_derive_ != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::unique_ptr<HubFile> to_derive, files_.open(rules_));
  ASSIGN_OR_RETURN(std::unique_ptr<HubFile> to_look, files_.open(rules_));
  to_derive_ = std::move(to_derive);
  to_look_ = std::move(to_look);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<HubFile>> OpenedFiles::ToDerive() {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(Open());
  return to_derive_;
}

absl::StatusOr<std::shared_ptr<HubFile>> OpenedFiles::ToLook() {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(Open());
  return to_look_;
}

void OpenedFiles::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  to_derive_.reset();
  to_look_.reset();
}

absl::Status OpenedFiles::Remove() {
  const MutexLock lock(mutex_);
  if (closed_) return ClosedError(rules_);  // The file belongs to another hub by now.
  to_derive_.reset();
  to_look_.reset();
  return files_.remove(rules_);
}

namespace {

std::set<std::string> SuspendedOf(const std::map<std::string, HubFeed>& feeds) {
  std::set<std::string> suspended;
  for (const auto& [name, feed] : feeds) {
    if (feed.suspended) suspended.insert(name);
  }
  return suspended;
}

/// Returns whether the delivery was derived by rules like these: if a member was not
/// read since the rules changed, it was not.
bool Fits(const HubRules::Place& place, const HubDelivery& delivery) {
  const auto& match = place.entity->match;
  const auto keys_fit =
      std::all_of(delivery.match_keys.begin(), delivery.match_keys.end(), [&](const HubKey& key) {
        return key.rule < match.size() && key.parts.size() == match[key.rule].size();
      });
  if (!keys_fit || delivery.operation != HubOperation::kInsert) return keys_fit;
  return std::all_of(place.member->key.begin(), place.member->key.end(), [&](const std::string& attribute) {
    const auto column = place.member->columns.find(attribute);
    return column != place.member->columns.end() && delivery.columns.count(column->second) > 0;
  });
}

absl::StatusOr<bool> MayGo(const HubRules& rules, HubBook& book, const HubDelivery& delivery,
                           const std::map<std::string, HubFeed>& feeds,
                           const std::set<std::string>& suspended) {
  const HubRules::Place place = rules.Find(delivery.data_source, delivery.table);
  const HubEntity* const entity = place.entity;
  if (entity == nullptr || !Fits(place, delivery)) return false;
  for (const std::string& name : entity->complete) {
    if (feeds.at(name).at < delivery.needs) return false;
  }
  if (suspended.empty()) return true;
  // UPDATEs of records that neither have nor had a row in a suspended member may go.
  if (delivery.operation != HubOperation::kUpdate) return false;
  ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, book.ReadRecord(delivery.golden_id));
  return record && std::none_of(suspended.begin(), suspended.end(),
                                [&](const std::string& name) { return (record)->had.count(name) > 0; });
}

absl::StatusOr<std::map<std::string, HubFeed>> ReadFeeds(HubFile& file) {
  std::map<std::string, HubFeed> feeds;
  RETURN_IF_ERROR(file.Read([&](HubBook& book) {
    absl::StatusOr<std::map<std::string, HubFeed>> read = book.ReadFeeds();
    if (read.ok()) feeds = *std::move(read);
    return read.status();
  }));
  return feeds;
}

/// Makes the input of a derivation from the members' looks. `unfit`: see DeriveInput.
DeriveInput InputOf(const std::map<std::string, std::unique_ptr<SnapshotLook>>& looks,
                    const std::set<std::string>& unfit, std::int64_t now_ms) {
  DeriveInput input;
  input.now_ms = now_ms;
  input.unfit = unfit;
  for (const auto& [name, look] : looks) {
    input.looks[name] = look.get();
    input.cycles[name] = look->reading().tenant.cycle;
  }
  input.record_id = [](const MemberRow&) { return NewToken(); };
  input.delivery_id = [](const HubDelivery&) { return NewToken(); };
  input.token = [](const std::string&) { return NewToken(); };
  return input;
}

/// Runs after the hub's commit: a kill before it leaves a mirror that is read once more.
absl::Status Acknowledge(const std::map<std::string, std::shared_ptr<Tenant>>& tenants,
                         std::map<std::string, std::unique_ptr<SnapshotLook>> looks, const Derived& derived,
                         std::int64_t now_ms) {
  absl::Status failed;
  for (const std::string& name : derived.read) {
    const HubFeed& feed = derived.feeds.at(name);
    const HubReading& reading = looks.at(name)->reading();
    const HubRead read = {reading.feed, reading.tables, reading.tenant.completed_cycle};
    looks.erase(name);  // Its snapshot would keep the mirror's log.
    if (feed.anchor.number == read.feed.number && feed.anchor.token == read.feed.token) continue;
    const absl::Status status =
        tenants.at(name)->Acknowledge(read, feed.anchor.number, feed.anchor.token, now_ms);
    if (!status.ok()) failed = status;
    CrashPoint("hub.acknowledged");
  }
  return failed;
}

/// Runs within HubFile::Alone(), and after the looks, whose snapshots would keep the deleted data.
absl::Status RewriteForgotten(HubFile& file) {
  ASSIGN_OR_RETURN(const auto feeds, ReadFeeds(file));
  if (std::all_of(feeds.begin(), feeds.end(),
                  [](const auto& feed) { return feed.second.erased == feed.second.forgotten; })) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(file.Rewrite());
  return file.Transact([&](HubBook& book) {
    for (auto [name, feed] : feeds) {
      feed.erased = feed.forgotten;
      RETURN_IF_ERROR(book.WriteFeed(name, feed));
    }
    return absl::OkStatus();
  });
}

}  // namespace

Hub::Hub(HubRules rules, HubFiles files, FindMember find)
    : rules_(std::move(rules)), files_(rules_, std::move(files)), find_(std::move(find)) {}

void Hub::Close() {
  const MutexLock lock(mutex_);
  const MutexLock looking(look_mutex_);
  files_.Close();
}

absl::Status Hub::NoteNews() {
  const absl::StatusOr<std::shared_ptr<HubFile>> file = files_.ToDerive();
  return file.ok() ? (*file)->NoteNews() : file.status();
}

absl::StatusOr<HubFile::News> Hub::ReadNews() {
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToDerive());
  return (file)->ReadNews();
}

/// Runs for a file that was just made: notes that mirrors made before are no news for it.
absl::Status Hub::TakeFlags(HubFile& file, std::int64_t now_ms) {
  std::map<std::string, HubFeed> feeds;
  for (const std::string& name : rules_.data_sources) {
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = find_(name);
    if (!tenant.ok()) continue;
    const absl::StatusOr<HubReading> reading = (*tenant)->OpenForHub(now_ms);
    if (!reading.ok()) continue;
    feeds[name].source_older = reading->feed.source_older;
    feeds[name].mirror_older = reading->feed.mirror_older;
  }
  return file.Transact([&](HubBook& book) {
    for (const auto& [name, feed] : feeds) {
      RETURN_IF_ERROR(book.WriteFeed(name, feed));
    }
    return book.WriteState({});  // The file exists: later notes of mirrors are news.
  });
}

Hub::Looks Hub::LookAtAll(std::int64_t now_ms, bool writes) {
  Looks all;
  trouble_ = {};
  for (const std::string& name : rules_.data_sources) {
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = find_(name);
    if (!tenant.ok()) {
      trouble_.words[name] = std::string(tenant.status().message());
      if (absl::IsNotFound(tenant.status())) trouble_.absent.insert(name);
      continue;
    }
    all.tenants[name] = *tenant;
    absl::StatusOr<HubReading> reading = (*tenant)->OpenForHub(now_ms, writes);
    if (!reading.ok()) {
      trouble_.words[name] = std::string(reading.status().message());
      if (absl::IsNotFound(reading.status())) trouble_.absent.insert(name);
      continue;
    }
    absl::StatusOr<std::unique_ptr<SnapshotLook>> look =
        SnapshotLook::Open(rules_, name, *std::move(reading));
    if (look.ok()) {
      const std::set<std::string>& remade = (*look)->head().remade;
      if (!remade.empty()) {
        trouble_.remade[name] =
            (*look)->reading().tables.is_spoiled
                ? std::string(
                      "the document 'feed_tables' of its mirror, which says what its source did to its "
                      "tables, was changed by hand: rows may be missing")
                : absl::StrCat("its source dropped table '", *remade.begin(),
                               "', or did not send it for a while: rows of it may be missing");
      }
      all.looks[name] = *std::move(look);
    } else {
      trouble_.words[name] = std::string(look.status().message());
      if (absl::IsInvalidArgument(look.status())) all.unfit.insert(name);
    }
  }
  shown_.Show(trouble_);
  return all;
}

absl::Status Hub::Derive(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  return DeriveAlone(now_ms, {}, {}).status();
}

absl::Status Hub::Rewrite(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (unwritten_.why.ok() || !unwritten_.IsDue(now_ms)) return unwritten_.why;
  unwritten_.tried_ms = now_ms;
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToDerive());
  return (file)->Alone([&]() MIRROR_REQUIRES(mutex_) { return unwritten_.why = RewriteForgotten(*file); });
}

absl::Status Hub::Forget(const std::string& data_source, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  const absl::StatusOr<Derived> derived = DeriveAlone(now_ms, {}, {}, /*forgets=*/true);
  if (!derived.ok()) return derived.status();
  if (!derived->rewritten.ok() || derived->read.count(data_source) > 0) return derived->rewritten;
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToDerive());
  ASSIGN_OR_RETURN(const auto feeds, ReadFeeds(*file));
  const auto feed = feeds.find(data_source);
  if (feed == feeds.end() || feed->second.cycle == 0) return absl::OkStatus();  // The hub never had any.
  const auto trouble = trouble_.words.find(data_source);
  const std::string why =
      feed->second.suspended
          ? absl::StrCat("it is suspended until 'mirrorctl hub resume ", rules_.storage, "'")
      : trouble == trouble_.words.end() ? std::string("it could not be read")
                                        : trouble->second;
  return absl::UnavailableError(absl::StrCat("hub '", rules_.storage, "' may still hold what was erased in '",
                                             data_source, "', since the hub has not read that member: ", why,
                                             ". The hub forgets it when it reads the member again."));
}

Hub::Heard Hub::Hear() {
  const MutexLock lock(mutex_);
  return std::exchange(unheard_, Heard());
}

/// `asked`: members to resume; those of them that are suspended are resumed.
absl::StatusOr<Derived> Hub::DeriveAlone(std::int64_t now_ms, const Modes& asked,
                                         const std::optional<HandDecision>& decision, bool forgets) {
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToDerive());
  absl::StatusOr<Derived> derived = Derived();
  absl::Status status = file->Alone([&]() MIRROR_REQUIRES(mutex_) -> absl::Status {
    ASSIGN_OR_RETURN(const HubFile::News news, file->ReadNews());
    absl::StatusOr<Modes> modes = Modes();
    if (!asked.empty()) modes = ToResume(*file, asked, LookAtAll(now_ms));
    if (!modes.ok()) return modes.status();
    if (!asked.empty() && modes->empty()) return absl::OkStatus();
    derived = DeriveIn(*file, now_ms, *modes, decision, forgets);
    if (derived.ok()) {
      for (const auto& [name, mode] : *modes) derived->resumed.push_back(name);
    }
    // Also after an error: what was committed before is handed out as it was before the news.
    const absl::Status noted = file->NoteRead(news.noted);
    return derived.ok() ? noted : derived.status();
  });
  if (!status.ok()) return status;
  return derived;
}

absl::StatusOr<Derived> Hub::DeriveIn(HubFile& file, std::int64_t now_ms, const Modes& modes,
                                      const std::optional<HandDecision>& decision, bool forgets) {
  ASSIGN_OR_RETURN(const bool is_new, file.IsNew());
  RETURN_IF_ERROR(file.TakeRules(DigestOf(rules_)).status());
  if (is_new) RETURN_IF_ERROR(TakeFlags(file, now_ms));
  Looks looks = LookAtAll(now_ms);
  if (looks.looks.empty() && looks.unfit.empty() && !decision) return Derived();
  DeriveInput input = InputOf(looks.looks, looks.unfit, now_ms);
  input.modes = modes;
  input.decision = decision;
  input.forgets = forgets;
  ASSIGN_OR_RETURN(Derived derived, Plan(file, std::move(input), &looks));
  unheard_.notes.insert(unheard_.notes.end(), derived.notes.begin(), derived.notes.end());
  unheard_.overtaken_unnamed += derived.overtaken_unnamed;
  for (const auto& [name, look] : looks.looks) {
    if (look == nullptr) continue;
    // Once for each table, since a hub's rules do not change.
    std::vector<HubNote> unread = look->UnreadTimes();
    for (HubNote& note : unread) {
      if (unread_times_.emplace(name, note.table).second) unheard_.notes.push_back(std::move(note));
    }
  }
  CrashPoint("hub.committed");
  // The server that derives next has read mirrors that know nothing of this commit yet.
  RETURN_IF_ERROR(file.CheckAlone());
  RETURN_IF_ERROR(Acknowledge(looks.tenants, std::move(looks.looks), derived, now_ms));
  if (forgets || unwritten_.IsDue(now_ms)) unwritten_ = {RewriteForgotten(file), now_ms};
  derived.rewritten = unwritten_.why;
  return derived;
}

/// Plans without a member whose mirror cannot be read, for its disk or source: the others are read.
absl::StatusOr<Derived> Hub::Plan(HubFile& file, DeriveInput input, Looks* looks) {
  for (;;) {
    std::string unreadable;
    input.unreadable = &unreadable;
    Derived derived;
    absl::Status status = file.Transact([&](HubBook& book) {
      ASSIGN_OR_RETURN(derived, mirror::Derive(rules_, input, &book));
      CrashPoint("hub.deriving");
      return absl::OkStatus();
    });
    if (status.ok()) return derived;
    if (input.looks.erase(unreadable) == 0 || input.modes.count(unreadable) > 0) return status;
    trouble_.words[unreadable] = std::string(status.message());
    shown_.Show(trouble_);
    looks->looks.erase(unreadable);
  }
}

/// Returns why no delivery may go. Empty: deliveries may go.
absl::StatusOr<std::string> Hub::WhyNot(const std::string& data_source, std::int64_t cycle,
                                        const std::map<std::string, HubFeed>& feeds) {
  const auto own = feeds.find(data_source);
  if (own != feeds.end() && own->second.suspended) {
    return absl::StrCat(
        "'", data_source, "' is suspended since ", FormatUnixTime(*own->second.suspended / 1'000),
        ", as it, another system or the hub was restored, or its tables changed; 'mirrorctl hub "
        "status ",
        rules_.storage, "' says how to continue");
  }
  const auto trouble = trouble_.words.find(data_source);
  if (trouble != trouble_.words.end())
    return absl::StrCat("the hub cannot read '", data_source, "': ", trouble->second);
  for (const std::string& name : rules_.data_sources) {
    const auto other = feeds.find(name);
    if (other == feeds.end() || other->second.cycle == 0) {
      return absl::StrCat("'", name,
                          "' was not read yet: nothing is handed out before its agent completed a cycle");
    }
  }
  if (own->second.cycle != cycle)
    return std::string("the hub has not read this cycle yet; the next run asks again");
  return std::string();
}

absl::StatusOr<HandedOut> Hub::HandOut(const std::string& data_source, std::int64_t cycle,
                                       std::size_t limit) {
  const MutexLock lock(mutex_);
  HandedOut out;
  out.rules = rules_;
  if (limit == 0 || limit > kHandedOutMax) limit = kHandedOutMax;
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToDerive());
  RETURN_IF_ERROR(file->Read([&](HubBook& book) MIRROR_REQUIRES(mutex_) -> absl::Status {
    ASSIGN_OR_RETURN(auto feeds, book.ReadFeeds());
    ASSIGN_OR_RETURN(out.waiting, WhyNot(data_source, cycle, feeds));
    if (!out.waiting.empty()) return absl::OkStatus();
    const std::set<std::string> suspended = SuspendedOf(feeds);
    std::size_t bytes = 0;
    out.whole = suspended.empty();
    return book.ReadOpen(data_source, [&](HubDelivery delivery) -> absl::StatusOr<bool> {
      absl::StatusOr<bool> goes = MayGo(rules_, book, delivery, feeds, suspended);
      if (!goes.ok() || !*goes) return goes.ok() ? absl::StatusOr<bool>(true) : goes;
      const std::size_t size = BodyJson(delivery).size() + 200;
      if (size > kHandedOutBytesMax) {
        out.whole = false;
        return true;
      }
      bytes += size;
      if (out.deliveries.size() == limit || (bytes > kHandedOutBytesMax && !out.deliveries.empty())) {
        out.whole = false;
        return false;
      }
      out.deliveries.push_back(std::move(delivery));
      return true;
    });
  }));
  return out;
}

/// Returns those members of `modes` that are suspended.
absl::StatusOr<Hub::Modes> Hub::ToResume(HubFile& file, const Modes& modes, const Looks& looks) {
  ASSIGN_OR_RETURN(const auto feeds, ReadFeeds(file));
  Modes suspended;
  for (const auto& [name, mode] : modes) {
    const auto feed = feeds.find(name);
    if (feed == feeds.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", name, "' is no data source of hub '", rules_.storage, "'. Nothing was resumed."));
    }
    if (!feed->second.suspended) continue;
    if (looks.unfit.contains(name)) {
      return absl::FailedPreconditionError(
          absl::StrCat("'", name, "' does not fit the configuration: ", trouble_.words[name],
                       ". Nothing was resumed. Correct [[hub.member]] or the table, then resume again."));
    }
    const auto look = looks.looks.find(name);
    if (look == looks.looks.end() || !IsBehind(look->second->head(), *feed->second.suspended)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "'", name, "' completed no cycle since ", FormatUnixTime(*feed->second.suspended / 1'000),
          ". Nothing was resumed. Run its agent, then resume again."));
    }
    suspended.emplace(name, mode);
  }
  return suspended;
}

absl::StatusOr<std::vector<std::string>> Hub::Resume(const Modes& modes, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (modes.empty()) return std::vector<std::string>();
  ASSIGN_OR_RETURN(Derived derived, DeriveAlone(now_ms, modes, {}));
  return std::move(derived.resumed);
}

absl::StatusOr<Hub::Preview> Hub::Try(const Trial& trial, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToDerive());
  Preview preview;
  absl::Status status = file->Alone([&]() MIRROR_REQUIRES(mutex_) -> absl::Status {
    if (trial.thawed) {
      ASSIGN_OR_RETURN(HubFile::Frozen frozen, file->FindFrozen(kFrozenMax));
      for (HubFile::FrozenRecord& one : frozen.first) {
        if (trial.thawed->empty() || one.golden_id == *trial.thawed) preview.frozen.push_back(std::move(one));
      }
    }
    const Looks looks = LookAtAll(now_ms, /*writes=*/false);
    const absl::StatusOr<Modes> suspended = ToResume(*file, trial.modes, looks);
    if (!suspended.ok() || (!trial.modes.empty() && suspended->empty())) return suspended.status();
    for (const auto& [name, mode] : *suspended) preview.resumed.push_back(name);
    DeriveInput input = InputOf(looks.looks, looks.unfit, now_ms);
    input.modes = *suspended;
    input.decision = trial.decision;
    input.made = [&preview](const HubDelivery& delivery) -> absl::StatusOr<bool> {
      Preview::Count& count = preview.made[{delivery.data_source, delivery.table, delivery.operation}];
      ++count.deliveries;
      if (delivery.state == DeliveryState::kHeld) ++count.held;
      if (preview.first.size() < kPreviewMax) preview.first.push_back(delivery);
      return true;
    };
    return (file)->Try([&](HubBook& book) { return TryIn(rules_, trial, input, &book, &preview); });
  });
  if (!status.ok()) return status;
  return preview;
}

absl::StatusOr<std::string> Hub::Decide(HandDecision decision, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(Derived derived, DeriveAlone(now_ms, {}, std::move(decision)));
  return std::move(derived.decided);
}

absl::StatusOr<std::vector<std::string>> Hub::Rebuild(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  {
    const MutexLock looking(look_mutex_);
    RETURN_IF_ERROR(files_.Remove());
  }
  unwritten_ = {};
  ASSIGN_OR_RETURN(const Derived derived, DeriveAlone(now_ms, {}, {}));
  const std::set<std::string> suspended = SuspendedOf(derived.feeds);
  return std::vector<std::string>(suspended.begin(), suspended.end());
}

absl::StatusOr<std::size_t> Hub::DecideHeld(bool commit, bool dropped) {
  const MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToDerive());
  absl::StatusOr<std::size_t> decided = 0;
  RETURN_IF_ERROR(file->Alone([&] {
    decided = dropped ? file->OpenDropped() : file->DecideHeld(commit);
    return decided.status();
  }));
  return decided;
}

absl::StatusOr<std::size_t> Hub::Thaw(const std::string& golden_id, std::int64_t now_ms) {
  absl::StatusOr<std::size_t> thawed = 0;
  {
    const MutexLock lock(mutex_);
    ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToDerive());
    RETURN_IF_ERROR(file->Alone([&] {
      return (file)->Transact([&](HubBook& book) {
        thawed = book.upkeep().Thaw(golden_id);
        return thawed.status();
      });
    }));
  }
  RETURN_IF_ERROR(Derive(now_ms));
  return thawed;
}

void Hub::Look(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  LookAtAll(now_ms);
}

}  // namespace mirror
