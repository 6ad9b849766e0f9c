#ifndef MIRROR_TOOLS_MIRRORCTL_WEB_LIVE_FEED_H_
#define MIRROR_TOOLS_MIRRORCTL_WEB_LIVE_FEED_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/http/message.h"
#include "base/interruption.h"
#include "base/mutex.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/control_config.h"

namespace mirror {

/// Tabs that are shown at once; each holds one of the listener's threads.
inline constexpr int kLiveTabsMax = 32;
/// Events that a tab gets at its beginning.
inline constexpr std::size_t kLiveEvents = 500;
/// Tenants in one line of a stream.
inline constexpr std::size_t kTenantsPerLine = 500;

/// One WatchTenants and one WatchEvents for all tabs: what they gave is kept here once, as the lines that are
/// sent, and each tab remembers how far it has read. A server that goes away is asked again until it is back;
/// the tabs are told. Threads: any; two of its own.
class LiveFeed {
 public:
  /// `interruption` outlives it and ends it. Nothing is asked before Start().
  LiveFeed(ControlConfig config, const Interruption& interruption)
      : config_(std::move(config)), interruption_(interruption) {}
  /// Waits for `interruption`, once it was started.
  ~LiveFeed();
  LiveFeed(const LiveFeed&) = delete;
  LiveFeed& operator=(const LiveFeed&) = delete;

  void Start();
  /// All streams end with what they are at.
  void EndStreams() MIRROR_EXCLUDES(mutex_);

  /// Lines of JSON, from all that is known to what comes: {"tenants", "gone", "events", "complete",
  /// "watching", "why"}; one at least every 2 s. Null: there are kLiveTabsMax already.
  std::unique_ptr<HttpBodySource> Open();

 private:
  class Tab;
  struct Line {
    std::string json;
    std::uint64_t version = 0;  ///< No two have the same.
    std::uint64_t round = 0;    ///< The watch that told it.
  };
  /// How far a tab has read.
  struct Place {
    std::uint64_t version = 0, event_id = 0, told = 0;
    bool begun = false;
  };
  void WatchTenants();
  void WatchEvents();
  /// Again and again until the end; `watch` gives why it ended.
  void KeepUp(std::string* why, const std::function<absl::Status(AdminClient&)>& watch);
  /// The server answers again.
  void SetWell(std::string* why) MIRROR_EXCLUDES(mutex_);
  void Note(const v1::TenantsNews& news, std::uint64_t round) MIRROR_EXCLUDES(mutex_);
  void Note(const v1::Event& event) MIRROR_EXCLUDES(mutex_);
  void Remove(const std::string& context_id) MIRROR_REQUIRES(mutex_);
  bool IsNews(const Place& place) const MIRROR_REQUIRES(mutex_);
  /// Errors: kAborted: the tab fell so far behind that it has to begin anew; kCancelled: the end.
  absl::StatusOr<std::string> Next(Place* place) MIRROR_EXCLUDES(mutex_);
  std::string Tell(Place* place) const MIRROR_REQUIRES(mutex_);

  const ControlConfig config_;
  const Interruption& interruption_;
  std::atomic<int> tabs_{0};
  Mutex mutex_;
  CondVar changed_;
  bool ending_ MIRROR_GUARDED_BY(mutex_) = false;
  std::uint64_t version_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< The highest that was given out.
  std::map<std::string, Line> tenants_ MIRROR_GUARDED_BY(mutex_);
  bool complete_ MIRROR_GUARDED_BY(mutex_) = false;  ///< All tenants have been told once.
  /// Tenants that went, with their version, the last ones.
  std::deque<std::pair<std::uint64_t, std::string>> gone_ MIRROR_GUARDED_BY(mutex_);
  std::uint64_t forgotten_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Of the last that is not in `gone_` any more.
  std::deque<std::pair<std::uint64_t, std::string>> events_ MIRROR_GUARDED_BY(mutex_);  ///< By id.
  std::string tenants_why_ MIRROR_GUARDED_BY(mutex_), events_why_ MIRROR_GUARDED_BY(mutex_);
  std::uint64_t told_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Grows when one of the two changes.
  std::thread tenants_thread_, events_thread_;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_WEB_LIVE_FEED_H_
