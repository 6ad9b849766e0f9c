#include "base/status_macros.h"
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
                                          "' lists its data sources."));
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

/// Finds why each of these is held now.
absl::Status ReadHeldIn(HubBook& book, std::size_t limit, HubBook::Which which, Hub::Held* held) {
  ASSIGN_OR_RETURN(const HubState state, book.ReadState());
  RETURN_IF_ERROR(book.ReadDeliveries(which, [&](HubDelivery one) -> absl::StatusOr<bool> {
    if (held->first.size() < limit) held->first.push_back({std::move(one)});
    return held->first.size() < limit;
  }));
  for (Hub::Held::One& one : held->first) {
    ASSIGN_OR_RETURN(const std::vector<MemberRow> rows, book.RowsOf(one.delivery.golden_id));
    const bool unsure =
        std::any_of(rows.begin(), rows.end(), [](const MemberRow& row) { return row.unsure; });
    if (state.hold) one.why = Hub::HeldWhy::kAnew;
    if (unsure) one.why = Hub::HeldWhy::kUnsure;
  }
  return absl::OkStatus();
}

absl::StatusOr<Hub::Explained> ExplainIn(const HubRules& rules, HubBook& book, const std::string& golden_id) {
  ASSIGN_OR_RETURN(std::string alive, book.Alive(golden_id));
  if (alive.empty()) {
    return absl::NotFoundError(
        absl::StrCat("hub '", rules.storage, "' has no record '", golden_id,
                     "'. Nothing was read. 'SELECT golden_id' from a table golden_<entity> of "
                     "its file lists its records."));
  }
  Hub::Explained explained;
  ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, book.ReadRecord(alive));
  explained.record = *std::move(record);
  ASSIGN_OR_RETURN(explained.rows, book.RowsOf(alive));
  ASSIGN_OR_RETURN(explained.deliveries, book.DeliveriesOf(alive));
  return explained;
}

}  // namespace

absl::StatusOr<Hub::Held> Hub::ListHeld(std::size_t limit, bool dropped) {
  const MutexLock looking(look_mutex_);
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToLook());
  Held held;
  ASSIGN_OR_RETURN(held.counts, file->CountPlaces(dropped ? DeliveryState::kDropped : DeliveryState::kHeld));
  RETURN_IF_ERROR(file->Read([&](HubBook& book) {
    return ReadHeldIn(book, limit, dropped ? HubBook::Which::kDropped : HubBook::Which::kHeld, &held);
  }));
  return held;
}

absl::StatusOr<Hub::Refused> Hub::ListRefused(const std::string& data_source, std::size_t limit) {
  const MutexLock looking(look_mutex_);
  if (!data_source.empty() && !IsMember(rules_, data_source)) return NoMember(rules_, data_source);
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToLook());
  ASSIGN_OR_RETURN(const auto figures, file->CountAll());
  Refused refused;
  for (const auto& [name, of_member] : figures) {
    if (data_source.empty() || name == data_source) refused.count += of_member.refused;
  }
  if (refused.count == 0) return refused;
  RETURN_IF_ERROR(file->Read([&](HubBook& book) {
    return book.ReadDeliveries(HubBook::Which::kRefused, [&](HubDelivery one) -> absl::StatusOr<bool> {
      const bool asked = data_source.empty() || one.data_source == data_source;
      if (asked && refused.first.size() < limit) refused.first.push_back(std::move(one));
      return refused.first.size() < limit;
    });
  }));
  return refused;
}

absl::StatusOr<HubStanding> Hub::Stand(bool by_hand) {
  const MutexLock looking(look_mutex_);
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToLook());
  HubStanding standing;
  std::map<std::string, HubFeed> feeds;
  RETURN_IF_ERROR(file->Read([&](HubBook& book) -> absl::Status {
    ASSIGN_OR_RETURN(const HubState state, book.ReadState());
    standing.holds_all = state.hold;
    standing.derived_ms = state.time;
    absl::StatusOr<std::map<std::string, HubFeed>> all = book.ReadFeeds();
    if (all.ok()) feeds = *std::move(all);
    return all.status();
  }));
  ASSIGN_OR_RETURN(standing.records, file->CountRecords());
  if (by_hand) {
    ASSIGN_OR_RETURN(standing.by_hand, file->CountByHand());
  }
  ASSIGN_OR_RETURN(auto figures, file->CountAll());
  ASSIGN_OR_RETURN(standing.frozen, file->FindFrozen(kFrozenNamed));
  const HubTrouble shown = shown_.Read();
  for (const std::string& name : rules_.data_sources) {
    const auto trouble = shown.words.find(name);
    MemberState member{.data_source = name, .feed = feeds[name], .figures = figures[name]};
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
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToLook());
  return (file)->FindDuplicates(limit);
}

absl::StatusOr<Hub::Explained> Hub::Explain(const std::string& golden_id) {
  const MutexLock looking(look_mutex_);
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToLook());
  absl::StatusOr<Explained> explained = Explained();
  RETURN_IF_ERROR(file->Read([&](HubBook& book) {
    explained = ExplainIn(rules_, book, golden_id);
    return explained.status();
  }));
  return explained;
}

absl::StatusOr<Hub::Explained> Hub::ExplainRow(const RowRef& ref) {
  const MutexLock looking(look_mutex_);
  ASSIGN_OR_RETURN(const std::shared_ptr<HubFile> file, files_.ToLook());
  absl::StatusOr<Explained> explained = Explained();
  RETURN_IF_ERROR(file->Read([&](HubBook& book) -> absl::Status {
    ASSIGN_OR_RETURN(std::optional<MemberRow> row, book.ReadRow(ref));
    if (!row) return NoRow(rules_, ref);
    explained = ExplainIn(rules_, book, row->golden_id);
    return explained.status();
  }));
  return explained;
}

}  // namespace mirror
