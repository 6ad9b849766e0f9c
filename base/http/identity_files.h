#ifndef MIRROR_BASE_HTTP_IDENTITY_FILES_H_
#define MIRROR_BASE_HTTP_IDENTITY_FILES_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/http/listener.h"

namespace mirror {

/// The two PEM files of a listener's identity. They may be replaced while the listener runs. Threads: one at
/// a time.
class HttpIdentityFiles {
 public:
  HttpIdentityFiles(std::string certificate, std::string key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}

  /// Reads both files. Errors: those of ReadKeyFile().
  absl::StatusOr<HttpIdentity> Read();
  /// Returns true if one of the files appeared, disappeared or changed since Read().
  bool IsStale() const;

 private:
  std::string Mark() const;

  const std::string certificate_, key_;
  std::string mark_;  ///< State of the files when they were read.
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_IDENTITY_FILES_H_
