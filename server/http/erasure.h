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

/// Has what was deleted from sources of records leave their files in time: looks at all of them when it
/// starts and now and then, since another server or a restored backup may have left something, and at those
/// that it is told of. Threads: any; it has one of its own.
class Erasure {
 public:
  static constexpr std::chrono::milliseconds kLookInterval = std::chrono::minutes(1);

  /// `tenants` and `events` outlive it. A file is rewritten when three quarters of `within` are over.
  Erasure(Tenants& tenants, std::chrono::milliseconds within, Events& events,
          std::chrono::milliseconds look_interval = kLookInterval)
      : tenants_(tenants), within_(within), events_(events), look_interval_(look_interval) {}
  ~Erasure() { Stop(); }
  Erasure(const Erasure&) = delete;
  Erasure& operator=(const Erasure&) = delete;

  void Start();
  void Stop();
  /// Something was deleted from this tenant.
  void Note(const std::string& context_id);
  /// The same; `now`: it is to leave the files before this returns. Gives when it had, unix milliseconds;
  /// absent: that is tried again at each look.
  std::optional<std::int64_t> EraseOrNote(const std::string& context_id, Tenant& tenant, bool now);

  /// What is deleted, and still stands in files.
  struct Left {
    std::size_t tenants = 0;
    std::optional<std::int64_t> oldest_ms;  ///< Since when, unix milliseconds.
  };
  Left FindLeft();

 private:
  void Work();
  struct Waiting {
    std::optional<std::int64_t> since_ms;  ///< Absent: not known to have anything.
    std::uint64_t notes = 0;               ///< How often it was told of.
    bool is_wanted_now = false;
  };
  void FindAll();
  /// Looks at all that wait. False: it is to stop.
  bool LookAtAll();
  /// Whether nothing of it is to be erased any more. It may throw for want of memory.
  bool Look(const std::string& context_id, bool is_wanted_now);
  /// EraseDeleted() of the tenant, and what is to be told of its failure.
  absl::Status Erase(const std::string& context_id, Tenant& tenant);
  bool MayTry(const std::string& context_id);
  void NoteFailed(const std::string& context_id, const absl::Status& failure,
                  std::chrono::steady_clock::duration took);
  /// Nothing of it is left: if that fails again, it is told again.
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
  /// Of which it was told that it does not work, and from when on that is tried again for whoever asks: the
  /// attempt keeps the mirror's writers waiting, and what was in its way may stay for long.
  std::map<std::string, std::chrono::steady_clock::time_point> told_ MIRROR_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_ERASURE_H_
