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
#include "server/jobs/listed_server.h"
#include "server/store/postgres/place/control.h"
#include "server/store/postgres/place/duties.h"
#include "server/store/postgres/place/job_rows.h"
#include "server/store/postgres/place/server_rows.h"
#include "server/watch/events.h"

namespace mirror {

/// A clock that is further than this from the control database's is told of.
inline constexpr std::int64_t kClockAheadMaxMs = 30'000;
/// A duty counts as lost here so long before others may take it: nobody begins then what another one begins.
inline constexpr std::int64_t kDutyMarginMs = 5'000;

struct FleetOptions {
  std::string host;
  std::string address, admin_address;
  std::string rules;  ///< See ServerRow, as the next one.
  std::string hash_key;
  std::vector<std::string> places;
  bool has_hubs = false;
  std::chrono::milliseconds beat{5'000};
  std::chrono::milliseconds look{1'000};  ///< How often it is looked which hooks wait.
  std::int64_t (*now_ms)() = &NowMs;      ///< Another clock in tests.
  /// Told the control database's time with each beat: the times of shared mirrors are by that clock.
  void (*set_clock)(std::int64_t theirs_ms) = [](std::int64_t) {};
};

/// What begins and ends with the duty to deliver to hooks; the calls come from the fleet's thread.
struct HookDuty {
  std::function<void()> begin;  ///< Looks into all mirrors. Null: there are no hooks.
  std::function<void()> end;
  std::function<void(const std::string& context_id)> wake;
  std::function<void()> wake_events;
};

/// This server among those that share its control database: says that it is there, takes duties, and tells
/// of clocks and configurations that are not alike. While that database is down the server goes on serving,
/// and nothing is done that a duty is needed for.
/// Threads: any; one of its own, fleet.watch.
class Fleet {
 public:
  /// `events` outlives it.
  Fleet(std::shared_ptr<PostgresControl> control, FleetOptions options, Events& events);
  ~Fleet();

  /// Before the first mirror is opened: asks for the control database's time. Errors: kUnavailable.
  absl::Status SetClock();
  /// Before Start(): this server has uploads and import jobs. See UploadServer.
  void HasUploads(std::string name, std::string url);
  /// What `hooks` refers to outlives Stop().
  void Start(HookDuty hooks);
  /// Ends the thread; others may take the duties at once. Once more is harmless.
  void Stop();

  /// Whether this server alone is to do it now.
  bool Holds(Duty duty) const;
  /// How long the control database has been answering without a break: those that were kept from it as this
  /// one was have been heard of again once that is longer than a server may be silent.
  std::chrono::milliseconds HeardFor() const;
  /// How many servers run, this one included. Absent: the control database did not answer the last time.
  std::optional<std::size_t> Running() const;
  /// A reload changed what FleetOptions::rules said; the others hear of it soon.
  void SetRules(const std::string& rules);
  /// A notification for hooks was committed: whoever delivers hears of it. Takes no time.
  void HookWaits(const std::string& context_id);

  /// Whether this server may agree with sources on tables. kUnavailable while one that started later sets
  /// columns by other rules: the tables of a source that comes to both would be populated again and again.
  absl::Status MayAgree() const;
  /// Why a balancer should send nobody here now; empty: it may.
  std::string WhyNotReady() const;
  /// Before Start(): kFailedPrecondition where another server hashes columns with another key.
  absl::Status CheckHashKey() const;

  /// All servers. Errors: kUnavailable.
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
  /// Asks `ask` for the control database's time, and takes it over.
  absl::Status TakeClock(const std::function<absl::StatusOr<std::int64_t>()>& ask);
  /// Takes those of `wanted` that this server may have. Errors: those of TakeDuties().
  absl::StatusOr<std::set<Duty>> TakeOwnDuties(const std::set<Duty>& wanted);
  void TellClock(std::int64_t ahead_ms);
  void TellControl(const absl::Status& status);

  const std::shared_ptr<PostgresControl> control_;
  const FleetOptions options_;
  Events& events_;

  // Of the thread; after Stop() of who called that.

  ServerRow self_;
  UploadServer uploads_;  ///< Without a name: this server has none.
  HookDuty hooks_;
  bool delivering_ = false;
  std::int64_t last_event_ = 0;
  std::chrono::steady_clock::time_point beat_at_;
  bool control_lost_ = false;
  bool is_clock_set_ = false;
  bool others_are_right_ = false;  ///< Another server runs, and its clock is right.
  std::set<std::string> told_;     ///< Which servers are configured otherwise.

  mutable Mutex mutex_;
  std::string rules_ MIRROR_GUARDED_BY(mutex_);  ///< What self_ gets with the next beat.
  std::set<Duty> held_ MIRROR_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point renewed_ MIRROR_GUARDED_BY(mutex_);
  /// Since when each beat was answered; absent: the last one was not.
  std::optional<std::chrono::steady_clock::time_point> heard_since_ MIRROR_GUARDED_BY(mutex_);
  std::set<std::string> waiting_ MIRROR_GUARDED_BY(mutex_);  ///< Context ids: HookWaits().
  std::string newer_ MIRROR_GUARDED_BY(mutex_);              ///< Why MayAgree() says no.
  std::string clock_ MIRROR_GUARDED_BY(mutex_);              ///< How it is wrong.
  std::optional<std::size_t> running_ MIRROR_GUARDED_BY(mutex_);
  std::jthread watch_;
};

/// The same of a server that does not run yet: of `self` the host, the address and the key count.
absl::Status CheckHashKey(PostgresControl& control, const FleetOptions& self);
/// What `server.rules` is going to tell of such a server, for people: it keeps nobody from starting. Of
/// `self` the host, the address and the rules count. Errors: kUnavailable.
absl::StatusOr<std::vector<std::string>> FindOtherRules(PostgresControl& control, const FleetOptions& self);

/// The servers of a fleet, as import jobs see them. Threads: any.
class FleetJobs final : public JobServers {
 public:
  /// `fleet` outlives it. `name`: of this server's folder of uploads.
  FleetJobs(std::shared_ptr<PostgresControl> control, Fleet& fleet, std::string name);

  /// Once: what this server's calls begin with. Before the fleet starts.
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
