#ifndef MIRROR_CERTS_API_KEY_H_
#define MIRROR_CERTS_API_KEY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/enum_words.h"

// Keys of the HTTP door. A key is a random text that its holder sends as X-API-KEY. The endpoint stores the
// key's name, role, storages and SHA-256 in `<folder>/<name>.toml`. Removing this file revokes the key.

namespace mirror {

/// Role of a key's holder; each includes the rights of the roles before it.
enum class ApiRole : std::uint8_t { kReader = 1, kWriter = 2, kOwner = 3 };
/// Returns the words for roles, "reader", "writer" and "owner", for files, messages and answers.
const EnumWords<ApiRole>& ApiRoleWords();
std::string ToString(ApiRole role);

struct ApiKey {
  std::string name;  ///< Name of the file, without ".toml"; used in audit records.
  ApiRole role = ApiRole::kReader;
  std::vector<std::string> storages;  ///< Patterns for the ids of storages; '*' matches any characters.
  std::string sha256;                 ///< 64 hexadecimal digits.
  std::string issued;                 ///< Day of issue, such as "2026-11-26".

  /// Returns true if the key is valid for this storage. Ids are compared without ASCII case.
  bool IsFor(std::string_view storage) const;
};

inline constexpr std::size_t kApiKeysMax = 10'000;

/// Checks for 1 to 64 letters, digits, '_' and '-'. Errors: kInvalidArgument.
absl::Status CheckApiKeyName(std::string_view name);

/// Makes a key and its file with mode 0600, and the folder if it is missing. Returns the key itself, which is
/// not stored. `as`: a file of the server. If root calls this, the owner of that file becomes the owner of
/// the new files and of a folder that only root can read, so that the server can read them. Empty: the owner
/// is not changed. Errors: kInvalidArgument: the name is invalid, or there is no valid pattern;
/// kAlreadyExists: the name is in use; kUnavailable: the file system.
absl::StatusOr<std::string> IssueApiKey(const std::string& folder, const ApiKey& key,
                                        const std::string& as = "");
/// Removes the file of a key. Errors: kNotFound: there is no such key; kUnavailable: the file system.
absl::Status RevokeApiKey(const std::string& folder, const std::string& name);

struct FoundApiKeys {
  std::vector<ApiKey> keys;           ///< Sorted by name.
  std::vector<std::string> left_out;  ///< Files that are not keys, each with its path and the reason.
};
/// Reads the keys of a folder; a missing folder has none. Errors: kUnavailable; kResourceExhausted over
/// kApiKeysMax.
absl::StatusOr<FoundApiKeys> ReadApiKeys(const std::string& folder);
/// Returns a text of file names, sizes and times of change. If it is unchanged, ReadApiKeys() would return
/// the same keys. Errors: as ReadApiKeys().
absl::StatusOr<std::string> ApiKeysMark(const std::string& folder);

/// Finds the key that equals `sent`. The time that this takes reveals nothing about other keys. Null: there
/// is none.
const ApiKey* FindApiKey(const std::vector<ApiKey>& keys, std::string_view sent);

}  // namespace mirror

#endif  // MIRROR_CERTS_API_KEY_H_
