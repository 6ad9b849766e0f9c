#ifndef MIRROR_SERVER_HTTP_ERASURE_H_
#define MIRROR_SERVER_HTTP_ERASURE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"

namespace mirror {

/// Makes deleted data of sources of records leave the files in time. It checks all of them at the
/// start and now and then, since another server or a restored backup may have left something, and
/// those that Note() names. Threads: any; it has one of its own.
class Erasure {
 public:
  static constexpr std::chrono::milliseconds kLookInterval = std::chrono::minutes(1);

  /// `tenants` and `events` must outlive it. It rewrites a file when three quarters of `within` are over.
  Erasure(Tenants& tenants, std::chrono::milliseconds within, Events& events,
          std::chrono::milliseconds look_interval = kLookInterval)
      : tenants_(tenants), within_(within), events_(events), look_interval_(look_interval) {}
  ~Erasure() { Stop(); }
  Erasure(const Erasure&) = delete;
  Erasure& operator=(const Erasure&) = delete;

  void Start();
  void Stop();
  /// Notes that something was deleted from this tenant.
  void Note(const std::string& context_id);
  /// Does the same; `now`: the data must leave the files before this returns. Returns when it had,
  /// unix milliseconds; absent: each check tries it again.
  std::optional<std::int64_t> EraseOrNote(const std::string& context_id, Tenant& tenant, bool now);

  /// Deleted data that is still in files.
  struct Left {
    std::size_t tenants = 0;
    std::optional<std::int64_t> oldest_ms;  ///< Since when the oldest waits, unix milliseconds.
  };
  Left FindLeft();

 private:
  void Work();
  struct Waiting {
    std::optional<std::int64_t> since_ms;  ///< Absent: nothing to erase is known.
    std::uint64_t notes = 0;               ///< How often it was noted.
    bool is_wanted_now = false;
  };
  void FindAll();
  /// Checks all waiting tenants. False: it must stop.
  bool LookAtAll();
  /// Returns whether nothing of it has to be erased any more. It may throw for want of memory.
  bool Look(const std::string& context_id, bool is_wanted_now);
  /// Calls the tenant's EraseDeleted(), and reports its failure.
  absl::Status Erase(const std::string& context_id, Tenant& tenant);
  bool MayTry(const std::string& context_id);
  void NoteFailed(const std::string& context_id, const absl::Status& failure,
                  std::chrono::steady_clock::duration took);
  /// Called when nothing of it is left: the next failure is reported again.
  void ForgetTold(const std::string& context_id);
  void SetSince(const std::string& context_id, std::int64_t since_ms);

  Tenants& tenants_;
  const std::chrono::milliseconds within_;
  Events& events_;
  const std::chrono::milliseconds look_interval_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Waiting> waiting_ MIRROR_GUARDED_BY(mutex_);
  bool is_stopping_ MIRROR_GUARDED_BY(mutex_) = false;
  /// Tenants whose failure was reported, and when a request may try it again: the attempt makes the
  /// mirror's writers wait, and its obstacle may stay for long.
  std::map<std::string, std::chrono::steady_clock::time_point> told_ MIRROR_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_ERASURE_H_
