#include "server/hub/hub.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/digest.h"
#include "base/human_text.h"
#include "base/nonce.h"
#include "server/hub/store/hub_json.h"

namespace mirror {
namespace {

std::set<std::string> SuspendedOf(const std::map<std::string, HubFeed>& feeds) {
  std::set<std::string> suspended;
  for (const auto& [name, feed] : feeds) {
    if (feed.suspended) suspended.insert(name);
  }
  return suspended;
}

/// Of what decides which rows are one, what they say and what is written.
std::string DigestOf(const HubRules& rules) {
  std::string text;
  const auto add = [&text](const std::string& part) { absl::StrAppend(&text, part.size(), ":", part); };
  for (const std::string& name : rules.data_sources) add(name);
  for (const auto& [name, tenant] : rules.tenants) add(name), add(tenant);
  for (const HubEntity& entity : rules.entities) {
    add(entity.name);
    absl::StrAppend(&text, entity.delete_any ? "any" : "none", entity.match.size());
    for (const std::vector<std::string>& rule : entity.match) {
      absl::StrAppend(&text, rule.size());
      for (const std::string& attribute : rule) add(attribute);
    }
    for (const auto& [attribute, how] : entity.normalise)
      add(attribute), absl::StrAppend(&text, static_cast<int>(how));
    for (const std::string& name : entity.complete) add(name);
    for (const auto& [attribute, rule] : entity.attributes) {
      add(attribute);
      absl::StrAppend(&text, static_cast<int>(rule.kind));
      for (const std::string& name : rule.order) add(name);
    }
    for (const HubMember& member : entity.members) {
      add(member.data_source), add(member.table), add(member.changed), add(member.changed_format);
      absl::StrAppend(&text, member.inserts, member.updates, member.deletes);
      for (const auto& [attribute, column] : member.columns) add(attribute), add(column);
      for (const std::string& attribute : member.key) add(attribute);
    }
  }
  return HexDigest(text);
}

}  // namespace

Hub::Hub(HubRules rules, std::string path, FindMember find)
    : rules_(std::move(rules)), path_(std::move(path)), find_(std::move(find)) {}

absl::Status Hub::OpenFile(std::int64_t now_ms) {
  if (file_ != nullptr) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<HubFile>> file = HubFile::Open(path_, rules_);
  if (!file.ok()) return file.status();
  absl::StatusOr<bool> changed = (*file)->TakeRules(DigestOf(rules_));
  if (!changed.ok()) return changed.status();
  file_ = *std::move(file);
  return file_->was_made() ? TakeFlags(now_ms) : absl::OkStatus();
}

/// Of a file that was just made: what the mirrors noted before is no news to it.
absl::Status Hub::TakeFlags(std::int64_t now_ms) {
  std::map<std::string, HubFeed> feeds;
  for (const std::string& name : rules_.data_sources) {
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = find_(name);
    if (!tenant.ok()) continue;
    const absl::StatusOr<HubReading> reading = (*tenant)->OpenForHub(now_ms);
    if (!reading.ok()) continue;
    feeds[name].source_older = reading->feed.source_older;
    feeds[name].mirror_older = reading->feed.mirror_older;
  }
  return file_->Transact([&](HubBook& book) {
    for (const auto& [name, feed] : feeds) {
      if (absl::Status status = book.WriteFeed(name, feed); !status.ok()) return status;
    }
    return absl::OkStatus();
  });
}

Hub::Looks Hub::LookAtAll(std::int64_t now_ms) {
  Looks all;
  trouble_.clear();
  for (const std::string& name : rules_.data_sources) {
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = find_(name);
    if (!tenant.ok()) {
      trouble_[name] = std::string(tenant.status().message());
      continue;
    }
    all.tenants[name] = *tenant;
    absl::StatusOr<HubReading> reading = (*tenant)->OpenForHub(now_ms);
    if (!reading.ok()) {
      trouble_[name] = std::string(reading.status().message());
      continue;
    }
    absl::StatusOr<std::unique_ptr<SnapshotLook>> look =
        SnapshotLook::Open(rules_, name, *std::move(reading));
    if (look.ok()) {
      all.looks[name] = *std::move(look);
    } else {
      trouble_[name] = std::string(look.status().message());
    }
  }
  return all;
}

absl::StatusOr<std::vector<HubNote>> Hub::Derive(std::int64_t now_ms,
                                                 const std::map<std::string, ResumeMode>& modes) {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenFile(now_ms); !status.ok()) return status;
  Looks looks = LookAtAll(now_ms);
  if (looks.looks.empty()) return std::vector<HubNote>();
  DeriveInput input;
  input.now_ms = now_ms;
  input.modes = modes;
  for (const auto& [name, look] : looks.looks) {
    input.looks[name] = look.get();
    input.cycles[name] = look->reading().tenant.cycle;
  }
  input.record_id = [](const MemberRow&) { return NewToken(); };
  input.delivery_id = [](const HubDelivery&) { return NewToken(); };
  input.token = [](const std::string&) { return NewToken(); };
  Derived derived;
  absl::Status status = file_->Transact([&](HubBook& book) {
    absl::StatusOr<Derived> done = mirror::Derive(rules_, input, &book);
    if (!done.ok()) return done.status();
    derived = *std::move(done);
    CrashPoint("hub.deriving");
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  CrashPoint("hub.committed");
  status = Acknowledge(std::move(looks), derived, now_ms);
  if (!status.ok()) return status;
  return std::move(derived.notes);
}

/// Behind the hub's commit: a kill before leaves a mirror that is read once more.
absl::Status Hub::Acknowledge(Looks looks, const Derived& derived, std::int64_t now_ms) {
  absl::Status failed;
  for (const std::string& name : derived.read) {
    const HubFeed& feed = derived.feeds.at(name);
    const MirrorFeed read = looks.looks.at(name)->reading().feed;
    looks.looks.erase(name);  // Its snapshot would keep the mirror's log.
    if (feed.anchor.number == read.number && feed.anchor.token == read.token) continue;
    const absl::Status status =
        looks.tenants.at(name)->Acknowledge(read, feed.anchor.number, feed.anchor.token, now_ms);
    if (!status.ok()) failed = status;
    CrashPoint("hub.acknowledged");
  }
  return failed;
}

/// Empty: deliveries may go.
absl::StatusOr<std::string> Hub::WhyNot(const std::string& data_source, std::int64_t cycle,
                                        const std::map<std::string, HubFeed>& feeds) {
  const HubFeed& feed = feeds.at(data_source);
  if (feed.suspended) {
    return absl::StrCat("'", data_source, "' is suspended since ", FormatUnixTime(*feed.suspended / 1'000),
                        ", as a restore was noticed; 'mirrorctl hub resume ", rules_.storage, "' goes on");
  }
  for (const auto& [name, other] : feeds) {
    if (other.cycle == 0 && !other.suspended) {
      return absl::StrCat("'", name, "' was not read yet; let it complete a cycle");
    }
  }
  if (feed.cycle != cycle) return std::string("the hub has not read this cycle yet");
  return std::string();
}

absl::StatusOr<bool> Hub::MayGo(HubBook& book, const HubDelivery& delivery,
                                const std::map<std::string, HubFeed>& feeds,
                                const std::set<std::string>& suspended) {
  const HubEntity* const entity = rules_.Find(delivery.data_source, delivery.table).entity;
  if (entity == nullptr) return false;
  for (const std::string& name : entity->complete) {
    if (feeds.at(name).at < delivery.needs) return false;
  }
  if (suspended.empty()) return true;
  // What concerns none of the suspended goes on: UPDATEs of records that neither have nor had a row there.
  if (delivery.operation != HubOperation::kUpdate) return false;
  absl::StatusOr<std::optional<GoldenRecord>> record = book.ReadRecord(delivery.golden_id);
  if (!record.ok()) return record.status();
  return *record && std::none_of(suspended.begin(), suspended.end(),
                                 [&](const std::string& name) { return (*record)->had.count(name) > 0; });
}

absl::StatusOr<HandedOut> Hub::HandOut(const std::string& data_source, std::int64_t cycle,
                                       std::size_t limit) {
  const MutexLock lock(mutex_);
  HandedOut out;
  if (file_ == nullptr) {
    out.waiting = "the hub was not read yet";
    return out;
  }
  if (limit == 0 || limit > kHandedOutMax) limit = kHandedOutMax;
  HubFile& file = *file_;
  absl::Status status = file.Read([&](HubBook& book) -> absl::Status {
    absl::StatusOr<std::map<std::string, HubFeed>> feeds = book.ReadFeeds();
    if (!feeds.ok()) return feeds.status();
    absl::StatusOr<std::string> why = WhyNot(data_source, cycle, *feeds);
    if (!why.ok()) return why.status();
    out.waiting = *std::move(why);
    if (!out.waiting.empty()) return absl::OkStatus();
    const std::set<std::string> suspended = SuspendedOf(*feeds);
    std::size_t bytes = 0;
    out.whole = suspended.empty();
    return file.ReadOpen(data_source, [&](HubDelivery delivery) -> absl::StatusOr<bool> {
      absl::StatusOr<bool> goes = MayGo(book, delivery, *feeds, suspended);
      if (!goes.ok() || !*goes) return goes.ok() ? absl::StatusOr<bool>(true) : goes;
      bytes += BodyJson(delivery).size() + 200;
      if (out.deliveries.size() == limit || (bytes > kHandedOutBytesMax && !out.deliveries.empty())) {
        out.whole = false;
        return false;
      }
      out.deliveries.push_back(std::move(delivery));
      return true;
    });
  });
  if (!status.ok()) return status;
  return out;
}

absl::Status Hub::Resume(const std::map<std::string, ResumeMode>& modes, std::int64_t now_ms) {
  {
    const MutexLock lock(mutex_);
    if (absl::Status status = OpenFile(now_ms); !status.ok()) return status;
    const Looks looks = LookAtAll(now_ms);
    std::map<std::string, HubFeed> feeds;
    absl::Status status = file_->Read([&](HubBook& book) {
      absl::StatusOr<std::map<std::string, HubFeed>> read = book.ReadFeeds();
      if (read.ok()) feeds = *std::move(read);
      return read.status();
    });
    if (!status.ok()) return status;
    for (const auto& [name, mode] : modes) {
      const auto feed = feeds.find(name);
      if (feed == feeds.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat("'", name, "' is no data source of hub '", rules_.storage, "'"));
      }
      const auto look = looks.looks.find(name);
      if (feed->second.suspended &&
          (look == looks.looks.end() || look->second->head().completed_cycle <= *feed->second.suspended)) {
        return absl::FailedPreconditionError(absl::StrCat(
            "'", name, "' completed no cycle since ", FormatUnixTime(*feed->second.suspended / 1'000),
            ". Nothing was resumed. Run its agent, then resume again."));
      }
    }
  }
  return Derive(now_ms, modes).status();
}

absl::StatusOr<std::size_t> Hub::DecideHeld(bool commit) {
  const MutexLock lock(mutex_);
  return file_ == nullptr ? absl::StatusOr<std::size_t>(0) : file_->DecideHeld(commit);
}

absl::StatusOr<std::size_t> Hub::Thaw(const std::string& golden_id, std::int64_t now_ms) {
  std::size_t thawed = 0;
  {
    const MutexLock lock(mutex_);
    if (file_ == nullptr) return thawed;
    absl::StatusOr<std::size_t> done = file_->Thaw(golden_id);
    if (!done.ok()) return done;
    thawed = *done;
  }
  if (absl::Status status = Derive(now_ms).status(); !status.ok()) return status;
  return thawed;
}

absl::StatusOr<std::vector<MemberState>> Hub::Members() {
  const MutexLock lock(mutex_);
  std::vector<MemberState> members;
  std::map<std::string, HubFeed> feeds;
  if (file_ != nullptr) {
    absl::Status status = file_->Read([&](HubBook& book) {
      absl::StatusOr<std::map<std::string, HubFeed>> read = book.ReadFeeds();
      if (read.ok()) feeds = *std::move(read);
      return read.status();
    });
    if (!status.ok()) return status;
  }
  std::map<std::string, HubFile::Figures> figures;
  if (file_ != nullptr) {
    absl::StatusOr<std::map<std::string, HubFile::Figures>> counted = file_->CountAll();
    if (!counted.ok()) return counted.status();
    figures = *std::move(counted);
  }
  for (const std::string& name : rules_.data_sources) {
    const auto trouble = trouble_.find(name);
    members.push_back({name, feeds[name], trouble == trouble_.end() ? "" : trouble->second, figures[name]});
  }
  return members;
}

absl::StatusOr<Hub::Figures> Hub::Count() {
  const MutexLock lock(mutex_);
  Figures figures;
  if (file_ == nullptr) return figures;
  absl::StatusOr<std::uint64_t> records = file_->CountRecords();
  if (!records.ok()) return records.status();
  figures.records = *records;
  absl::Status status = file_->Read([&](HubBook& book) {
    absl::StatusOr<HubState> state = book.ReadState();
    if (state.ok()) figures.holds_all = state->hold;
    return state.status();
  });
  if (!status.ok()) return status;
  return figures;
}

absl::StatusOr<std::vector<HubFile::Duplicate>> Hub::FindDuplicates(std::size_t limit) {
  const MutexLock lock(mutex_);
  if (file_ == nullptr) return std::vector<HubFile::Duplicate>();
  return file_->FindDuplicates(limit);
}

absl::StatusOr<Hub::Explained> Hub::ExplainIn(HubBook& book, const std::string& golden_id) {
  absl::StatusOr<std::string> alive = book.Alive(golden_id);
  if (!alive.ok()) return alive.status();
  if (alive->empty()) {
    return absl::NotFoundError(
        absl::StrCat("hub '", rules_.storage, "' has no record '", golden_id,
                     "'. Nothing was read. 'SELECT golden_id' from a table golden_<entity> of "
                     "its file tells which there are."));
  }
  Explained explained;
  absl::StatusOr<std::optional<GoldenRecord>> record = book.ReadRecord(*alive);
  if (!record.ok()) return record.status();
  explained.record = **std::move(record);
  absl::StatusOr<std::vector<MemberRow>> rows = book.RowsOf(*alive);
  if (!rows.ok()) return rows.status();
  explained.rows = *std::move(rows);
  absl::StatusOr<std::vector<HubDelivery>> deliveries = book.DeliveriesOf(*alive);
  if (!deliveries.ok()) return deliveries.status();
  explained.deliveries = *std::move(deliveries);
  return explained;
}

absl::StatusOr<Hub::Explained> Hub::Explain(const std::string& golden_id) {
  const MutexLock lock(mutex_);
  absl::StatusOr<Explained> explained =
      absl::NotFoundError("the hub was not read yet. Try again in a moment.");
  if (file_ == nullptr) return explained;
  absl::Status status = file_->Read([&](HubBook& book) {
    explained = ExplainIn(book, golden_id);
    return explained.status();
  });
  if (!status.ok()) return status;
  return explained;
}

absl::StatusOr<Hub::Explained> Hub::ExplainRow(const RowRef& ref) {
  const MutexLock lock(mutex_);
  absl::StatusOr<Explained> explained =
      absl::NotFoundError("the hub was not read yet. Try again in a moment.");
  if (file_ == nullptr) return explained;
  absl::Status status = file_->Read([&](HubBook& book) -> absl::Status {
    absl::StatusOr<std::optional<MemberRow>> row = book.ReadRow(ref);
    if (!row.ok()) return row.status();
    if (!*row) {
      return absl::NotFoundError(absl::StrCat("hub '", rules_.storage, "' knows no such row of table '",
                                              ref.table, "' of '", ref.data_source,
                                              "'. Nothing was read. Give the key as a JSON array, as [17]."));
    }
    explained = ExplainIn(book, (*row)->golden_id);
    return explained.status();
  });
  if (!status.ok()) return status;
  return explained;
}

}  // namespace mirror
