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

/// How long a call for deliveries waits for the derivation of its cycle.
inline constexpr std::chrono::milliseconds kHubWait{1'000};
/// Number of completed cycles without a request for deliveries after which a source counts as taking none. A
/// source that takes them pushes twice in a run, and may import what it fetched in a separate run.
inline constexpr int kCyclesUnasked = 5;
/// Interval at which the server checks what other servers noted or derived.
inline constexpr std::chrono::milliseconds kHubLook{100};

/// Time until a failed attempt is repeated; its cause may have ended by then.
inline constexpr std::chrono::milliseconds kHubAgain{5'000};

/// Returns whether this server is the one that derives, among the servers that share its mirrors. Null: it is
/// the only server.
using DerivesHere = std::function<bool()>;

/// All hubs of a server, and the thread that derives: at the start, and after each completed cycle of a
/// member. Threads: any; it has one of its own.
class Hubs {
 public:
  /// All arguments must outlive this object.
  Hubs(const std::vector<HubRules>& rules, HubFiles files, Tenants& tenants, StorageDirectory& storages,
       Events& events);
  ~Hubs();

  /// `derives`: called by the thread, until Stop().
  void Start(DerivesHere derives = nullptr);
  /// Takes the rules of a configuration that was read again. A hub with unchanged rules continues. A hub with
  /// other rules is derived again, and its result is held. A hub that is no longer configured ends.
  void TakeRules(const std::vector<HubRules>& rules);
  /// Ends the thread after the running derivation.
  void Stop();

  /// Notes that a mirror changed. The hubs of which it is a member are derived soon.
  void NoteCompleted(const std::string& context_id);
  /// Does the same for rows that came as records. Never waits, because it may be called under a tenant's
  /// lock.
  void NoteChanged(const std::string& context_id);

  /// Calls Hub::Forget() for all hubs of which the tenant is a member.
  absl::Status Forget(const std::string& context_id);

  /// Returns whether the tenant is a member of a hub.
  bool HasMember(const std::string& context_id);
  /// See Hub::HandOut(). Errors: kFailedPrecondition: no hub has a table of this tenant.
  absl::StatusOr<HandedOut> HandOut(const std::string& context_id, std::int64_t cycle, std::size_t limit);

  /// A source's report about the deliveries of its last run, for operators.
  struct Report {
    std::int64_t at_ms = 0;
    int conflicts = 0, refused = 0;
  };
  void NoteReport(const std::string& context_id, int conflicts, int refused);
  Report LastReport(const std::string& context_id);

  /// Returns how many deliveries wait for a member whose source did not ask for them. Notes that the source
  /// takes none, if the hub can write deliveries for it at all. Errors: as HandOut().
  absl::StatusOr<std::uint64_t> CountUndelivered(const std::string& context_id);
  /// Whether a source asks for its deliveries, as far as this server has seen since its start.
  enum class Taking : std::uint8_t { kNotKnown, kAsks, kDeclines, kNeverAsks };
  Taking TakingOf(const std::string& context_id);

  /// Calls Hub::Look() if another server derives.
  void RefreshIfFollower(Hub& hub);
  /// Updates the watch with the hub's present state. Errors: those of Hub::Stand().
  absl::Status LookAt(Hub& hub) MIRROR_EXCLUDES(looking_);
  HubWatch& watch() { return watch_; }

  /// Returns the context id of a data source. Empty: it is not known.
  std::string ContextOf(const HubRules& rules, const std::string& data_source);
  /// Returns the hub of a storage. Null: there is none.
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
    std::int64_t noted = -1;  ///< The number of news.
    std::string failed = {};  ///< The reported error; empty: it succeeded.
    std::chrono::steady_clock::time_point again = {};
    std::string unwritten = {};  ///< The same as `failed`, about erased data that may remain in the file.
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
  Mutex looking_;  ///< Serializes the readings of hubs for watch(). Locked before all other mutexes.

  DerivesHere derives_;
  Mutex mutex_;
  std::vector<std::shared_ptr<Hub>> hubs_ MIRROR_GUARDED_BY(mutex_);
  CondVar wake_, derived_;
  bool started_ MIRROR_GUARDED_BY(mutex_) = false, stop_ MIRROR_GUARDED_BY(mutex_) = false;
  bool woken_ MIRROR_GUARDED_BY(mutex_) = false;
  bool again_ = false;  ///< An attempt must be repeated. Only the thread uses it.
  /// Hubs whose news could not be noted yet.
  std::set<std::shared_ptr<Hub>> unsaid_ MIRROR_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point say_again_ = {};             ///< When to note them again. Only the
                                                                     ///< thread uses it.
  std::set<std::string> changed_ MIRROR_GUARDED_BY(mutex_);          ///< Context ids, see NoteChanged().
  std::map<std::string, Report> reports_ MIRROR_GUARDED_BY(mutex_);  ///< By folded context id.
  struct Asked {
    Taking taking = Taking::kNotKnown;
    int cycles_since = 0;
  };
  std::map<std::string, Asked> asked_ MIRROR_GUARDED_BY(mutex_);  ///< By folded context id.
  std::thread thread_;  ///< Started once, under the lock. Joined after `stop_` is set, when no call can start
                        ///< it any more.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUBS_H_
