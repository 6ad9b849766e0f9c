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

/// Greatest number of open tabs. Each occupies one of the listener's threads.
inline constexpr int kLiveTabsMax = 32;
/// Number of events that a new tab receives first.
inline constexpr std::size_t kLiveEvents = 500;
/// Greatest number of tenants in one line of a stream.
inline constexpr std::size_t kTenantsPerLine = 500;

/// Runs one WatchTenants and one WatchEvents for all tabs. It keeps the results once, as the lines to send;
/// each tab has a position in them. If the server stops answering, it calls the server again until it
/// answers, and reports this to the tabs. Threads: any. It has two of its own.
class LiveFeed {
 public:
  /// `interruption` ends the feed and must outlive it. No call is made before Start().
  LiveFeed(ControlConfig config, const Interruption& interruption)
      : config_(std::move(config)), interruption_(interruption) {}
  /// Ends all streams. After Start(), it also waits for `interruption`.
  ~LiveFeed();
  LiveFeed(const LiveFeed&) = delete;
  LiveFeed& operator=(const LiveFeed&) = delete;

  void Start();
  /// Ends all streams after the line they are sending.
  void EndStreams() MIRROR_EXCLUDES(mutex_);

  /// Returns a stream of JSON lines for a new tab, beginning with the current state: {"tenants", "gone",
  /// "events", "complete", "watching", "why"}; at least one every 2 s. Null: kLiveTabsMax tabs are open.
  std::unique_ptr<HttpBodySource> Open();

 private:
  class Tab;
  struct Line {
    std::string json;
    std::uint64_t version = 0;  ///< Unique version of this line.
    std::uint64_t round = 0;    ///< Number of the watch that sent it.
  };
  /// The position of a tab in the lines.
  struct Place {
    std::uint64_t version = 0, event_id = 0, told = 0;
    bool begun = false;
  };
  void WatchTenants();
  void WatchEvents();
  /// Calls `watch` again and again until the end. `watch` returns the reason why it ended.
  void KeepUp(std::string* why, const std::function<absl::Status(AdminClient&)>& watch);
  /// Notes that the server answers again.
  void SetWell(std::string* why) MIRROR_EXCLUDES(mutex_);
  void Note(const v1::TenantsNews& news, std::uint64_t round) MIRROR_EXCLUDES(mutex_);
  void Note(const v1::Event& event) MIRROR_EXCLUDES(mutex_);
  void Remove(const std::string& context_id) MIRROR_REQUIRES(mutex_);
  bool IsNews(const Place& place) const MIRROR_REQUIRES(mutex_);
  /// Waits for news and returns the next line for a tab. Errors: kAborted: the tab lacks lines that were
  /// dropped, and has to start again; kCancelled: the streams have ended.
  absl::StatusOr<std::string> Next(Place* place) MIRROR_EXCLUDES(mutex_);
  std::string Tell(Place* place) const MIRROR_REQUIRES(mutex_);

  const ControlConfig config_;
  const Interruption& interruption_;
  std::atomic<int> tabs_{0};
  Mutex mutex_;
  CondVar changed_;
  bool ending_ MIRROR_GUARDED_BY(mutex_) = false;
  std::uint64_t version_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< The highest version that was used.
  std::map<std::string, Line> tenants_ MIRROR_GUARDED_BY(mutex_);
  bool complete_ MIRROR_GUARDED_BY(mutex_) = false;  ///< The server has sent all tenants once.
  /// The tenants that were removed last, each with its version.
  std::deque<std::pair<std::uint64_t, std::string>> gone_ MIRROR_GUARDED_BY(mutex_);
  std::uint64_t forgotten_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Highest version that was dropped from `gone_`.
  std::deque<std::pair<std::uint64_t, std::string>> events_ MIRROR_GUARDED_BY(mutex_);  ///< Events by id.
  std::string tenants_why_ MIRROR_GUARDED_BY(mutex_), events_why_ MIRROR_GUARDED_BY(mutex_);
  std::uint64_t told_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Increased when one of the two changes.
  std::thread tenants_thread_, events_thread_;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_WEB_LIVE_FEED_H_
