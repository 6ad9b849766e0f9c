#include "tools/mirrorctl/web/live_feed.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "tools/mirrorctl/web/page_json.h"

namespace mirror {
namespace {

/// Interval of lines without news. If a tab was closed, sending the second line fails, and the tab's place
/// becomes free.
constexpr std::chrono::seconds kBeat{2};
/// Wait before the next call to a server that did not answer.
constexpr std::chrono::milliseconds kAgain{1'000};
constexpr std::size_t kGoneMax = 1'000;

}  // namespace

/// The stream of one tab.
class LiveFeed::Tab : public HttpBodySource {
 public:
  explicit Tab(LiveFeed& feed) : feed_(feed) {}
  ~Tab() override { --feed_.tabs_; }

  absl::StatusOr<bool> Next(std::string* piece) override {
    ASSIGN_OR_RETURN(*piece, feed_.Next(&place_));
    return true;
  }

 private:
  LiveFeed& feed_;
  Place place_;
};

LiveFeed::~LiveFeed() {
  EndStreams();
  if (tenants_thread_.joinable()) tenants_thread_.join();
  if (events_thread_.joinable()) events_thread_.join();
}

void LiveFeed::Start() {
  tenants_thread_ = std::thread([this] { WatchTenants(); });
  events_thread_ = std::thread([this] { WatchEvents(); });
}

void LiveFeed::EndStreams() {
  const MutexLock lock(mutex_);
  ending_ = true;
  changed_.NotifyAll();
}

std::unique_ptr<HttpBodySource> LiveFeed::Open() {
  if (++tabs_ > kLiveTabsMax) {
    --tabs_;
    return nullptr;
  }
  return std::make_unique<Tab>(*this);
}

void LiveFeed::KeepUp(std::string* why, const std::function<absl::Status(AdminClient&)>& watch) {
  do {
    // gRPC's pauses between its attempts grow; a new client connects at once.
    absl::StatusOr<std::unique_ptr<AdminClient>> client = AdminClient::Open(config_);
    const absl::Status status = client.ok() ? watch(**client) : client.status();
    const MutexLock lock(mutex_);
    *why = std::string(status.message());
    ++told_;
    changed_.NotifyAll();
  } while (!interruption_.Wait(kAgain));
}

void LiveFeed::SetWell(std::string* why) {
  const MutexLock lock(mutex_);
  if (std::exchange(*why, "") == "") return;
  ++told_;
  changed_.NotifyAll();
}

void LiveFeed::WatchTenants() {
  std::uint64_t round = 0;
  KeepUp(&tenants_why_, [&](AdminClient& client) {
    ++round;
    return LookClient(client).Follow(interruption_, [&](const v1::TenantsNews& news) { Note(news, round); });
  });
}

void LiveFeed::WatchEvents() {
  KeepUp(&events_why_, [this](AdminClient& client) -> absl::Status {
    v1::ListEventsRequest last;
    last.set_limit(kLiveEvents);
    ASSIGN_OR_RETURN(const v1::ListEventsResponse events, client.Events(last));
    SetWell(&events_why_);
    v1::WatchEventsRequest request;
    for (const v1::Event& event : events.events()) {
      Note(event);
      request.set_after_id(event.id());
    }
    return client.Follow(request, interruption_, [this](const v1::Event& event) {
      Note(event);
      return true;
    });
  });
}

void LiveFeed::Remove(const std::string& context_id) {
  if (tenants_.erase(context_id) == 0) return;
  gone_.emplace_back(++version_, context_id);
  if (gone_.size() <= kGoneMax) return;
  forgotten_ = gone_.front().first;
  gone_.pop_front();
}

void LiveFeed::Note(const v1::TenantsNews& news, std::uint64_t round) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const v1::Tenant& tenant : news.tenants()) lines.emplace_back(tenant.context_id(), TenantLine(tenant));
  const MutexLock lock(mutex_);
  for (auto& [context_id, json] : lines) {
    Line& line = tenants_[context_id];
    line.round = round;
    if (line.json == json) continue;
    line.json = std::move(json);
    line.version = ++version_;
  }
  for (const std::string& context_id : news.gone()) Remove(context_id);
  if (news.complete() && (!complete_ || !tenants_why_.empty())) {
    // Tenants that were removed while no watch ran.
    std::vector<std::string> missing;
    for (const auto& [context_id, line] : tenants_) {
      if (line.round != round) missing.push_back(context_id);
    }
    for (const std::string& context_id : missing) Remove(context_id);
    complete_ = true;
    tenants_why_.clear();
    ++told_;
  }
  changed_.NotifyAll();
}

void LiveFeed::Note(const v1::Event& event) {
  const MutexLock lock(mutex_);
  if (!events_.empty() && event.id() <= events_.back().first) return;
  events_.emplace_back(event.id(), JsonLine(ToJson(event)));
  if (events_.size() > kLiveEvents) events_.pop_front();
  changed_.NotifyAll();
}

bool LiveFeed::IsNews(const Place& place) const {
  const bool events = !events_.empty() && events_.back().first > place.event_id;
  return !place.begun || version_ > place.version || events || told_ > place.told;
}

absl::StatusOr<std::string> LiveFeed::Next(Place* place) {
  const MutexLock lock(mutex_);
  const auto beat = std::chrono::steady_clock::now() + kBeat;
  while (!ending_ && !IsNews(*place)) {
    if (!changed_.WaitUntil(mutex_, beat)) break;
  }
  if (ending_) return absl::CancelledError("'mirrorctl web' ends");
  if (place->version > 0 && place->version < forgotten_) return absl::AbortedError("too far behind");
  return Tell(place);
}

std::string LiveFeed::Tell(Place* place) const {
  std::vector<const Line*> news;
  if (version_ > place->version) {
    for (const auto& [context_id, line] : tenants_) {
      if (line.version > place->version) news.push_back(&line);
    }
  }
  const auto older = [](const Line* one, const Line* other) { return one->version < other->version; };
  std::uint64_t until = version_;
  if (news.size() > kTenantsPerLine) {
    std::nth_element(news.begin(), news.begin() + kTenantsPerLine - 1, news.end(), older);
    news.resize(kTenantsPerLine);
    until = news.back()->version;
  }
  const auto json = [](std::string* out, const Line* line) { out->append(line->json); };
  std::string text = absl::StrCat("{\"tenants\":[", absl::StrJoin(news, ",", json), "]");
  Json gone = Json::array();
  for (const auto& [version, context_id] : gone_) {
    if (place->version > 0 && version > place->version && version <= until) gone.push_back(context_id);
  }
  if (!gone.empty()) absl::StrAppend(&text, ",\"gone\":", JsonLine(gone));
  std::vector<std::string> events;
  for (const auto& [id, event] : events_) {
    if (id > place->event_id) events.push_back(event);
  }
  if (!events.empty()) absl::StrAppend(&text, ",\"events\":[", absl::StrJoin(events, ","), "]");
  place->version = until;
  if (!events_.empty()) place->event_id = events_.back().first;
  place->told = told_;
  place->begun = true;
  const std::string& why = tenants_why_.empty() ? events_why_ : tenants_why_;
  absl::StrAppend(&text, ",\"complete\":", complete_ && until == version_ ? "true" : "false",
                  ",\"watching\":", why.empty() ? "true" : "false");
  if (!why.empty()) absl::StrAppend(&text, ",\"why\":", JsonLine(Json(why)));
  return text + "}\n";
}

}  // namespace mirror
