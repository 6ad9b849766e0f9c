#include "server/hub/hub_records.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "server/hub/hub_json.h"

namespace mirror {

absl::Status OtherLayoutError(const std::string& storage, const std::string& where, std::int64_t found,
                              const std::string& program, std::int64_t known) {
  const std::string other = program.empty() ? "another version" : absl::StrCat("version ", program);
  const std::string instead =
      found > known ? absl::StrCat(". Install ", other, ", or make it anew: ") : ". Make it anew: ";
  return absl::FailedPreconditionError(
      absl::StrCat("the data of hub '", storage, "', ", where, ", has layout ", found, ", written by ", other,
                   "; this is ", MIRROR_VERSION, ", which reads layout ", known, ". It was left as it is",
                   instead, "'mirrorctl hub rebuild ", storage, " --confirm ", storage,
                   "'. Then its members wait for 'mirrorctl hub resume'"));
}

namespace {

constexpr ColumnOptions kKey = {.key = true};
constexpr ColumnOptions kTextKey = {.key = true, .kind = ColumnKind::kKeyText};
constexpr ColumnOptions kKeyText = {.kind = ColumnKind::kKeyText};
constexpr ColumnOptions kEmptyIsNull = {.empty_is_null = true};

using OfDigest = ColumnsOf<HubDigestRow>;
constexpr std::array kDigestColumns = {OfDigest::One(), OfDigest::Member<&HubDigestRow::digest>("digest")};

using OfState = ColumnsOf<HubState>;
constexpr std::array kStateColumns = {
    OfState::One(),
    OfState::Member<&HubState::time>("time"),
    OfState::Member<&HubState::hold>("hold"),
    OfState::Member<&HubState::records>("records"),
    OfState::Member<&HubState::deliveries>("deliveries"),
};

using OfFeed = ColumnsOf<HubFeedRow>;
template <auto... Path>
constexpr auto FeedColumn(std::string_view name) {
  return OfFeed::Member<&HubFeedRow::feed, Path...>(name);
}
constexpr std::array kFeedColumns = {
    OfFeed::Member<&HubFeedRow::data_source>("data_source", kTextKey),
    FeedColumn<&HubFeed::anchor, &HubAnchor::journal_id>("journal_id"),
    FeedColumn<&HubFeed::anchor, &HubAnchor::number>("number"),
    FeedColumn<&HubFeed::anchor, &HubAnchor::token>("token"),
    FeedColumn<&HubFeed::salt>("salt"),
    FeedColumn<&HubFeed::before, &HubAnchor::journal_id>("before_journal_id"),
    FeedColumn<&HubFeed::before, &HubAnchor::number>("before_number"),
    FeedColumn<&HubFeed::before, &HubAnchor::token>("before_token"),
    FeedColumn<&HubFeed::cycle>("cycle"),
    FeedColumn<&HubFeed::at>("at"),
    FeedColumn<&HubFeed::ledger_number>("ledger_number"),
    FeedColumn<&HubFeed::source_older>("source_older"),
    FeedColumn<&HubFeed::mirror_older>("mirror_older"),
    FeedColumn<&HubFeed::suspended>("suspended"),
    FeedColumn<&HubFeed::own_restore>("own_restore"),
    FeedColumn<&HubFeed::reread>("reread"),
    FeedColumn<&HubFeed::forgotten>("forgotten"),
    FeedColumn<&HubFeed::erased>("erased"),
};

using OfRowRef = ColumnsOf<RowRef>;
constexpr std::array kRowRefColumns = {
    OfRowRef::Member<&RowRef::data_source>("data_source"),
    OfRowRef::Member<&RowRef::table>("table_name"),
    OfRowRef::Member<&RowRef::key>("key"),
};

using OfRow = ColumnsOf<MemberRow>;
constexpr std::array kRowColumns = {
    OfRow::Member<&MemberRow::row_id>("row_id", kKey),
    OfRow::Member<&MemberRow::ref, &RowRef::data_source>("data_source", kKeyText),
    OfRow::Member<&MemberRow::ref, &RowRef::table>("table_name", kKeyText),
    OfRow::Member<&MemberRow::ref, &RowRef::key>("key", kKeyText),
    OfRow::Member<&MemberRow::entity>("entity", kKeyText),
    OfRow::Member<&MemberRow::golden_id>("golden_id", {.empty_is_null = true, .kind = ColumnKind::kKeyText}),
    OfRow::RowAsText<SaysJson, TakeSays>("says"),
    OfRow::Member<&MemberRow::changed_ms>("changed_ms"),
    OfRow::Member<&MemberRow::touched>("touched"),
    OfRow::Member<&MemberRow::read_at>("read_at"),
    OfRow::Member<&MemberRow::doomed>("doomed"),
    OfRow::Member<&MemberRow::unsure>("unsure"),
    OfRow::Member<&MemberRow::joined_by>("joined_by"),
    OfRow::AsText<&MemberRow::former, FormerJson, TakeFormer>("former", kEmptyIsNull),
    OfRow::AsText<&MemberRow::indexed, NamesJson, TakeNames>("keys"),
    OfRow::AsText<&MemberRow::work, WorkJson, TakeWork>("work", kEmptyIsNull),
};

using OfRecord = ColumnsOf<GoldenRecord>;
constexpr std::array kRecordColumns = {
    OfRecord::Member<&GoldenRecord::id>("golden_id", kTextKey),
    OfRecord::Member<&GoldenRecord::entity>("entity", kKeyText),
    OfRecord::Member<&GoldenRecord::number>("number"),
    OfRecord::RowAsText<ValuesJson, TakeValues>("says"),
    OfRecord::AsText<&GoldenRecord::had, NamesJson, TakeNames>("had"),
    OfRecord::AsText<&GoldenRecord::frozen, NamesJson, TakeNames>("frozen"),
    OfRecord::RowAsText<TurnsJson, TakeTurns>("turns", kEmptyIsNull),
    OfRecord::AsText<&GoldenRecord::indexed, NamesJson, TakeNames>("keys"),
    OfRecord::AsText<&GoldenRecord::work, WorkJson, TakeWork>("work", kEmptyIsNull),
    OfRecord::Member<&GoldenRecord::empty_since>("empty_since"),
};

using OfKey = ColumnsOf<HubKeyRow>;
constexpr std::array kKeyColumns = {
    OfKey::Member<&HubKeyRow::hash>("hash", kTextKey),
    OfKey::Member<&HubKeyRow::entity>("entity", kTextKey),
    OfKey::Member<&HubKeyRow::row_id>("row_id", kKey),
    OfKey::Member<&HubKeyRow::golden_id>("golden_id", kTextKey),
};

using OfApart = ColumnsOf<HubApartRow>;
constexpr std::array kApartColumns = {OfApart::Member<&HubApartRow::golden_id>("golden_id", kTextKey),
                                      OfApart::Member<&HubApartRow::other_id>("other_id", kTextKey)};

using OfAlias = ColumnsOf<HubAliasRow>;
constexpr std::array kAliasColumns = {OfAlias::Member<&HubAliasRow::golden_id>("golden_id", kTextKey),
                                      OfAlias::Member<&HubAliasRow::into_id>("into_id", kKeyText)};

using OfIssued = ColumnsOf<HubIssuedRow>;
constexpr std::array kIssuedColumns = {
    OfIssued::Member<&HubIssuedRow::delivery_id>("delivery_id", kTextKey),
    OfIssued::Member<&HubIssuedRow::golden_id>("golden_id", kKeyText),
    OfIssued::Member<&HubIssuedRow::at>("at"),
};

using OfDelivery = ColumnsOf<HubDelivery>;
constexpr std::array kDeliveryColumns = {
    OfDelivery::Member<&HubDelivery::id>("delivery_id", kTextKey),
    OfDelivery::Member<&HubDelivery::data_source>("data_source", kKeyText),
    OfDelivery::Member<&HubDelivery::table>("table_name"),
    OfDelivery::Member<&HubDelivery::operation>("operation"),
    OfDelivery::Member<&HubDelivery::key>("key"),
    OfDelivery::Member<&HubDelivery::golden_id>("golden_id", kKeyText),
    OfDelivery::RowAsText<BodyJson, TakeBody>("body"),
    OfDelivery::Member<&HubDelivery::needs>("needs"),
    OfDelivery::Member<&HubDelivery::number>("number"),
    OfDelivery::Member<&HubDelivery::state>("state"),
    OfDelivery::Member<&HubDelivery::fresh>("fresh"),
    OfDelivery::Beside("rank", ColumnKind::kNumber),
    OfDelivery::Member<&HubDelivery::refused, &Refusal::until>("refused_until"),
    OfDelivery::Member<&HubDelivery::refused, &Refusal::reason>("reason"),
    OfDelivery::Member<&HubDelivery::refused, &Refusal::attempts>("refusals"),  // Layout 2 had none.
};

using OfCounts = ColumnsOf<HubCountsRow>;
constexpr std::array kCountsColumns = {
    OfCounts::Member<&HubCountsRow::data_source>("data_source", kTextKey),
    OfCounts::Member<&HubCountsRow::rows>("rows"),
    OfCounts::Member<&HubCountsRow::writes>("writes"),
    OfCounts::Member<&HubCountsRow::inserts>("inserts"),
};

constexpr TableOptions kStrict = {.sqlite_behind = "STRICT"};
constexpr TableOptions kByKey = {.sqlite_behind = "STRICT, WITHOUT ROWID"};

}  // namespace

const Record<HubDigestRow>& HubDigests() {
  static const Record<HubDigestRow> record("_hub_rules", kDigestColumns, kStrict);
  return record;
}

const Record<HubState>& HubStates() {
  static const Record<HubState> record("_hub_state", kStateColumns, kStrict);
  return record;
}

const Record<HubFeedRow>& HubFeeds() {
  static const Record<HubFeedRow> record("_hub_feeds", kFeedColumns, kStrict);
  return record;
}

/// In PostgreSQL keys may be longer than an index takes: see LayOutHub() there.
const Record<MemberRow>& HubRows() {
  static const Record<MemberRow> record(
      "_hub_rows", kRowColumns,
      {.sqlite_constraint = "UNIQUE (data_source, table_name, key)", .sqlite_behind = "STRICT"});
  return record;
}

const Record<RowRef>& HubRowRefs() {
  static const Record<RowRef> record(HubRows().name(), kRowRefColumns);
  return record;
}

const Record<GoldenRecord>& HubRecords() {
  static const Record<GoldenRecord> record("_hub_records", kRecordColumns, kStrict);
  return record;
}

const Record<HubKeyRow>& HubKeyRows() {
  static const Record<HubKeyRow> record("_hub_keys", kKeyColumns, kByKey);
  return record;
}

const Record<HubApartRow>& HubApartRows() {
  static const Record<HubApartRow> record(
      "_hub_apart", kApartColumns,
      {.constraint = "CHECK (golden_id < other_id)", .sqlite_behind = kByKey.sqlite_behind});
  return record;
}

const Record<HubAliasRow>& HubAliases() {
  static const Record<HubAliasRow> record("golden_alias", kAliasColumns, kByKey);
  return record;
}

const Record<HubIssuedRow>& HubIssued() {
  static const Record<HubIssuedRow> record("_hub_issued", kIssuedColumns, kByKey);
  return record;
}

const Record<HubDelivery>& HubDeliveries() {
  static const Record<HubDelivery> record("_hub_deliveries", kDeliveryColumns, kStrict);
  return record;
}

const Record<HubCountsRow>& HubCountRows() {
  static const Record<HubCountsRow> record("_hub_counts", kCountsColumns, kStrict);
  return record;
}

std::vector<const OwnTable*> HubTables() {
  return {&HubDigests(),   &HubStates(),  &HubFeeds(),  &HubRows(),       &HubRecords(),  &HubKeyRows(),
          &HubApartRows(), &HubAliases(), &HubIssued(), &HubDeliveries(), &HubCountRows()};
}

std::map<std::string, HubFeed> FeedsOf(const HubRules& rules, const std::vector<HubFeedRow>& rows) {
  std::map<std::string, HubFeed> feeds;
  for (const std::string& name : rules.data_sources) feeds[name] = {};
  for (const HubFeedRow& row : rows) {
    if (const auto known = feeds.find(row.data_source); known != feeds.end()) known->second = row.feed;
  }
  return feeds;
}

std::int64_t RankOf(const HubRules& rules, const HubDelivery& delivery) {
  const HubEntity* const entity = rules.Find(delivery.data_source, delivery.table).entity;
  const std::int64_t place = entity == nullptr ? 0 : entity - rules.entities.data();
  return delivery.operation == HubOperation::kDelete ? -place : place;
}

}  // namespace mirror
