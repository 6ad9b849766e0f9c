#include "server/hub/hubs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

std::string WordsOf(const HubNote& note, const std::string& storage) {
  switch (note.kind) {
    case HubNote::Kind::kSuspended:
      return absl::StrCat(
          "hub '", storage, "': '", note.data_source,
          "' is suspended: a source, a mirror or the hub's file was restored, or one of its tables is gone, "
          "was made anew or does not fit the configuration. The hub hands out nothing that may concern it "
          "until an operator decides whose values count: 'mirrorctl hub status ",
          storage, "' says why, and has the commands");
    case HubNote::Kind::kPingPong:
      return absl::StrCat("hub '", storage, "': systems change '", note.attribute,
                          "' back and forth; it is frozen in record '", note.golden_id,
                          "'. Find the program of '", note.data_source,
                          "' that does it, then type 'mirrorctl hub thaw ", storage, " ", note.golden_id,
                          "'");
    case HubNote::Kind::kUnsure:
      return absl::StrCat(
          "hub '", storage, "': a comparison found a row of '", note.data_source,
          "' that is unlike any former row with its key: new deliveries of its record wait until an "
          "operator decides. 'mirrorctl hub hold list ",
          storage, "' shows them");
    case HubNote::Kind::kHeld:
      return absl::StrCat(
          "hub '", storage, "': so many deliveries for '", note.data_source,
          "' are new at once that they wait until an operator decides. 'mirrorctl hub hold list ", storage,
          "' shows them");
    case HubNote::Kind::kOvertaken:
      return absl::StrCat(
          "hub '", storage, "': an edit of '", note.attribute, "' in '", note.data_source, "' (",
          FormatUnixTime(note.lost_ms / 1'000), ", version ", note.lost_ms, ") lost against a later one in '",
          note.won, "' (", FormatUnixTime(note.won_ms / 1'000), ", version ", note.won_ms,
          ") that was made without knowing it, in record '", note.golden_id, "'. 'mirrorctl hub explain ",
          storage, " ", note.golden_id, "' shows the value that counts");
    case HubNote::Kind::kUnreadTime:
      return absl::StrCat("hub '", storage, "': texts of '", note.attribute, "' in table '", note.table,
                          "' of '", note.data_source,
                          "' cannot be read as a time by changed_format: ", Counted(note.rows, "row"),
                          ". Edits of such rows count from the time when the hub read them. Set "
                          "changed_format in [[hub.member]] to the format of the texts, then restart the "
                          "server");
  }
  return "";
}

/// Returns whether a note changes a member's state.
bool ChangesStanding(const HubNote& note) {
  return note.kind == HubNote::Kind::kSuspended || note.kind == HubNote::Kind::kHeld ||
         note.kind == HubNote::Kind::kUnsure || note.kind == HubNote::Kind::kPingPong;
}

std::vector<std::string> StoragesOf(const std::vector<HubRules>& rules) {
  std::vector<std::string> storages;
  for (const HubRules& one : rules) storages.push_back(one.storage);
  return storages;
}

absl::Status NoHubError(const std::string& context_id) {
  return absl::FailedPreconditionError(absl::StrCat("no hub has a table of '", context_id,
                                                    "'. Nothing was handed out. A [[hub]] of the server's "
                                                    "configuration names its members."));
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
    case HubNote::Kind::kUnreadTime:
      return "golden.unread_time";
    default:
      return "golden.held";
  }
}

}  // namespace

Hubs::Hubs(const std::vector<HubRules>& rules, HubFiles files, Tenants& tenants, StorageDirectory& storages,
           Events& events)
    : tenants_(tenants), storages_(storages), events_(events), files_(std::move(files)) {
  for (const HubRules& one : rules) hubs_.push_back(Make(one));
  watch_.Keep(StoragesOf(rules));
}

std::shared_ptr<Hub> Hubs::Make(const HubRules& rules) {
  return std::make_shared<Hub>(
      rules, files_,
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

void Hubs::Start(DerivesHere derives) {
  derives_ = std::move(derives);
  const MutexLock lock(mutex_);
  started_ = true;
  // Includes all members: an operator may have restored a mirror while no server ran.
  unsaid_.insert(hubs_.begin(), hubs_.end());
  woken_ = true;
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
  // Close() waits for their work: two hubs on one file would plan by two rules.
  for (const std::shared_ptr<Hub>& hub : before) hub->Close();
  const MutexLock lock(mutex_);
  for (const std::shared_ptr<Hub>& hub : before) unsaid_.erase(hub);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (now[i] != nullptr) continue;
    now[i] = Make(rules[i]);
    unsaid_.insert(now[i]);
  }
  hubs_ = std::move(now);
  watch_.Keep(StoragesOf(rules));
  woken_ = true;
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

void Hubs::NoteNews(const std::shared_ptr<Hub>& hub) {
  const bool noted = hub->NoteNews().ok();
  const MutexLock lock(mutex_);
  const bool there = std::find(hubs_.begin(), hubs_.end(), hub) != hubs_.end();
  if (noted || !there) {
    unsaid_.erase(hub);
  } else if (!unsaid_.insert(hub).second) {
    return;  // The thread knows, and tries it again when it is due.
  }
  woken_ = true;
  wake_.NotifyAll();
}

void Hubs::NoteCompleted(const std::string& context_id) {
  const std::vector<Member> members = MembersOf(context_id);
  if (members.empty()) return;
  {
    const MutexLock lock(mutex_);
    Asked& asked = asked_[FoldName(context_id)];
    asked.cycles_since = std::min(asked.cycles_since + 1, kCyclesUnasked);
  }
  for (const Member& member : members) NoteNews(member.hub);
}

void Hubs::NoteChanged(const std::string& context_id) {
  const MutexLock lock(mutex_);
  if (hubs_.empty()) return;
  changed_.insert(context_id);
  woken_ = true;
  wake_.NotifyAll();
}

/// Reports the results of a derivation, and of what operators' calls derived since.
void Hubs::Tell(Hub& hub) {
  const Hub::Heard heard = hub.Hear();
  for (const HubNote& note : heard.notes) {
    const bool warns = note.kind == HubNote::Kind::kUnsure || note.kind == HubNote::Kind::kOvertaken ||
                       note.kind == HubNote::Kind::kUnreadTime;
    events_.Add(ContextOf(hub.rules(), note.data_source), warns ? Severity::kWarning : Severity::kError,
                KindOf(note.kind), WordsOf(note, hub.rules().storage));
  }
  if (std::any_of(heard.notes.begin(), heard.notes.end(), ChangesStanding)) {
    LookAt(hub).IgnoreError();
  }
  if (heard.overtaken_unnamed == 0) return;
  events_.Add("", Severity::kWarning, "golden.overtaken",
              absl::StrCat("hub '", hub.rules().storage, "': ", Counted(heard.overtaken_unnamed, "more edit"),
                           " lost against later ones at once; they are not named one by one"));
}

absl::Status Hubs::Forget(const std::string& context_id) {
  absl::Status failed;
  for (const Member& member : MembersOf(context_id)) {
    const absl::Status status = member.hub->Forget(member.data_source, SharedNowMs());
    Tell(*member.hub);
    if (!status.ok()) failed = status;
  }
  return failed;
}

/// Derives if there is news, or a retry is due. False: there was nothing to derive.
absl::StatusOr<bool> Hubs::TryToDerive(Hub& hub, bool is_due, Tried* tried) {
  const absl::StatusOr<HubFile::News> news = hub.ReadNews();
  if (!news.ok()) {
    tried->noted = -1;
    return news.status();
  }
  if (news->noted == tried->noted && !is_due) return false;
  const absl::Status derived = hub.Derive(SharedNowMs());
  {
    const MutexLock lock(mutex_);
    derived_.NotifyAll();
  }
  tried->noted = news->noted;
  Tell(hub);
  if (!derived.ok()) return derived;
  return true;
}

void Hubs::DeriveOne(Hub& hub, Tried* tried) {
  const bool failed = !tried->failed.empty();
  const bool is_due = failed && std::chrono::steady_clock::now() >= tried->again;
  again_ = again_ || failed;
  // If it cannot be opened, there are no news to wait for, either.
  if (failed && tried->noted < 0 && !is_due) return;
  const std::int64_t begun_ms = SharedNowMs();
  const absl::StatusOr<bool> derived = TryToDerive(hub, is_due, tried);
  if (derived.ok()) {
    if (*derived) {
      tried->failed.clear();
      watch_.NoteDerived(hub.rules().storage, begun_ms);
    }
    if (*derived || !tried->unwritten.empty()) RewriteOne(hub, tried);
    return;
  }
  watch_.NoteFailed(hub.rules().storage, std::string(derived.status().message()), SharedNowMs());
  std::string words = absl::StrCat("hub '", hub.rules().storage, "': ", derived.status().message());
  if (words != tried->failed) events_.Add("", Severity::kError, "golden.not_derived", words);
  tried->failed = std::move(words);
  tried->again = std::chrono::steady_clock::now() + kHubAgain;
  again_ = true;
}

void Hubs::RewriteOne(Hub& hub, Tried* tried) {
  const absl::Status rewritten = hub.Rewrite(SharedNowMs());
  if (rewritten.ok()) {
    tried->unwritten.clear();
    return;
  }
  again_ = true;
  // Once, however the reason's text changes: each time another program may read the file.
  if (tried->unwritten.empty()) {
    events_.Add("", Severity::kWarning, "golden.not_rewritten",
                absl::StrCat("hub '", hub.rules().storage,
                             "': the hub forgot what was erased in its members, but the hub's file may still "
                             "have it until the file is rewritten. That is tried each minute: ",
                             rewritten.message()));
  }
  tried->unwritten = std::string(rewritten.message());
}

/// Waits until there may be news. False: the thread ends.
bool Hubs::WaitForNews() {
  const MutexLock lock(mutex_);
  const auto until = std::chrono::steady_clock::now() + kHubLook;
  // Nothing wakes this thread for notes of other servers, or for a database that answers again.
  const bool looks = derives_ != nullptr || again_ || !unsaid_.empty() || watch_.Waits();
  while (!stop_ && !woken_) {
    if (!looks) {
      wake_.Wait(mutex_);
    } else if (!wake_.WaitUntil(mutex_, until)) {
      break;
    }
  }
  woken_ = false;
  return !stop_;
}

void Hubs::Run() {
  std::map<std::shared_ptr<Hub>, Tried> tried;
  const std::int64_t begun_ms = SharedNowMs();
  while (WaitForNews()) {
    std::set<std::shared_ptr<Hub>> unsaid;
    std::set<std::string> changed;
    {
      const MutexLock lock(mutex_);
      unsaid = unsaid_;
      changed.swap(changed_);
    }
    for (const std::string& context_id : changed) NoteCompleted(context_id);
    if (std::chrono::steady_clock::now() >= say_again_) {
      for (const std::shared_ptr<Hub>& hub : unsaid) NoteNews(hub);
      const MutexLock lock(mutex_);
      say_again_ = std::chrono::steady_clock::now();
      if (!unsaid_.empty()) say_again_ += kHubAgain;
    }
    const std::vector<std::shared_ptr<Hub>> hubs = all();
    const bool derives = !derives_ || derives_();
    if (!derives) {
      tried.clear();  // The server that derives next begins with all hubs, and so must this one then.
    } else {
      again_ = false;
      std::erase_if(tried, [&](const auto& one) {
        return std::find(hubs.begin(), hubs.end(), one.first) == hubs.end();
      });
      for (const std::shared_ptr<Hub>& hub : hubs) DeriveOne(*hub, &tried[hub]);
    }
    // At a start, checks must not delay the server that is about to derive.
    if (!derives && SharedNowMs() - begun_ms < kHubStandMs) continue;
    for (const std::shared_ptr<Hub>& hub : hubs) {
      if (watch_.IsDue(hub->rules().storage, derives_ != nullptr, SharedNowMs())) LookAt(*hub).IgnoreError();
    }
  }
}

/// Waits until all that is noted by now is derived, on whichever server. False: not in time.
absl::StatusOr<bool> Hubs::WaitForDerivation(const std::shared_ptr<Hub>& hub) {
  ASSIGN_OR_RETURN(const HubFile::News asked, hub->ReadNews());
  const auto until = std::chrono::steady_clock::now() + kHubWait;
  for (;;) {
    ASSIGN_OR_RETURN(const HubFile::News news, hub->ReadNews());
    const MutexLock lock(mutex_);
    if (news.read >= asked.noted && unsaid_.count(hub) == 0) return true;
    const auto now = std::chrono::steady_clock::now();
    if (stop_ || now >= until) return false;
    derived_.WaitUntil(mutex_, std::min(until, now + kHubLook));
  }
}

absl::StatusOr<HandedOut> Hubs::HandOut(const std::string& context_id, std::int64_t cycle,
                                        std::size_t limit) {
  const std::vector<Member> members = MembersOf(context_id);
  if (members.empty()) return NoHubError(context_id);
  NoteTaking(context_id, Taking::kAsks);
  // A tenant is a member of one hub; if of several, the first counts.
  const std::shared_ptr<Hub> hub = members.front().hub;
  ASSIGN_OR_RETURN(const bool derived, WaitForDerivation(hub));
  if (!derived) {
    HandedOut out;
    out.waiting = "the hub is at work; the next run asks again";
    return out;
  }
  return hub->HandOut(members.front().data_source, cycle, limit);
}

absl::StatusOr<std::uint64_t> Hubs::CountUndelivered(const std::string& context_id) {
  const std::vector<Member> members = MembersOf(context_id);
  if (members.empty()) return NoHubError(context_id);
  const std::shared_ptr<Hub> hub = members.front().hub;
  if (!IsWritten(hub->rules(), members.front().data_source)) return 0;
  NoteTaking(context_id, Taking::kDeclines);
  // Records that are not derived in time are reported after the next cycle.
  RETURN_IF_ERROR(WaitForDerivation(hub).status());
  ASSIGN_OR_RETURN(const HubStanding standing, hub->Stand());
  for (const MemberState& state : standing.members) {
    if (state.data_source == members.front().data_source) return state.figures.open;
  }
  return 0;
}

void Hubs::NoteTaking(const std::string& context_id, Taking taking) {
  const MutexLock lock(mutex_);
  asked_[FoldName(context_id)] = {.taking = taking};
}

Hubs::Taking Hubs::TakingOf(const std::string& context_id) {
  const MutexLock lock(mutex_);
  const auto asked = asked_.find(FoldName(context_id));
  if (asked == asked_.end()) return Taking::kNotKnown;
  const bool asks = asked->second.taking != Taking::kDeclines;
  return asks && asked->second.cycles_since >= kCyclesUnasked ? Taking::kNeverAsks : asked->second.taking;
}

void Hubs::RefreshIfFollower(Hub& hub) {
  if (derives_ && !derives_()) hub.Look(SharedNowMs());
}

absl::Status Hubs::LookAt(Hub& hub) {
  const MutexLock lock(looking_);
  absl::StatusOr<HubStanding> standing = hub.Stand();
  if (!standing.ok()) {
    watch_.NoteUnseen(hub.rules().storage, SharedNowMs());
    return standing.status();
  }
  std::vector<std::string> tenants;
  for (const std::string& name : hub.rules().data_sources) tenants.push_back(ContextOf(hub.rules(), name));
  watch_.Note(hub.rules(), *std::move(standing), std::move(tenants), SharedNowMs());
  return absl::OkStatus();
}

void Hubs::NoteReport(const std::string& context_id, int conflicts, int refused) {
  const MutexLock lock(mutex_);
  reports_[FoldName(context_id)] = {SharedNowMs(), conflicts, refused};
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
