#ifndef MIRROR_SERVER_JOBS_FLEET_H_
#define MIRROR_SERVER_JOBS_FLEET_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "server/jobs/job_servers.h"
#include "server/store/postgres/place/control.h"
#include "server/store/postgres/place/duties.h"
#include "server/store/postgres/place/job_rows.h"
#include "server/store/postgres/place/server_rows.h"
#include "server/watch/events.h"

namespace mirror {

/// A clock that differs from the control database's by more than this is reported.
inline constexpr std::int64_t kClockAheadMaxMs = 30'000;
/// A server stops to use a duty this long before other servers may take it, milliseconds. So no two servers
/// have it at once.
inline constexpr std::int64_t kDutyMarginMs = 5'000;

struct FleetOptions {
  std::string host;
  std::string address, admin_address;
  std::string rules;  ///< See ServerRow; so is hash_key.
  std::string hash_key;
  std::vector<std::string> places;
  bool has_hubs = false;
  std::chrono::milliseconds beat{5'000};
  std::chrono::milliseconds look{1'000};  ///< Time between checks for waiting hooks.
  std::int64_t (*now_ms)() = &NowMs;      ///< Another clock in tests.
  /// Called with the control database's time at each beat: shared mirrors' times are by that clock.
  void (*set_clock)(std::int64_t theirs_ms) = [](std::int64_t) {};
};

/// Work that begins and ends with the duty to deliver to hooks. The fleet's thread makes the calls.
struct HookDuty {
  std::function<void()> begin;  ///< Checks all mirrors. Null: there are no hooks.
  std::function<void()> end;
  std::function<void(const std::string& context_id)> wake;
  std::function<void()> wake_events;
};

/// This server among the servers that share its control database. Reports that this server runs, takes
/// duties, and reports clocks and configurations that differ. While that database is down, the server
/// continues to serve, but does nothing that needs a duty. Threads: any; it has one of its own, fleet.watch.
class Fleet {
 public:
  /// `events` must outlive it.
  Fleet(std::shared_ptr<PostgresControl> control, FleetOptions options, Events& events);
  ~Fleet();

  /// Called before the first mirror is opened: asks for the control database's time. Errors: kUnavailable.
  absl::Status SetClock();
  /// Says that this server has uploads and import jobs, see UploadServer. Called before Start().
  void HasUploads(std::string name, std::string url);
  /// The objects that `hooks` uses must exist until Stop() returns.
  void Start(HookDuty hooks);
  /// Ends the thread, and gives up the duties so that others may take them at once. May be called twice.
  void Stop();

  /// Returns whether this server has the duty now.
  bool Holds(Duty duty) const;
  /// Returns for how long the control database has answered every time. A server that lost the database at
  /// the same time as this one has reported again, when this time is longer than a server may be silent.
  std::chrono::milliseconds HeardFor() const;
  /// Returns how many servers run, this one included. Absent: the control database did not answer last time.
  std::optional<std::size_t> Running() const;
  /// Replaces FleetOptions::rules after a reload; the other servers see it soon.
  void SetRules(const std::string& rules);
  /// Notes that a notification for hooks was committed, and passes it to the delivering server. Does not
  /// block.
  void HookWaits(const std::string& context_id);

  /// Returns whether this server may agree with sources on tables. Errors: kUnavailable while a server that
  /// started later has other column rules. Otherwise a source that calls both servers would populate its
  /// tables again and again.
  absl::Status MayAgree() const;
  /// Returns why a load balancer should send no calls to this server now; empty: it may send them.
  std::string WhyNotReady() const;
  /// Checks the key for hashes. Called before Start(). Errors: kFailedPrecondition: another server hashes
  /// columns with another key.
  absl::Status CheckHashKey() const;

  /// Returns all servers. Errors: kUnavailable.
  absl::StatusOr<std::vector<ListedServer>> Servers() const;

 private:
  void Look();
  absl::Status SayHere();
  absl::Status KeepHooks();
  void EndHooks();
  void Compare(const std::vector<ServerRow>& servers);
  void NoteNewer(const std::vector<ServerRow>& servers, std::int64_t started_ms);
  void NoteRunning(std::optional<std::size_t> running);
  void NoteHeard(bool is_heard);
  /// Asks `ask` for the control database's time, and passes it to FleetOptions::set_clock.
  absl::Status TakeClock(const std::function<absl::StatusOr<std::int64_t>()>& ask);
  /// Takes the duties of `wanted` that this server may have. Errors: those of TakeDuties().
  absl::StatusOr<std::set<Duty>> TakeOwnDuties(const std::set<Duty>& wanted);
  void TellClock(std::int64_t ahead_ms);
  void TellControl(const absl::Status& status);

  const std::shared_ptr<PostgresControl> control_;
  const FleetOptions options_;
  Events& events_;

  // Used by the thread; after Stop() by its caller.

  ServerRow self_;
  UploadServer uploads_;  ///< Without a name: this server has none.
  HookDuty hooks_;
  bool delivering_ = false;
  std::int64_t last_event_ = 0;
  std::chrono::steady_clock::time_point beat_at_;
  bool control_lost_ = false;
  bool is_clock_set_ = false;
  bool others_are_right_ = false;  ///< Another server runs, and its clock is right.
  std::set<std::string> told_;     ///< Servers with a reported difference.

  mutable Mutex mutex_;
  std::string rules_ MIRROR_GUARDED_BY(mutex_);  ///< For self_ at the next beat.
  std::set<Duty> held_ MIRROR_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point renewed_ MIRROR_GUARDED_BY(mutex_);
  /// Since when each beat was answered; absent: the last one was not answered.
  std::optional<std::chrono::steady_clock::time_point> heard_since_ MIRROR_GUARDED_BY(mutex_);
  std::set<std::string> waiting_ MIRROR_GUARDED_BY(mutex_);  ///< Context ids from HookWaits().
  std::string newer_ MIRROR_GUARDED_BY(mutex_);              ///< Why MayAgree() refuses.
  std::string clock_ MIRROR_GUARDED_BY(mutex_);              ///< The clock's fault.
  std::optional<std::size_t> running_ MIRROR_GUARDED_BY(mutex_);
  std::jthread watch_;
};

/// Checks the same for a server that does not run yet. Uses host, address and key of `self`.
absl::Status CheckHashKey(PostgresControl& control, const FleetOptions& self);
/// Returns the differences that `server.rules` will report for such a server, as texts for people. They do
/// not prevent a start. Uses host, address and rules of `self`. Errors: kUnavailable.
absl::StatusOr<std::vector<std::string>> FindOtherRules(PostgresControl& control, const FleetOptions& self);

/// The servers of a fleet, for import jobs. Threads: any.
class FleetJobs final : public JobServers {
 public:
  /// `fleet` must outlive it. `name`: the name of this server's folder of uploads.
  FleetJobs(std::shared_ptr<PostgresControl> control, Fleet& fleet, std::string name);

  /// Called once, before the fleet starts. `url`: the beginning of calls to this server.
  void Begin(const std::string& url);

  const std::string& here() const override { return name_; }
  absl::StatusOr<std::optional<Server>> Find(const std::string& name) override;
  absl::Status List(const std::string& job) override;
  absl::Status Unlist(const std::string& job) override;
  absl::Status ListOnly(const std::vector<std::string>& jobs) override;
  absl::StatusOr<std::vector<std::string>> FindListed() override;
  absl::StatusOr<std::vector<std::string>> FindOrphans(std::chrono::milliseconds lease) override;

 private:
  UploadServer self() const;

  const std::shared_ptr<PostgresControl> control_;
  Fleet& fleet_;
  const std::string name_;
  mutable Mutex mutex_;
  std::string url_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_FLEET_H_
