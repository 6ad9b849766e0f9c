#ifndef MIRROR_SERVER_HTTP_API_KEYS_H_
#define MIRROR_SERVER_HTTP_API_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "certs/api_key.h"

namespace mirror {

/// The keys that are let in, and how many requests each has under way. Threads: any.
class ApiKeys {
 public:
  ApiKeys(std::string folder, std::size_t requests_per_key)
      : folder_(std::move(folder)), requests_per_key_(requests_per_key) {}

  /// Reads the folder; after an error the former keys stay. Gives what was left out, in sentences.
  absl::StatusOr<std::vector<std::string>> Load();
  /// Whether a key came, went or was changed since Load() was well, or cannot be looked at.
  bool IsStale();
  /// The keys as they are seen from outside.
  struct Seen {
    std::vector<ApiKey> keys;                     ///< By name.
    std::map<std::string, std::int64_t> used_ms;  ///< When each that was used last got its place, by name.
    /// As Load() gave them; and why it could not, where it did not the last time.
    std::vector<std::string> left_out;
  };
  Seen See();
  /// Null: there is no such key.
  std::shared_ptr<const ApiKey> Find(std::string_view sent);
  /// A place for one request, until it is let go of. Null: the key has too many.
  std::shared_ptr<void> TakePlace(const std::string& name, std::int64_t now_ms);

 private:
  absl::StatusOr<std::vector<std::string>> Read();

  const std::string folder_;
  const std::size_t requests_per_key_;
  Mutex mutex_;
  std::shared_ptr<const std::vector<ApiKey>> keys_ MIRROR_GUARDED_BY(mutex_) =
      std::make_shared<std::vector<ApiKey>>();
  std::string mark_ MIRROR_GUARDED_BY(mutex_);  ///< See ApiKeysMark(): of the folder, when it was read.
  std::vector<std::string> left_out_ MIRROR_GUARDED_BY(mutex_);
  std::string failure_ MIRROR_GUARDED_BY(mutex_);  ///< Why the folder could not be read; empty: it could.
  std::map<std::string, std::size_t> under_way_ MIRROR_GUARDED_BY(mutex_);
  std::map<std::string, std::int64_t> used_ms_ MIRROR_GUARDED_BY(mutex_);  ///< Of keys that are there.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_API_KEYS_H_
