#include "server/jobs/fleet.h"

#include <pthread.h>

#include <chrono>
#include <cstdlib>
#include <set>
#include <stop_token>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/duties.h"
#include "server/store/postgres/place/server_rows.h"

namespace mirror {
namespace {

constexpr char kThreadName[] = "fleet.watch";
/// The settings that RulesPrint() compares.
constexpr char kRules[] =
    "the key and 'id' of [application], [data], 'cycle_idle', 'durability', [breaker], [[hook]], "
    "[[hub]] and [[tenant]]";

/// An answer that took longer says too little about the moment when it was given.
constexpr std::chrono::milliseconds kClockAnswerMax{1'000};

bool IsWrong(std::int64_t clock_ahead_ms) { return std::abs(clock_ahead_ms) > kClockAheadMaxMs; }

bool SetColumnsAlike(const std::string& rules, const std::string& others) {
  return rules.substr(0, kColumnRulesDigits) == others.substr(0, kColumnRulesDigits);
}

std::string NameOf(const ServerRow& server) {
  return absl::StrCat("the server on ", server.host, " at ", server.address);
}

/// A row of `self`'s own last start is not another server.
bool IsOther(const ServerRow& server, const FleetOptions& self) {
  return server.silent_ms <= kServerGoneMs && (server.host != self.host || server.address != self.address);
}

/// Counts a server's last start, which ended a moment ago, as the same server.
std::size_t CountRunning(const std::vector<ServerRow>& servers) {
  std::set<std::pair<std::string, std::string>> running;
  for (const ServerRow& server : servers) {
    if (server.silent_ms <= kServerGoneMs) running.emplace(server.host, server.address);
  }
  return running.size();
}

}  // namespace

Fleet::Fleet(std::shared_ptr<PostgresControl> control, FleetOptions options, Events& events)
    : control_(std::move(control)), options_(std::move(options)), events_(events), rules_(options_.rules) {
  self_.server_id = NewToken();
  self_.host = options_.host;
  self_.address = options_.address;
  self_.admin_address = options_.admin_address;
  self_.version = MIRROR_VERSION;
  self_.rules = options_.rules;
  self_.hash_key = options_.hash_key;
  self_.places = options_.places;
}

Fleet::~Fleet() { Stop(); }

void Fleet::HasUploads(std::string name, std::string url) {
  uploads_.name = std::move(name);
  uploads_.url = std::move(url);
}

void Fleet::Start(HookDuty hooks) {
  hooks_ = std::move(hooks);
  watch_ = std::jthread([this](const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), kThreadName);
    do {
      Look();
    } while (SleepFor(options_.look, stop));
  });
}

void Fleet::Stop() {
  if (!watch_.joinable()) return;
  watch_ = {};
  EndHooks();
  std::set<std::string> waiting;
  {
    const MutexLock lock(mutex_);
    held_.clear();
    waiting.swap(waiting_);
  }
  // Hooks that cannot be noted for the others now are found in the mirror, see HookRunner::Shared::search.
  NoteWaitingHooks(*control_, waiting).IgnoreError();
  if (!GiveUpDuties(*control_, self_.server_id).ok()) return;
  ForgetServer(*control_, self_.server_id).IgnoreError();
}

bool Fleet::Holds(Duty duty) const {
  const MutexLock lock(mutex_);
  return held_.contains(duty) &&
         std::chrono::steady_clock::now() - renewed_ < std::chrono::milliseconds(kDutyMs - kDutyMarginMs);
}

std::chrono::milliseconds Fleet::HeardFor() const {
  const MutexLock lock(mutex_);
  if (!heard_since_) return std::chrono::milliseconds(0);
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               *heard_since_);
}

std::optional<std::size_t> Fleet::Running() const {
  const MutexLock lock(mutex_);
  return running_;
}

void Fleet::SetRules(const std::string& rules) {
  const MutexLock lock(mutex_);
  rules_ = rules;
}

void Fleet::HookWaits(const std::string& context_id) {
  const MutexLock lock(mutex_);
  waiting_.insert(context_id);
}

absl::StatusOr<std::vector<ListedServer>> Fleet::Servers() const {
  ASSIGN_OR_RETURN(std::vector<ServerRow> rows, ListServers(*control_));
  std::vector<ListedServer> servers;
  for (ServerRow& row : rows) {
    servers.push_back({.server_id = row.server_id,
                       .host = std::move(row.host),
                       .address = std::move(row.address),
                       .admin_address = std::move(row.admin_address),
                       .version = std::move(row.version),
                       .rules = std::move(row.rules),
                       .clock_ahead_ms = row.clock_ahead_ms,
                       .started_ms = row.started_ms,
                       .silent_ms = row.silent_ms,
                       .duties = std::move(row.duties),
                       .here = row.server_id == self_.server_id});
  }
  return servers;
}

absl::Status Fleet::MayAgree() const {
  const MutexLock lock(mutex_);
  return newer_.empty() ? absl::OkStatus() : absl::UnavailableError(newer_);
}

std::string Fleet::WhyNotReady() const {
  const MutexLock lock(mutex_);
  return newer_.empty() ? clock_ : newer_;
}

absl::Status Fleet::CheckHashKey() const { return mirror::CheckHashKey(*control_, options_); }

absl::Status CheckHashKey(PostgresControl& control, const FleetOptions& self) {
  ASSIGN_OR_RETURN(const std::vector<ServerRow> servers, ListServers(control));
  for (const ServerRow& other : servers) {
    if (!IsOther(other, self) || other.hash_key == self.hash_key) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(NameOf(other),
                     " has the same mirrors and hashes columns with another key, or one of the two "
                     "has none: one value would become two in the mirrors. This server does not "
                     "start. Give all servers the same [data] 'hash_key', and stop those that have "
                     "another key before this one starts."));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FindOtherRules(PostgresControl& control, const FleetOptions& self) {
  ASSIGN_OR_RETURN(const std::vector<ServerRow> servers, ListServers(control));
  std::vector<std::string> found;
  for (const ServerRow& other : servers) {
    if (!IsOther(other, self) || other.rules == self.rules) continue;
    const bool columns = !SetColumnsAlike(other.rules, self.rules);
    found.push_back(absl::StrCat(
        NameOf(other), " runs with other rules than this configuration has (rules are ", kRules, ")",
        other.version == MIRROR_VERSION ? ""
                                        : absl::StrCat(", or with the same: it is version ", other.version,
                                                       ", which computes their digest differently"),
        columns ? ". Its column rules differ: it agrees with no source on tables once this one runs" : "",
        ". This server may start, and the event server.rules then reports the difference. Compare the two "
        "configurations and keys, unless you are changing all servers one after the other."));
  }
  return found;
}

void Fleet::Look() {
  if (!Holds(Duty::kHooks)) EndHooks();
  const auto now = std::chrono::steady_clock::now();
  absl::Status status = absl::OkStatus();
  if (now >= beat_at_) {
    beat_at_ = now + options_.beat;
    status = SayHere();
    if (!status.ok()) NoteRunning(std::nullopt);
    NoteHeard(status.ok());
    TellControl(status);
  }
  if (status.ok() && !control_lost_ && hooks_.begin) TellControl(KeepHooks());
}

/// Stops delivering until it begins again, which checks all mirrors.
void Fleet::EndHooks() {
  if (std::exchange(delivering_, false)) hooks_.end();
}

absl::Status Fleet::SayHere() {
  {
    const MutexLock lock(mutex_);
    self_.rules = rules_;
  }
  RETURN_IF_ERROR(TakeClock([this] { return Beat(*control_, self_); }));
  TellClock(self_.clock_ahead_ms);

  std::set<Duty> wanted = {Duty::kIdleCycles, Duty::kSummaries};
  if (!uploads_.name.empty()) {
    RETURN_IF_ERROR(SeeUploadServer(*control_, uploads_));
    wanted.insert(Duty::kImportJobs);
  }
  if (hooks_.begin) wanted.insert(Duty::kHooks);
  if (options_.has_hubs) wanted.insert(Duty::kHubs);
  const auto begin = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(std::set<Duty> held, TakeOwnDuties(wanted));
  // Renewed after it had expired: meanwhile no server delivered.
  if (!Holds(Duty::kHooks)) EndHooks();
  {
    const MutexLock lock(mutex_);
    held_ = std::move(held);
    renewed_ = begin;
  }
  const absl::StatusOr<std::vector<ServerRow>> servers = ListServers(*control_);
  if (servers.ok()) {
    Compare(*servers);
    NoteRunning(CountRunning(*servers));
  }
  return servers.status();
}

absl::Status Fleet::SetClock() {
  return TakeClock([this] {
    std::int64_t now_ms = 0;
    const absl::Status asked = control_->Run([&](postgres::Connection& connection) {
      const absl::StatusOr<std::int64_t> now =
          connection.Number(absl::StrCat("SELECT ", kControlNow), {}, "asking for its time");
      now_ms = now.value_or(0);
      return now.status();
    });
    return asked.ok() ? absl::StatusOr<std::int64_t>(now_ms) : asked;
  });
}

absl::Status Fleet::TakeClock(const std::function<absl::StatusOr<std::int64_t>()>& ask) {
  const auto before = std::chrono::steady_clock::now();
  const std::int64_t before_ms = options_.now_ms();
  ASSIGN_OR_RETURN(const std::int64_t theirs_ms, ask());
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - before);
  self_.clock_ahead_ms = before_ms + took.count() / 2 - theirs_ms;
  if (is_clock_set_ && took > kClockAnswerMax) return absl::OkStatus();
  is_clock_set_ = true;
  options_.set_clock(theirs_ms + took.count() / 2);
  return absl::OkStatus();
}

/// A server with a wrong clock leaves all duties to those whose clock is right. If there
/// is none, one of the wrong ones must have them.
absl::StatusOr<std::set<Duty>> Fleet::TakeOwnDuties(const std::set<Duty>& wanted) {
  if (!IsWrong(self_.clock_ahead_ms) || !others_are_right_) {
    return TakeDuties(*control_, self_.server_id, wanted);
  }
  RETURN_IF_ERROR(GiveUpDuties(*control_, self_.server_id));
  return std::set<Duty>();
}

absl::Status Fleet::KeepHooks() {
  if (delivering_ != Holds(Duty::kHooks)) {
    delivering_ = !delivering_;
    delivering_ ? hooks_.begin() : hooks_.end();
  }
  std::set<std::string> waiting;
  {
    const MutexLock lock(mutex_);
    waiting.swap(waiting_);
  }
  if (!delivering_) {
    absl::Status noted = NoteWaitingHooks(*control_, waiting);
    if (noted.ok()) return noted;
    const MutexLock lock(mutex_);
    waiting_.merge(waiting);
    return noted;
  }
  const absl::StatusOr<WaitingHooks> others = TakeWaitingHooks(*control_, self_.server_id);
  if (!others.ok()) {
    // The notes may have been taken, and the answer lost.
    EndHooks();
    return others.status();
  }
  for (const std::string& context_id : others->context_ids) hooks_.wake(context_id);
  if (others->last_event != last_event_) hooks_.wake_events();
  last_event_ = others->last_event;
  return absl::OkStatus();
}

/// If two servers differ, the one that started later reports it.
void Fleet::Compare(const std::vector<ServerRow>& servers) {
  std::int64_t started_ms = 0;
  others_are_right_ = false;
  for (const ServerRow& server : servers) {
    if (server.server_id == self_.server_id) started_ms = server.started_ms;
    const bool is_right = IsOther(server, options_) && !IsWrong(server.clock_ahead_ms);
    others_are_right_ = others_are_right_ || is_right;
  }
  std::set<std::string> differing;
  for (const ServerRow& other : servers) {
    const bool before = other.started_ms < started_ms ||
                        (other.started_ms == started_ms && other.server_id < self_.server_id);
    if (!before || other.silent_ms > kServerGoneMs) continue;
    const auto tell = [&](Severity severity, const char* kind, const std::string& words) {
      const std::string told = absl::StrCat(kind, " ", other.server_id);
      differing.insert(told);
      if (!told_.contains(told)) events_.Add("", severity, kind, words);
    };
    if (other.hash_key != self_.hash_key) {
      tell(Severity::kError, "server.hash_key",
           absl::StrCat(NameOf(other), " hashes columns with another key than ", NameOf(self_),
                        ", or with none: one value becomes two in the mirrors, and comparisons find "
                        "tables that differ. Stop one of the servers, and give all of them the same "
                        "[data] 'hash_key'"));
    }
    if (other.rules != self_.rules) {
      tell(Severity::kWarning, "server.rules",
           absl::StrCat(NameOf(other), " has another configuration than ", NameOf(self_),
                        ", which started later. Compare ", kRules,
                        ": each server follows its own. If the keys differ, sources refuse one of the "
                        "servers, and 'mirrorctl audit verify' needs both certificates. If the column rules "
                        "differ, the older server agrees with no source on tables. Give all servers the same "
                        "configuration and key, and restart those that have another; 'mirrorctl servers' "
                        "lists them"));
    }
  }
  told_ = std::move(differing);
  NoteNewer(servers, started_ms);
}

void Fleet::NoteNewer(const std::vector<ServerRow>& servers, std::int64_t started_ms) {
  std::string newer;
  for (const ServerRow& other : servers) {
    if (other.started_ms <= started_ms || other.silent_ms > kServerGoneMs) continue;
    if (SetColumnsAlike(other.rules, self_.rules)) continue;
    newer =
        absl::StrCat(NameOf(other), " started later and has other column rules than ", NameOf(self_),
                     ", which agrees with no source on tables until both have the same configuration. "
                     "Nothing was changed. Restart this server with the other one's configuration, or stop "
                     "the other server.");
  }
  const MutexLock lock(mutex_);
  newer_ = std::move(newer);
}

void Fleet::NoteRunning(std::optional<std::size_t> running) {
  const MutexLock lock(mutex_);
  running_ = running;
}

void Fleet::NoteHeard(bool is_heard) {
  const MutexLock lock(mutex_);
  if (!is_heard) {
    heard_since_.reset();
  } else if (!heard_since_) {
    heard_since_ = std::chrono::steady_clock::now();
  }
}

void Fleet::TellClock(std::int64_t ahead_ms) {
  const bool wrong = IsWrong(ahead_ms);
  std::string words = absl::StrCat("the clock of ", NameOf(self_));
  if (wrong) {
    absl::StrAppend(
        &words, " is ", SpanText(std::abs(ahead_ms)), ahead_ms > 0 ? " ahead of" : " behind",
        " the control database's. Mirrors and tokens use the control database's clock. This server "
        "leaves all duties to servers whose clock is right, and checks certificates by its own clock. "
        "Correct the clocks of both machines");
  }
  {
    const MutexLock lock(mutex_);
    if (wrong != clock_.empty()) return;
    clock_ = wrong ? words : "";
  }
  if (wrong) {
    events_.Add("", Severity::kWarning, "server.clock", words);
  } else {
    events_.Add("", Severity::kInformation, "server.clock", absl::StrCat(words, " is right again"));
  }
}

void Fleet::TellControl(const absl::Status& status) {
  if (status.ok() == !control_lost_) return;
  control_lost_ = !status.ok();
  if (status.ok()) {
    events_.Add("", Severity::kInformation, "server.control_back",
                absl::StrCat(NameOf(self_), " reaches the control database again"));
    return;
  }
  events_.Add("", Severity::kError, "server.control_lost",
              absl::StrCat(NameOf(self_),
                           " continues with the mirrors that it knows, and makes no new ones; duties that "
                           "one server has for all wait. The server tries to connect again. ",
                           std::string(status.message())));
}

FleetJobs::FleetJobs(std::shared_ptr<PostgresControl> control, Fleet& fleet, std::string name)
    : control_(std::move(control)), fleet_(fleet), name_(std::move(name)) {}

void FleetJobs::Begin(const std::string& url) {
  {
    const MutexLock lock(mutex_);
    url_ = url;
  }
  fleet_.HasUploads(name_, url);
}

UploadServer FleetJobs::self() const {
  const MutexLock lock(mutex_);
  return {.name = name_, .url = url_};
}

absl::StatusOr<std::optional<JobServers::Server>> FleetJobs::Find(const std::string& name) {
  ASSIGN_OR_RETURN(std::optional<UploadServer> found, FindUploadServer(*control_, name));
  if (!found) return std::optional<Server>();
  return std::optional(Server{.url = std::move(found->url),
                              .silent = std::chrono::milliseconds(found->silent_ms),
                              .answers = found->silent_ms <= kServerGoneMs});
}

absl::Status FleetJobs::List(const std::string& job) { return ListImportJob(*control_, self(), job); }

absl::Status FleetJobs::Unlist(const std::string& job) { return UnlistImportJob(*control_, job); }

absl::Status FleetJobs::ListOnly(const std::vector<std::string>& jobs) {
  return ListOnlyImportJobs(*control_, self(), jobs);
}

absl::StatusOr<std::vector<std::string>> FleetJobs::FindListed() { return FindListedJobs(*control_); }

absl::StatusOr<std::vector<std::string>> FleetJobs::FindOrphans(std::chrono::milliseconds lease) {
  // While the control database was down no server could give a sign of life.
  if (!fleet_.Holds(Duty::kImportJobs) || fleet_.HeardFor().count() < kServerGoneMs)
    return std::vector<std::string>();
  return FindOrphanedJobs(*control_, lease.count());
}

}  // namespace mirror
