#ifndef MIRROR_SERVER_HTTP_ERASURE_H_
#define MIRROR_SERVER_HTTP_ERASURE_H_

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"

namespace mirror {

/// Has what was deleted from sources of records leave their files in time: looks at all of them when it
/// starts, and then at those that it is told of. Threads: any; it has one of its own.
class Erasure {
 public:
  /// `tenants` and `events` outlive it. A file is rewritten when three quarters of `within` are over.
  Erasure(Tenants& tenants, std::chrono::milliseconds within, Events& events)
      : tenants_(tenants), within_(within), events_(events) {}
  ~Erasure() { Stop(); }
  Erasure(const Erasure&) = delete;
  Erasure& operator=(const Erasure&) = delete;

  void Start();
  void Stop();
  /// Something was deleted from this tenant.
  void Note(const std::string& context_id);

 private:
  void Work();
  void FindAll();
  /// Whether nothing of it is to be erased any more.
  bool Look(const std::string& context_id);

  Tenants& tenants_;
  const std::chrono::milliseconds within_;
  Events& events_;
  Mutex mutex_;
  CondVar changed_;
  std::set<std::string> waiting_ MIRROR_GUARDED_BY(mutex_);
  bool is_stopping_ MIRROR_GUARDED_BY(mutex_) = false;
  std::set<std::string> told_;  ///< Of which it was told that it does not work; the thread's.
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_ERASURE_H_
