#include "server/hub/hubs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "base/human_text.h"

namespace mirror {
namespace {

std::string WordsOf(const HubNote& note, const std::string& storage) {
  switch (note.kind) {
    case HubNote::Kind::kSuspended:
      return absl::StrCat(
          "hub '", storage, "': '", note.data_source,
          "' is suspended, since a source, a mirror or the hub's file was restored. Nothing that may "
          "concern it is handed out until 'mirrorctl hub resume'");
    case HubNote::Kind::kPingPong:
      return absl::StrCat("hub '", storage, "': systems change '", note.attribute,
                          "' back and forth; it is frozen in that record. Find which program of '",
                          note.data_source, "' does it, then 'mirrorctl hub thaw'");
    case HubNote::Kind::kUnsure:
      return absl::StrCat("hub '", storage, "': a comparison found a row of '", note.data_source,
                          "' unlike any that stood under its key: what is new for its record waits for "
                          "'mirrorctl hub hold'");
    case HubNote::Kind::kHeld:
      return absl::StrCat("hub '", storage, "': so many deliveries for '", note.data_source,
                          "' are new at once that they wait for 'mirrorctl hub hold'");
    case HubNote::Kind::kOvertaken:
      return absl::StrCat("hub '", storage, "': an edit of '", note.attribute, "' in '", note.data_source,
                          "' (", FormatUnixTime(note.lost_ms / 1'000), ", version ", note.lost_ms,
                          ") lost against a later one in '", note.won, "' (",
                          FormatUnixTime(note.won_ms / 1'000), ", version ", note.won_ms,
                          ") that was made without knowing it, in record '", note.golden_id,
                          "'. 'mirrorctl hub explain ", storage, " ", note.golden_id, "' shows what counts");
  }
  return "";
}

std::string_view KindOf(HubNote::Kind kind) {
  switch (kind) {
    case HubNote::Kind::kSuspended:
      return "golden.suspended";
    case HubNote::Kind::kPingPong:
      return "golden.pingpong";
    case HubNote::Kind::kUnsure:
      return "golden.unsure";
    case HubNote::Kind::kOvertaken:
      return "golden.overtaken";
    default:
      return "golden.held";
  }
}

}  // namespace

Hubs::Hubs(const std::vector<HubRules>& rules, const std::string& folder, Tenants& tenants,
           StorageDirectory& storages, Events& events)
    : tenants_(tenants), storages_(storages), events_(events), folder_(folder) {
  for (const HubRules& one : rules) hubs_.push_back(Make(one));
}

std::shared_ptr<Hub> Hubs::Make(const HubRules& rules) {
  return std::make_shared<Hub>(
      rules, absl::StrCat(folder_, "/Mirror_", rules.storage, ".hub.db"),
      [this, rules](const std::string& data_source) -> absl::StatusOr<std::shared_ptr<Tenant>> {
        const std::string context_id = ContextOf(rules, data_source);
        if (context_id.empty()) {
          return absl::NotFoundError(
              absl::StrCat("storage '", rules.storage, "' has no data source '", data_source, "' yet"));
        }
        return tenants_.Find(context_id);
      });
}

Hubs::~Hubs() { Stop(); }

void Hubs::Start() {
  const MutexLock lock(mutex_);
  started_ = true;
  due_.insert(hubs_.begin(), hubs_.end());
  StartThread();
}

void Hubs::StartThread() {
  if (!hubs_.empty() && started_ && !stop_ && !thread_.joinable()) thread_ = std::thread([this] { Run(); });
}

void Hubs::TakeRules(const std::vector<HubRules>& rules) {
  std::vector<std::shared_ptr<Hub>> before = all(), now;
  for (const HubRules& one : rules) {
    const auto same =
        std::find_if(before.begin(), before.end(), [&](const auto& hub) { return hub->rules() == one; });
    if (same == before.end()) {
      now.push_back(nullptr);
    } else {
      now.push_back(std::move(*same));
      before.erase(same);
    }
  }
  // Behind what they are at: two of one file would plan by two rules.
  for (const std::shared_ptr<Hub>& hub : before) hub->Close();
  const MutexLock lock(mutex_);
  for (const std::shared_ptr<Hub>& hub : before) due_.erase(hub);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (now[i] != nullptr) continue;
    now[i] = Make(rules[i]);
    due_.insert(now[i]);
  }
  hubs_ = std::move(now);
  StartThread();
  wake_.NotifyAll();
}

std::vector<std::shared_ptr<Hub>> Hubs::all() {
  const MutexLock lock(mutex_);
  return hubs_;
}

void Hubs::Stop() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    wake_.NotifyAll();
    derived_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

std::string Hubs::ContextOf(const HubRules& rules, const std::string& data_source) {
  const auto named = rules.tenants.find(data_source);
  if (named != rules.tenants.end()) return named->second;
  const absl::StatusOr<DataSource> source = storages_.FindSource(rules.storage, data_source);
  return source.ok() ? source->tenant : "";
}

std::vector<Hubs::Member> Hubs::MembersOf(const std::string& context_id) {
  std::vector<Member> members;
  for (const std::shared_ptr<Hub>& hub : all()) {
    for (const std::string& name : hub->rules().data_sources) {
      if (SameName(ContextOf(hub->rules(), name), context_id)) members.push_back({hub, name});
    }
  }
  return members;
}

bool Hubs::HasMember(const std::string& context_id) { return !MembersOf(context_id).empty(); }

void Hubs::NoteCompleted(const std::string& context_id) {
  const std::vector<Member> members = MembersOf(context_id);
  if (members.empty()) return;
  const MutexLock lock(mutex_);
  for (const Member& member : members) due_.insert(member.hub);
  wake_.NotifyAll();
}

void Hubs::DeriveOne(Hub& hub) {
  const absl::StatusOr<Hub::Heard> heard = hub.Derive(NowMs());
  if (!heard.ok()) {
    events_.Add("", Severity::kError, "golden.not_derived",
                absl::StrCat("hub '", hub.rules().storage, "': ", heard.status().message()));
    return;
  }
  for (const HubNote& note : heard->notes) {
    const bool warns = note.kind == HubNote::Kind::kUnsure || note.kind == HubNote::Kind::kOvertaken;
    events_.Add(ContextOf(hub.rules(), note.data_source), warns ? Severity::kWarning : Severity::kError,
                KindOf(note.kind), WordsOf(note, hub.rules().storage));
  }
  if (heard->overtaken_unnamed == 0) return;
  events_.Add(
      "", Severity::kWarning, "golden.overtaken",
      absl::StrCat("hub '", hub.rules().storage, "': ", Counted(heard->overtaken_unnamed, "more edit"),
                   " lost against later ones at once; they are not named one by one"));
}

void Hubs::Run() {
  for (;;) {
    std::set<std::shared_ptr<Hub>> due;
    {
      const MutexLock lock(mutex_);
      while (!stop_ && due_.empty()) wake_.Wait(mutex_);
      if (stop_) return;
      due.swap(due_);
      at_work_ = due;
    }
    for (const std::shared_ptr<Hub>& hub : due) {
      DeriveOne(*hub);
      const MutexLock lock(mutex_);
      at_work_.erase(hub);
      derived_.NotifyAll();
      if (stop_) return;
    }
  }
}

absl::StatusOr<HandedOut> Hubs::HandOut(const std::string& context_id, std::int64_t cycle,
                                        std::size_t limit) {
  const std::vector<Member> members = MembersOf(context_id);
  if (members.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("no hub has a table of '", context_id,
                                                      "'. Nothing was handed out. A [[hub]] of the server's "
                                                      "configuration names its members."));
  }
  // A tenant is a member of one hub; of several the first counts.
  const std::shared_ptr<Hub> hub = members.front().hub;
  {
    const MutexLock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + kHubWait;
    while (!stop_ && (due_.count(hub) > 0 || at_work_.count(hub) > 0)) {
      if (!derived_.WaitUntil(mutex_, until)) break;
    }
    if (at_work_.count(hub) > 0 || due_.count(hub) > 0) {
      HandedOut out;
      out.waiting = "the hub is at work; ask again in a moment";
      return out;
    }
  }
  return hub->HandOut(members.front().data_source, cycle, limit);
}

void Hubs::NoteReport(const std::string& context_id, int conflicts, int refused) {
  const MutexLock lock(mutex_);
  reports_[FoldName(context_id)] = {NowMs(), conflicts, refused};
}

Hubs::Report Hubs::LastReport(const std::string& context_id) {
  const MutexLock lock(mutex_);
  const auto report = reports_.find(FoldName(context_id));
  return report == reports_.end() ? Report{} : report->second;
}

std::shared_ptr<Hub> Hubs::Find(const std::string& storage) {
  for (const std::shared_ptr<Hub>& hub : all()) {
    if (SameName(hub->rules().storage, storage)) return hub;
  }
  return nullptr;
}

}  // namespace mirror
