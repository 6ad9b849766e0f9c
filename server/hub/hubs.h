#ifndef MIRROR_SERVER_HUB_HUBS_H_
#define MIRROR_SERVER_HUB_HUBS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/hub/hub.h"
#include "server/hub/hub_watch.h"
#include "server/storages/storage_directory.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"

namespace mirror {

/// How long a call for deliveries waits for the derivation that reads its cycle.
inline constexpr std::chrono::milliseconds kHubWait{1'000};
/// A source that completes so many cycles, and asks for no delivery behind any, takes none. One that does
/// pushes twice in a run, and may import what it fetched in a run of its own.
inline constexpr int kCyclesUnasked = 5;
/// How often it is looked what other servers have noted, or derived.
inline constexpr std::chrono::milliseconds kHubLook{100};

/// What failed, and may be over by then, is tried again after this.
inline constexpr std::chrono::milliseconds kHubAgain{5'000};

/// Whether this server is to derive now, of those that share its mirrors. Null: it is the only one.
using DerivesHere = std::function<bool()>;

/// All hubs of a server, and the thread that derives: at the start, and whenever a member completed a cycle.
/// Threads: any.
class Hubs {
 public:
  /// They outlive this.
  Hubs(const std::vector<HubRules>& rules, HubFiles files, Tenants& tenants, StorageDirectory& storages,
       Events& events);
  ~Hubs();

  /// `derives`: asked by the thread, until Stop().
  void Start(DerivesHere derives = nullptr);
  /// Of a configuration that was read again. A hub whose rules are as they were goes on; one of other rules
  /// is derived anew, and holds what that gives; one that is not there any more ends.
  void TakeRules(const std::vector<HubRules>& rules);
  /// Ends the thread behind the derivation that is at work.
  void Stop();

  /// A mirror changed: what it is a member of is derived, by and by.
  void NoteCompleted(const std::string& context_id);
  /// The same of rows that came as records. Waits for nobody: it may be called under a tenant's lock.
  void NoteChanged(const std::string& context_id);

  /// See Hub::Forget(), of all hubs that it is a member of.
  absl::Status Forget(const std::string& context_id);

  /// Whether any hub has it as a member.
  bool HasMember(const std::string& context_id);
  /// See Hub::HandOut(). Errors: kFailedPrecondition: no hub has a table of this tenant.
  absl::StatusOr<HandedOut> HandOut(const std::string& context_id, std::int64_t cycle, std::size_t limit);

  /// What a source says of the deliveries of its last run, for an operator's eyes.
  struct Report {
    std::int64_t at_ms = 0;
    int conflicts = 0, refused = 0;
  };
  void NoteReport(const std::string& context_id, int conflicts, int refused);
  Report LastReport(const std::string& context_id);

  /// For the source of a member that fetches none: how many wait for it. It is noted that it takes none,
  /// where some could ever be for it. Errors: as HandOut().
  absl::StatusOr<std::uint64_t> CountForDecliner(const std::string& context_id);
  /// Whether it asks for what is to be written there, as this server knows since its start.
  enum class Taking : std::uint8_t { kNotKnown, kAsks, kDeclines, kNeverAsks };
  Taking TakingOf(const std::string& context_id);

  /// See Hub::Look(): nothing where this server derives.
  void LookIfOthersDerive(Hub& hub);
  /// The watch knows from here on how it stands. Errors: those of Hub::Stand().
  absl::Status LookAt(Hub& hub) MIRROR_EXCLUDES(looking_);
  HubWatch& watch() { return watch_; }

  /// Empty: no such data source is known.
  std::string ContextOf(const HubRules& rules, const std::string& data_source);
  /// By its storage. Null: there is none.
  std::shared_ptr<Hub> Find(const std::string& storage);
  std::vector<std::shared_ptr<Hub>> all();

 private:
  struct Member {
    std::shared_ptr<Hub> hub;
    std::string data_source;
  };
  std::vector<Member> MembersOf(const std::string& context_id);
  std::shared_ptr<Hub> Make(const HubRules& rules);
  void StartThread() MIRROR_REQUIRES(mutex_);
  void Run();
  bool WaitForNews();
  struct Tried {
    std::int64_t noted = -1;  ///< How many news there were.
    std::string failed = {};  ///< As it was told; empty: it went well.
    std::chrono::steady_clock::time_point again = {};
    std::string unwritten = {};  ///< The same of what was erased, and may still be in its file.
  };
  void DeriveOne(Hub& hub, Tried* tried);
  absl::StatusOr<bool> TryToDerive(Hub& hub, bool is_due, Tried* tried);
  void RewriteOne(Hub& hub, Tried* tried);
  void Tell(Hub& hub);
  void NoteNews(const std::shared_ptr<Hub>& hub);
  void NoteTaking(const std::string& context_id, Taking taking);
  absl::StatusOr<bool> WaitForDerivation(const std::shared_ptr<Hub>& hub);

  Tenants& tenants_;
  StorageDirectory& storages_;
  Events& events_;
  const HubFiles files_;
  HubWatch watch_;
  Mutex looking_;  ///< What is read of a hub first is noted first. Before all others.

  DerivesHere derives_;
  Mutex mutex_;
  std::vector<std::shared_ptr<Hub>> hubs_ MIRROR_GUARDED_BY(mutex_);
  CondVar wake_, derived_;
  bool started_ MIRROR_GUARDED_BY(mutex_) = false, stop_ MIRROR_GUARDED_BY(mutex_) = false;
  bool woken_ MIRROR_GUARDED_BY(mutex_) = false;
  bool again_ = false;  ///< Something is to be tried again. Of the thread.
  /// With news that could not be noted yet.
  std::set<std::shared_ptr<Hub>> unsaid_ MIRROR_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point say_again_ = {};             ///< Of the thread.
  std::set<std::string> changed_ MIRROR_GUARDED_BY(mutex_);          ///< Context ids, see NoteChanged().
  std::map<std::string, Report> reports_ MIRROR_GUARDED_BY(mutex_);  ///< By folded context id.
  struct Asked {
    Taking taking = Taking::kNotKnown;
    int cycles_since = 0;
  };
  std::map<std::string, Asked> asked_ MIRROR_GUARDED_BY(mutex_);  ///< By the same.
  std::thread thread_;  ///< Made under the lock, once; joined behind `stop_`, when nobody makes it any more.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUBS_H_
