#ifndef MIRROR_SERVER_HTTP_HTTP_AUDIT_H_
#define MIRROR_SERVER_HTTP_HTTP_AUDIT_H_

#include <compare>
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

/// Records for the audit log what keys did: names and numbers, never values. A record of each upsert
/// would cost more than the upsert: those of one key and data source are summed up until Flush(). Calls
/// that remove rows are written at once. Threads: any.
class HttpAudit {
 public:
  /// Takes a record: the caller, the call, the outcome.
  using Write =
      std::function<void(const std::string& who, const std::string& what, const absl::Status& outcome)>;
  /// `look`: takes records of callers that were refused before any work, also summed up, for another list.
  HttpAudit(Write write, Write look) : write_(std::move(write)), look_(std::move(look)) {}

  void Add(const HttpCall& call, const std::string& what, const absl::Status& outcome);
  void AddUpsert(const HttpCall& call, const std::string& tenant, const RecordOutcome& outcome);
  void AddDelete(const HttpCall& call, const std::string& tenant, const RecordOutcome& outcome);
  /// Records an upload by a link, for the key that asked for the link; the sender shows only the link.
  void AddUpload(const std::string& key, const absl::Status& outcome);
  /// Records the outcome of the rows of an ended import job.
  void AddEnd(const ImportJob& job);
  /// Records a request without a known key (`key` null), or whose key lacks the role for this call.
  void AddRefused(const HttpHead& head, const ApiKey* key, std::string_view call, const absl::Status& why);
  /// Writes the sums.
  void Flush();

 private:
  struct Sum {
    std::uint64_t calls = 0, inserts = 0, updates = 0, failed = 0;
  };
  struct SumOf {
    std::string who, what;
    absl::StatusCode outcome = absl::StatusCode::kOk;
    friend auto operator<=>(const SumOf&, const SumOf&) = default;
  };

  const Write write_, look_;
  Mutex mutex_;
  std::map<SumOf, Sum> sums_ MIRROR_GUARDED_BY(mutex_);
  std::map<SumOf, std::uint64_t> refusals_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_AUDIT_H_
