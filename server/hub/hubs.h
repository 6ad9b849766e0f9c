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

/// All hubs of a server, and the thread that derives: at the start, and whenever a member completed a cycle.
/// Threads: any.
class Hubs {
 public:
  /// They outlive this. `folder`: where the hubs' files are.
  Hubs(const std::vector<HubRules>& rules, const std::string& folder, Tenants& tenants,
       StorageDirectory& storages, Events& events);
  ~Hubs();

  void Start();
  /// Of a configuration that was read again. A hub whose rules are as they were goes on; one of other rules
  /// is derived anew, and holds what that gives; one that is not there any more ends.
  void TakeRules(const std::vector<HubRules>& rules);
  /// Ends the thread behind the derivation that is at work.
  void Stop();

  /// A mirror changed: what it is a member of is derived, by and by.
  void NoteCompleted(const std::string& context_id);

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
  void DeriveOne(Hub& hub);

  Tenants& tenants_;
  StorageDirectory& storages_;
  Events& events_;
  const std::string folder_;

  Mutex mutex_;
  std::vector<std::shared_ptr<Hub>> hubs_ MIRROR_GUARDED_BY(mutex_);
  CondVar wake_, derived_;
  bool started_ MIRROR_GUARDED_BY(mutex_) = false, stop_ MIRROR_GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<Hub>> due_ MIRROR_GUARDED_BY(mutex_);
  std::set<std::shared_ptr<Hub>> at_work_ MIRROR_GUARDED_BY(mutex_);
  std::map<std::string, Report> reports_ MIRROR_GUARDED_BY(mutex_);  ///< By folded context id.
  std::thread thread_;  ///< Made under the lock, once; joined behind `stop_`, when nobody makes it any more.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUBS_H_
