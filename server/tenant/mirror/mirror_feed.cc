#include "server/tenant/mirror/mirror_feed.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "base/folded_name.h"
#include "base/json/json_document.h"
#include "base/json/json_writer.h"
#include "base/nonce.h"

namespace mirror {
namespace {

constexpr char kFeedKind[] = "feed";
/// Cycles are numbered by the clock, which was no more ahead when the number was given.
constexpr std::int64_t kClockAheadMs = 86'400'000;

std::int64_t NumberOf(const JsonView& json, std::string_view name) {
  const std::optional<JsonView> member = json.Find(name);
  std::int64_t number = 0;
  return member && absl::SimpleAtoi(std::string(member->text()), &number) ? number : 0;
}

}  // namespace

absl::StatusOr<MirrorFeed> ReadFeed(StoreRecords& records) {
  absl::StatusOr<std::optional<Document>> document = records.ReadDocument(kFeedKind, "");
  if (!document.ok()) return document.status();
  MirrorFeed feed;
  if (!*document) return feed;
  absl::StatusOr<JsonDocument> json = JsonDocument::Parse((*document)->text);
  if (!json.ok() || !json->root().Is(JsonKind::kObject)) {
    return absl::DataLossError("the mirror's document 'feed' is not as it was written");
  }
  const JsonView root = json->root();
  feed.journal_id = root.TextOf("journal_id");
  feed.number = NumberOf(root, "number");
  feed.token = root.TextOf("token");
  feed.data_cycle = NumberOf(root, "data_cycle");
  feed.source_older = NumberOf(root, "source_older");
  feed.mirror_older = NumberOf(root, "mirror_older");
  feed.follows_broken = NumberOf(root, "follows_broken") != 0;
  feed.left_out = NumberOf(root, "left_out") != 0;
  feed.erased = NumberOf(root, "erased");
  if (const std::optional<JsonView> unsent = root.Find("unsent")) {
    for (const JsonView& table : unsent->Elements()) feed.unsent.emplace(table.text());
  }
  return feed;
}

DocumentChange Write(const MirrorFeed& feed) {
  JsonWriter json;
  json.Begin('{').Member("journal_id", feed.journal_id).Key("number").Number(feed.number);
  json.Member("token", feed.token).Key("data_cycle").Number(feed.data_cycle);
  json.Key("source_older").Number(feed.source_older).Key("mirror_older").Number(feed.mirror_older);
  json.Key("follows_broken").Number(std::int64_t{feed.follows_broken});
  json.Key("left_out").Number(std::int64_t{feed.left_out}).Key("erased").Number(feed.erased);
  json.Key("unsent").Begin('[');
  for (const std::string& table : feed.unsent) json.String(table);
  json.End(']').End('}');
  return {kFeedKind, "", json.Take()};
}

MirrorFeed WithJournal(MirrorFeed feed) {
  if (feed.journal_id.empty()) feed.journal_id = NewNonce();
  return feed;
}

MirrorFeed AtBegin(MirrorFeed feed, const SourceCycles& known, const TenantRecord& tenant,
                   std::int64_t cycle) {
  feed = WithJournal(std::move(feed));
  // One that no server can have given is the source's mistake, and nobody else waits for that.
  const bool never_given = known.completed > cycle + kClockAheadMs;
  if (known.completing < feed.data_cycle || never_given) feed.source_older = cycle;
  if (known.completed > tenant.completed_cycle && !never_given) feed.mirror_older = cycle;
  feed.follows_broken = known.completing != known.completed;
  return feed;
}

MirrorFeed AtRestored(MirrorFeed feed, std::int64_t cycle) {
  // Without a journal of its own no hub reads the mirror.
  if (!feed.journal_id.empty()) feed.source_older = cycle;
  return feed;
}

absl::Status NoteErased(StoreRecords& records, Plan* plan) {
  absl::StatusOr<MirrorFeed> feed = ReadFeed(records);
  if (!feed.ok()) return feed.status();
  if (feed->journal_id.empty()) return absl::OkStatus();  // No hub has read it.
  ++feed->erased;
  plan->documents.push_back(Write(*feed));
  return absl::OkStatus();
}

bool MirrorFeed::LacksRowsOf(const std::string& table) const {
  return unsent.contains(FoldName(table)) || unsent.contains(kAnyTable);
}

MirrorFeed AtCompletion(MirrorFeed feed, const TenantRecord& tenant, const std::vector<UnsentTable>& unsent) {
  feed.unsent.clear();
  // One that was not announced is no member table, and may have the folded name of one that was sent.
  for (const UnsentTable& table : unsent) {
    if (IsAnnounced(table.reason)) feed.unsent.insert(FoldName(table.table));
  }
  if (feed.unsent.size() > MirrorFeed::kUnsentMax) feed.unsent = {MirrorFeed::kAnyTable};
  if (tenant.touched || feed.follows_broken) feed.data_cycle = tenant.cycle;
  feed.follows_broken = false;
  return feed;
}

}  // namespace mirror
