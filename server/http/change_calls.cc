#include "server/http/change_calls.h"

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/http/http_error.h"

namespace mirror {
namespace {

constexpr char kEvents[] = "text/event-stream";
/// Between two looks, in steps that notice the server's end.
constexpr std::chrono::milliseconds kFollowInterval{1'000};
/// Without news a follower hears a token so often: by that a client that went is noticed.
constexpr std::chrono::seconds kHeartbeat{15};

bool WantsEvents(const HttpCall& call) {
  const std::string* const accept = call.head.Find(HttpFieldName::kAccept);
  return accept != nullptr && absl::StrContains(absl::AsciiStrToLower(*accept), kEvents);
}

absl::StatusOr<AskedChanges> AskedOfCall(const HttpCall& call) {
  AskedChanges asked;
  asked.since = call.Query("since").value_or("");
  asked.table = call.Query("table").value_or("");
  const std::optional<std::string> count = call.Query("count");
  std::uint32_t number = 0;
  if (!count) return asked;
  if (!absl::SimpleAtoi(*count, &number) || number < 1 || number > kChangesPerPageMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("'count' is not 1 to ", kChangesPerPageMax, ". Nothing was read."));
  }
  asked.count_max = number;
  return asked;
}

std::string NextMember(const std::string& token) {
  JsonWriter json;
  json.Key("next").String(token);
  return absl::StrCat(",", json.Take());
}

HttpAnswer RefusedPage(const absl::Status& status) {
  const std::optional<std::string> token = TokenToGoOn(status);
  if (!token) return ErrorAnswer(status);
  return ErrorAnswer(410, "OUT_OF_RANGE", std::string_view(status.message().data(), status.message().size()),
                     NextMember(*token));
}

absl::StatusOr<ChangesPage> ReadChangesOf(Tenant& tenant, const AskedChanges& asked, DoorCounters& counters) {
  const absl::StatusOr<CommittedReading> reading = tenant.OpenCommitted(ReadingKind::kPage);
  if (absl::IsResourceExhausted(reading.status())) counters.Limit(DoorLimit::kPagesOfSource);
  if (!reading.ok()) return reading.status();
  return ReadChanges(*reading->snapshot, asked, tenant.journal_rules().get());
}

void AppendEvent(std::string_view kind, const std::string& token, const std::string& json, std::string* out) {
  absl::StrAppend(out, "id: ", token, "\nevent: ", std::string(kind), "\ndata: ", json, "\n\n");
}

std::string TokenJson(const std::string& token) {
  JsonWriter json;
  return json.Begin('{').Member("next", token).End('}').Take();
}

/// Events of what is written, until the key loses its right, or the journal its place.
class ChangeFollower final : public HttpBodySource {
 public:
  struct Asker {
    std::string sent;  ///< The key, as it came.
    std::string storage;
  };
  ChangeFollower(std::shared_ptr<Tenant> tenant, AskedChanges asked, Asker asker, std::shared_ptr<void> place,
                 ApiKeys& keys, DoorCounters& counters)
      : tenant_(std::move(tenant)),
        asked_(std::move(asked)),
        asker_(std::move(asker)),
        place_(std::move(place)),
        keys_(keys),
        counters_(counters) {}

  absl::StatusOr<bool> Next(std::string* piece) override {
    // The first look comes at once, and so does one behind a page that was not the last.
    if (!std::exchange(is_due_, false)) std::this_thread::sleep_for(kFollowInterval);
    const std::shared_ptr<const ApiKey> key = keys_.Find(asker_.sent);
    if (key == nullptr || !key->IsFor(asker_.storage)) return false;
    absl::StatusOr<ChangesPage> page = ReadChangesOf(*tenant_, asked_, counters_);
    if (absl::IsResourceExhausted(page.status())) return true;
    if (const std::optional<std::string> token = TokenToGoOn(page.status())) {
      AppendEvent("gone", *token, TokenJson(*token), piece);
      return false;
    }
    if (!page.ok()) return page.status();
    asked_.since = page->next;
    is_due_ = !page->complete;
    std::string json;
    for (const Change& change : page->changes) {
      json.clear();
      AppendChangeJson(change, /*with_keys=*/true, &json);
      AppendEvent("change", ToString(JournalToken{change.entry.number, change.entry.salt}), json, piece);
    }
    const auto now = std::chrono::steady_clock::now();
    if (piece->empty() && now >= heard_ + kHeartbeat) {
      AppendEvent("token", asked_.since, TokenJson(asked_.since), piece);
    }
    if (!piece->empty()) heard_ = now;
    return true;
  }

 private:
  const std::shared_ptr<Tenant> tenant_;
  AskedChanges asked_;
  const Asker asker_;
  const std::shared_ptr<void> place_;
  ApiKeys& keys_;
  DoorCounters& counters_;
  bool is_due_ = true;
  /// Long ago: the client hears at once where it is.
  std::chrono::steady_clock::time_point heard_ = {};
};

}  // namespace

void ChangeCalls::AddTo(HttpRoutes* routes) {
  routes
      ->Add("listChanges", "GET", "/v4/storages/{}/changes", ApiRole::kReader, HttpBody::kNone, this,
            &ChangeCalls::List)
      .query = {"dataSource", "datasource", "table", "since", "count"};
}

HttpAnswer ChangeCalls::Follow(HttpCall& call, const AskedSource& source, AskedChanges asked) {
  // A client that was cut sends the last token that it heard.
  if (const std::string* const last = call.head.Find(HttpFieldName::kLastEventId)) asked.since = *last;
  absl::StatusOr<std::shared_ptr<void>> place = followers_.Take(call.key->name, source.source.tenant);
  if (!place.ok()) return ErrorAnswer(place.status());
  // What is wrong with the token is told by a status, as long as one can be sent.
  AskedChanges first = asked;
  first.count_max = 1;
  const absl::StatusOr<ChangesPage> page = ReadChangesOf(*source.tenant, first, counters_);
  if (!page.ok()) return RefusedPage(page.status());
  const std::string* const sent = call.head.Find(HttpFieldName::kApiKey);
  HttpAnswer answer{.status = 200, .content_type = kEvents};
  answer.fields.emplace_back("Cache-Control", "no-store");
  answer.stream = std::make_unique<ChangeFollower>(
      source.tenant, std::move(asked),
      ChangeFollower::Asker{.sent = sent == nullptr ? "" : *sent, .storage = call.parts[0]},
      *std::move(place), keys_, counters_);
  return answer;
}

HttpAnswer ChangeCalls::List(HttpCall& call) {
  absl::StatusOr<AskedChanges> asked = AskedOfCall(call);
  if (!asked.ok()) return ErrorAnswer(asked.status());
  const absl::StatusOr<AskedSource> source = FindSourceOf(storages_, call.parts[0], SourceOfQuery(call));
  if (!source.ok()) return ErrorAnswer(source.status());
  if (WantsEvents(call)) return Follow(call, *source, *std::move(asked));
  const absl::StatusOr<ChangesPage> page = ReadChangesOf(*source->tenant, *asked, counters_);
  if (!page.ok()) return RefusedPage(page.status());
  JsonWriter json;
  json.Begin('{').Key("changes").Begin('[');
  std::string change_json;
  for (const Change& change : page->changes) {
    change_json.clear();
    AppendChangeJson(change, /*with_keys=*/true, &change_json);
    json.Raw(change_json);
  }
  json.End(']').Member("next", page->next).Key("complete").Bool(page->complete).End('}');
  counters_.pages.Add();
  return JsonAnswer(std::move(json));
}

}  // namespace mirror
