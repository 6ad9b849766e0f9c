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
#include "server/storages/storage_directory.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"

namespace mirror {

/// How long a call for deliveries waits for the derivation that reads its cycle.
inline constexpr std::chrono::milliseconds kHubWait{1'000};
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
  Hubs(const std::vector<HubRules>& rules, const OpenHubFile& open, Tenants& tenants,
       StorageDirectory& storages, Events& events);
  ~Hubs();

  /// `derives`: asked by the thread, until Stop().
  void Start(DerivesHere derives = nullptr);
  /// Ends the thread behind the derivation that is at work.
  void Stop();

  /// A mirror changed: what it is a member of is derived, by and by.
  void NoteCompleted(const std::string& context_id);

  /// Whether any hub has it as a member.
  bool HasMember(const std::string& context_id);
  /// See Hub::HandOut(). Errors: kFailedPrecondition: no hub has a table of this tenant.
  absl::StatusOr<HandedOut> HandOut(const std::string& context_id, std::int64_t cycle, std::size_t limit);

  /// Of the hub that hands out to this tenant; null: none does.
  const HubRules* RulesOf(const std::string& context_id);
  /// What a source says of the deliveries of its last run, for an operator's eyes.
  struct Report {
    std::int64_t at_ms = 0;
    int conflicts = 0, refused = 0;
  };
  void NoteReport(const std::string& context_id, int conflicts, int refused);
  Report LastReport(const std::string& context_id);

  /// See Hub::Look(): nothing where this server derives.
  void LookIfOthersDerive(Hub& hub);

  /// Empty: no such data source is known.
  std::string ContextOf(const HubRules& rules, const std::string& data_source);
  /// By its storage. Null: there is none.
  Hub* Find(const std::string& storage);
  const std::vector<std::unique_ptr<Hub>>& all() const { return hubs_; }

 private:
  struct Member {
    Hub* hub = nullptr;
    std::string data_source;
  };
  std::vector<Member> MembersOf(const std::string& context_id);
  void Run();
  bool WaitForNews();
  struct Tried {
    std::int64_t noted = -1;  ///< How many news there were.
    std::string failed = {};  ///< As it was told; empty: it went well.
    std::chrono::steady_clock::time_point again = {};
  };
  void DeriveOne(Hub& hub, Tried* tried);
  bool NoteNews(Hub& hub);
  absl::StatusOr<bool> WaitForDerivation(Hub& hub);

  Tenants& tenants_;
  StorageDirectory& storages_;
  Events& events_;
  std::vector<std::unique_ptr<Hub>> hubs_;

  DerivesHere derives_;
  Mutex mutex_;
  CondVar wake_, derived_;
  bool stop_ MIRROR_GUARDED_BY(mutex_) = false;
  bool woken_ MIRROR_GUARDED_BY(mutex_) = false;
  bool again_ = false;                               ///< Something is to be tried again. Of the thread.
  std::set<Hub*> unsaid_ MIRROR_GUARDED_BY(mutex_);  ///< With news that could not be noted yet.
  Hub* at_work_ MIRROR_GUARDED_BY(mutex_) = nullptr;
  std::map<std::string, Report> reports_ MIRROR_GUARDED_BY(mutex_);  ///< By folded context id.
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUBS_H_
