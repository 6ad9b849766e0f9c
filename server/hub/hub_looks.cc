#include "server/hub/hub.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

bool IsMember(const HubRules& rules, const std::string& data_source) {
  return std::find(rules.data_sources.begin(), rules.data_sources.end(), data_source) !=
         rules.data_sources.end();
}

absl::Status NoMember(const HubRules& rules, const std::string& data_source) {
  return absl::NotFoundError(absl::StrCat("'", data_source, "' is no data source of hub '", rules.storage,
                                          "'. Nothing was read. 'mirrorctl hub status ", rules.storage,
                                          "' shows which there are."));
}

absl::Status NoRow(const HubRules& rules, const RowRef& ref) {
  if (!IsMember(rules, ref.data_source)) return NoMember(rules, ref.data_source);
  const auto tenant = rules.tenants.find(ref.data_source);
  const std::string whose =
      absl::StrCat("'", ref.data_source, "'",
                   tenant == rules.tenants.end() ? "" : absl::StrCat(", the tenant '", tenant->second, "'"));
  if (rules.Find(ref.data_source, ref.table).entity == nullptr) {
    return absl::NotFoundError(absl::StrCat("hub '", rules.storage, "' has no table '", ref.table, "' of ",
                                            whose, ". Nothing was read. [[hub.member]] names its tables."));
  }
  return absl::NotFoundError(absl::StrCat("hub '", rules.storage, "' knows no row of this key in table '",
                                          ref.table, "' of ", whose,
                                          ". Nothing was read. Give the key as a JSON array, as [17]."));
}

/// Why each of these is held, as it is now.
absl::Status ReadHeldIn(HubBook& book, std::size_t limit, HubBook::Which which, Hub::Held* held) {
  const absl::StatusOr<HubState> state = book.ReadState();
  if (!state.ok()) return state.status();
  absl::Status read = book.ReadDeliveries(which, [&](HubDelivery one) -> absl::StatusOr<bool> {
    if (held->first.size() < limit) held->first.push_back({std::move(one)});
    return held->first.size() < limit;
  });
  if (!read.ok()) return read;
  for (Hub::Held::One& one : held->first) {
    const absl::StatusOr<std::vector<MemberRow>> rows = book.RowsOf(one.delivery.golden_id);
    if (!rows.ok()) return rows.status();
    const bool unsure =
        std::any_of(rows->begin(), rows->end(), [](const MemberRow& row) { return row.unsure; });
    if (state->hold) one.why = Hub::HeldWhy::kAnew;
    if (unsure) one.why = Hub::HeldWhy::kUnsure;
  }
  return absl::OkStatus();
}

absl::StatusOr<Hub::Explained> ExplainIn(const HubRules& rules, HubBook& book, const std::string& golden_id) {
  absl::StatusOr<std::string> alive = book.Alive(golden_id);
  if (!alive.ok()) return alive.status();
  if (alive->empty()) {
    return absl::NotFoundError(
        absl::StrCat("hub '", rules.storage, "' has no record '", golden_id,
                     "'. Nothing was read. 'SELECT golden_id' from a table golden_<entity> of "
                     "its file tells which there are."));
  }
  Hub::Explained explained;
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

}  // namespace

absl::StatusOr<Hub::Held> Hub::ListHeld(std::size_t limit, bool dropped) {
  const MutexLock looking(look_mutex_);
  const absl::StatusOr<std::shared_ptr<HubFile>> file = files_.ToLook();
  if (!file.ok()) return file.status();
  Held held;
  absl::StatusOr<std::map<DeliveryPlace, std::uint64_t>> counts =
      (*file)->CountPlaces(dropped ? DeliveryState::kDropped : DeliveryState::kHeld);
  if (!counts.ok()) return counts.status();
  held.counts = *std::move(counts);
  absl::Status status = (*file)->Read([&](HubBook& book) {
    return ReadHeldIn(book, limit, dropped ? HubBook::Which::kDropped : HubBook::Which::kHeld, &held);
  });
  if (!status.ok()) return status;
  return held;
}

absl::StatusOr<Hub::Refused> Hub::ListRefused(const std::string& data_source, std::size_t limit) {
  const MutexLock looking(look_mutex_);
  if (!data_source.empty() && !IsMember(rules_, data_source)) return NoMember(rules_, data_source);
  const absl::StatusOr<std::shared_ptr<HubFile>> file = files_.ToLook();
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::map<std::string, HubFile::Figures>> figures = (*file)->CountAll();
  if (!figures.ok()) return figures.status();
  Refused refused;
  for (const auto& [name, of_member] : *figures) {
    if (data_source.empty() || name == data_source) refused.count += of_member.refused;
  }
  if (refused.count == 0) return refused;
  absl::Status status = (*file)->Read([&](HubBook& book) {
    return book.ReadDeliveries(HubBook::Which::kRefused, [&](HubDelivery one) -> absl::StatusOr<bool> {
      const bool asked = data_source.empty() || one.data_source == data_source;
      if (asked && refused.first.size() < limit) refused.first.push_back(std::move(one));
      return refused.first.size() < limit;
    });
  });
  if (!status.ok()) return status;
  return refused;
}

absl::StatusOr<HubStanding> Hub::Stand(bool by_hand) {
  const MutexLock looking(look_mutex_);
  const absl::StatusOr<std::shared_ptr<HubFile>> file = files_.ToLook();
  if (!file.ok()) return file.status();
  HubStanding standing;
  std::map<std::string, HubFeed> feeds;
  absl::Status read = (*file)->Read([&](HubBook& book) -> absl::Status {
    const absl::StatusOr<HubState> state = book.ReadState();
    if (!state.ok()) return state.status();
    standing.holds_all = state->hold;
    standing.derived_ms = state->time;
    absl::StatusOr<std::map<std::string, HubFeed>> all = book.ReadFeeds();
    if (all.ok()) feeds = *std::move(all);
    return all.status();
  });
  if (!read.ok()) return read;
  const absl::StatusOr<std::uint64_t> records = (*file)->CountRecords();
  if (!records.ok()) return records.status();
  standing.records = *records;
  if (by_hand) {
    const absl::StatusOr<HubFile::ByHand> counted = (*file)->CountByHand();
    if (!counted.ok()) return counted.status();
    standing.by_hand = *counted;
  }
  absl::StatusOr<std::map<std::string, HubFile::Figures>> figures = (*file)->CountAll();
  if (!figures.ok()) return figures.status();
  absl::StatusOr<HubFile::Frozen> frozen = (*file)->FindFrozen(kFrozenNamed);
  if (!frozen.ok()) return frozen.status();
  standing.frozen = *std::move(frozen);
  const HubTrouble shown = shown_.Read();
  for (const std::string& name : rules_.data_sources) {
    const auto trouble = shown.words.find(name);
    MemberState member{.data_source = name, .feed = feeds[name], .figures = (*figures)[name]};
    member.absent = member.feed.cycle == 0 && shown.absent.count(name) > 0;
    if (trouble != shown.words.end() && !member.absent) member.trouble = trouble->second;
    const auto remade = shown.remade.find(name);
    if (member.feed.suspended && member.trouble.empty() && remade != shown.remade.end())
      member.trouble = remade->second;
    standing.members.push_back(std::move(member));
  }
  return standing;
}

absl::StatusOr<std::vector<HubFile::Duplicate>> Hub::FindDuplicates(std::size_t limit) {
  const MutexLock looking(look_mutex_);
  const absl::StatusOr<std::shared_ptr<HubFile>> file = files_.ToLook();
  if (!file.ok()) return file.status();
  return (*file)->FindDuplicates(limit);
}

absl::StatusOr<Hub::Explained> Hub::Explain(const std::string& golden_id) {
  const MutexLock looking(look_mutex_);
  const absl::StatusOr<std::shared_ptr<HubFile>> file = files_.ToLook();
  if (!file.ok()) return file.status();
  absl::StatusOr<Explained> explained = Explained();
  absl::Status status = (*file)->Read([&](HubBook& book) {
    explained = ExplainIn(rules_, book, golden_id);
    return explained.status();
  });
  if (!status.ok()) return status;
  return explained;
}

absl::StatusOr<Hub::Explained> Hub::ExplainRow(const RowRef& ref) {
  const MutexLock looking(look_mutex_);
  const absl::StatusOr<std::shared_ptr<HubFile>> file = files_.ToLook();
  if (!file.ok()) return file.status();
  absl::StatusOr<Explained> explained = Explained();
  absl::Status status = (*file)->Read([&](HubBook& book) -> absl::Status {
    absl::StatusOr<std::optional<MemberRow>> row = book.ReadRow(ref);
    if (!row.ok()) return row.status();
    if (!*row) return NoRow(rules_, ref);
    explained = ExplainIn(rules_, book, (*row)->golden_id);
    return explained.status();
  });
  if (!status.ok()) return status;
  return explained;
}

}  // namespace mirror
