#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_SPOOL_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_SPOOL_H_

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// Rows of a statement in a temporary file without a name: first all are put in, then they come out in that
/// order. Threads: one.
class MariadbSpool {
 public:
  /// Errors: kUnavailable: there is no room, or no such file can be made.
  static absl::StatusOr<MariadbSpool> Make();

  /// A field without data is NULL.
  absl::Status Add(const std::vector<std::string_view>& fields);
  /// False: that were all.
  absl::StatusOr<bool> Step();
  const std::vector<std::string_view>& fields() const { return fields_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  explicit MariadbSpool(std::FILE* file) : file_(file) {}

  std::unique_ptr<std::FILE, CloseFile> file_;
  bool is_read_ = false;
  std::string row_;
  std::vector<std::string_view> fields_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_SPOOL_H_
