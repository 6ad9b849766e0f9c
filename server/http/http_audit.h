#ifndef MIRROR_SERVER_HTTP_HTTP_AUDIT_H_
#define MIRROR_SERVER_HTTP_HTTP_AUDIT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "server/http/http_call.h"
#include "server/records/import_job.h"
#include "server/records/record_request.h"

namespace mirror {

/// What keys did, for the audit log: names and numbers, never values. Writing each upsert down by itself
/// would cost more than the upsert: those of one key and data source are summed up until Flush(). What
/// removes rows is written at once. Threads: any.
class HttpAudit {
 public:
  /// Takes a record: who, what, how it ended.
  using Write =
      std::function<void(const std::string& who, const std::string& what, const absl::Status& outcome)>;
  explicit HttpAudit(Write write) : write_(std::move(write)) {}

  void Add(const HttpCall& call, const std::string& what, const absl::Status& outcome);
  void AddUpsert(const HttpCall& call, const std::string& tenant, const RecordOutcome& outcome);
  void AddDelete(const HttpCall& call, const std::string& tenant, const RecordOutcome& outcome);
  /// What the rows of an import job that is over became.
  void AddEnd(const ImportJob& job);
  /// Writes the sums.
  void Flush();

 private:
  struct Sum {
    std::uint64_t calls = 0, refused = 0, inserts = 0, updates = 0, failed = 0;
  };

  const Write write_;
  Mutex mutex_;
  /// By who, then what.
  std::map<std::pair<std::string, std::string>, Sum> sums_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_AUDIT_H_
