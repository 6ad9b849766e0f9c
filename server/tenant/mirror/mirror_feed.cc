#include "server/tenant/mirror/mirror_feed.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "base/folded_name.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/tenant/mirror/own_document.h"

namespace mirror {
namespace {

constexpr char kFeedKind[] = "feed";
/// Cycle numbers come from the clock; a clock was never ahead by more than this.
constexpr std::int64_t kClockAheadMs = 86'400'000;

std::int64_t RandomNumber() {
  std::uint64_t number = 0;
  return absl::SimpleHexAtoi(NewNonce().substr(0, 10), &number) ? static_cast<std::int64_t>(number) : 0;
}

}  // namespace

absl::StatusOr<MirrorFeed> ReadFeed(StoreRecords& records) {
  ASSIGN_OR_RETURN(const OwnDocument document, ReadOwnDocument(records, kFeedKind));
  MirrorFeed feed{.is_spoiled = document.is_spoiled};
  if (!document.json) return feed;
  const JsonView root = document.json->root();
  feed.journal_id = root.TextOf("journal_id");
  feed.number = NumberIn(root, "number");
  feed.token = root.TextOf("token");
  feed.data_cycle = NumberIn(root, "data_cycle");
  feed.source_older = NumberIn(root, "source_older");
  feed.mirror_older = NumberIn(root, "mirror_older");
  feed.follows_broken = NumberIn(root, "follows_broken") != 0;
  feed.left_out = NumberIn(root, "left_out") != 0;
  feed.erased = NumberIn(root, "erased");
  feed.unsent = TextsIn(root, "unsent");
  return feed;
}

DocumentChange Write(const MirrorFeed& feed) {
  JsonWriter json;
  json.Begin('{').Member("journal_id", feed.journal_id).Key("number").Number(feed.number);
  json.Member("token", feed.token).Key("data_cycle").Number(feed.data_cycle);
  json.Key("source_older").Number(feed.source_older).Key("mirror_older").Number(feed.mirror_older);
  json.Key("follows_broken").Number(std::int64_t{feed.follows_broken});
  json.Key("left_out").Number(std::int64_t{feed.left_out}).Key("erased").Number(feed.erased);
  PutTexts(feed.unsent, &json.Key("unsent"));
  json.End('}');
  return {kFeedKind, "", json.Take()};
}

MirrorFeed WithJournal(MirrorFeed feed) {
  if (feed.journal_id.empty()) feed.journal_id = NewNonce();
  // A hub may know any number: a random one makes it see a difference.
  if (std::exchange(feed.is_spoiled, false)) feed.erased = RandomNumber();
  return feed;
}

MirrorFeed AtBegin(MirrorFeed feed, const SourceCycles& known, const TenantRecord& tenant,
                   std::int64_t cycle) {
  feed = WithJournal(std::move(feed));
  // A number that no server can have given is the source's mistake, and must not stop anything.
  const bool never_given = known.completed > cycle + kClockAheadMs;
  if (known.completing < feed.data_cycle || never_given) feed.source_older = cycle;
  if (known.completed > tenant.completed_cycle && !never_given) feed.mirror_older = cycle;
  feed.follows_broken = known.completing != known.completed;
  return feed;
}

MirrorFeed AtRestored(MirrorFeed feed, std::int64_t cycle) {
  // Without a journal id no hub reads the mirror.
  if (!feed.journal_id.empty()) feed.source_older = cycle;
  return feed;
}

absl::Status NoteErased(StoreRecords& records, Plan* plan) {
  ASSIGN_OR_RETURN(MirrorFeed feed, ReadFeed(records));
  if (feed.is_spoiled) feed = WithJournal(std::move(feed));
  if (feed.journal_id.empty()) return absl::OkStatus();  // No hub has read it.
  ++feed.erased;
  plan->documents.push_back(Write(feed));
  return absl::OkStatus();
}

bool MirrorFeed::LacksRowsOf(const std::string& table) const {
  return unsent.contains(FoldName(table)) || unsent.contains(kAnyTable);
}

MirrorFeed AtCompletion(MirrorFeed feed, const TenantRecord& tenant, const std::vector<UnsentTable>& unsent) {
  if (feed.is_spoiled) feed = WithJournal(std::move(feed));
  feed.unsent.clear();
  // A table that was not announced is not a member table, and may have the folded name of one that
  // was sent. A table whose name cannot be announced, which may have any length, is left out, too.
  for (const UnsentTable& table : unsent) {
    if (IsAnnounced(table.reason) && CheckName(table.table, "table").ok()) {
      feed.unsent.insert(FoldName(table.table));
    }
  }
  if (feed.unsent.size() > MirrorFeed::kUnsentMax) feed.unsent = {MirrorFeed::kAnyTable};
  if (tenant.touched || feed.follows_broken) feed.data_cycle = tenant.cycle;
  feed.follows_broken = false;
  return feed;
}

}  // namespace mirror
