#ifndef MIRROR_SERVER_HTTP_API_KEYS_H_
#define MIRROR_SERVER_HTTP_API_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "certs/api_key.h"

namespace mirror {

/// The keys that are admitted, and how many requests each has under way. Threads: any.
class ApiKeys {
 public:
  ApiKeys(std::string folder, std::size_t requests_per_key)
      : folder_(std::move(folder)), requests_per_key_(requests_per_key) {}

  /// Reads the folder; after an error the former keys stay. Returns a sentence for each file left out.
  absl::StatusOr<std::vector<std::string>> Load();
  /// Returns whether a key was added, removed or changed since the last good Load(), or cannot be checked.
  bool IsStale();
  /// The keys as shown to operators.
  struct Seen {
    std::vector<ApiKey> keys;                     ///< By name.
    std::map<std::string, std::int64_t> used_ms;  ///< By name: time of the last request, if there was one.
    /// The result of Load(); also why the last Load() failed, if it did.
    std::vector<std::string> left_out;
  };
  Seen See();
  /// Returns the key that was sent. Null: there is no such key.
  std::shared_ptr<const ApiKey> Find(std::string_view sent);
  /// Takes a place for one request, until the pointer is released. Null: the key has too many.
  std::shared_ptr<void> TakePlace(const std::string& name, std::int64_t now_ms);

 private:
  absl::StatusOr<std::vector<std::string>> Read();

  const std::string folder_;
  const std::size_t requests_per_key_;
  Mutex mutex_;
  std::shared_ptr<const std::vector<ApiKey>> keys_ MIRROR_GUARDED_BY(mutex_) =
      std::make_shared<std::vector<ApiKey>>();
  std::string mark_ MIRROR_GUARDED_BY(mutex_);  ///< ApiKeysMark() of the folder when it was read.
  std::vector<std::string> left_out_ MIRROR_GUARDED_BY(mutex_);
  std::string failure_ MIRROR_GUARDED_BY(mutex_);  ///< Why the folder could not be read; empty: it could.
  std::map<std::string, std::size_t> under_way_ MIRROR_GUARDED_BY(mutex_);
  std::map<std::string, std::int64_t> used_ms_ MIRROR_GUARDED_BY(mutex_);  ///< For existing keys.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_API_KEYS_H_
