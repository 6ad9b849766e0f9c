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

// Keys of the HTTP door. A key is a random text that its holder sends as X-API-KEY; the endpoint stores its
// purpose and its SHA-256, in `<folder>/<name>.toml`. Removing the file revokes the key.

namespace mirror {

/// Role of a key's holder; each includes the rights of the roles before it.
enum class ApiRole : std::uint8_t { kReader = 1, kWriter = 2, kOwner = 3 };
/// Returns "reader", "writer", "owner": for files, messages and answers.
const EnumWords<ApiRole>& ApiRoleWords();
std::string ToString(ApiRole role);

struct ApiKey {
  std::string name;  ///< Name of the file, without ".toml"; used in audit records.
  ApiRole role = ApiRole::kReader;
  std::vector<std::string> storages;  ///< Patterns for their ids; '*' matches any characters.
  std::string sha256;                 ///< 64 hexadecimal digits.
  std::string issued;                 ///< "2026-11-26"

  /// Returns true if the key is valid for this storage. Ids are compared without ASCII case.
  bool IsFor(std::string_view storage) const;
};

inline constexpr std::size_t kApiKeysMax = 10'000;

/// Checks for 1 to 64 letters, digits, '_' and '-'. Errors: kInvalidArgument.
absl::Status CheckApiKeyName(std::string_view name);

/// Makes a key and its file, 0600, and the folder if it is missing. Returns the key itself, which is stored
/// nowhere. `as`: a file whose owner gets the files that root makes here, and a folder closed to all but
/// root: otherwise the server that runs as that user could not read them. Empty: no change of owner. Errors:
/// kInvalidArgument: the name, no pattern or a wrong one; kAlreadyExists: the name is in use; kUnavailable.
absl::StatusOr<std::string> IssueApiKey(const std::string& folder, const ApiKey& key,
                                        const std::string& as = "");
/// Errors: kNotFound; kUnavailable.
absl::Status RevokeApiKey(const std::string& folder, const std::string& name);

struct FoundApiKeys {
  std::vector<ApiKey> keys;           ///< Sorted by name.
  std::vector<std::string> left_out;  ///< Files that are not keys, each by its path and with the reason.
};
/// Reads the keys of a folder; a missing folder has none. Errors: kUnavailable; kResourceExhausted over
/// kApiKeysMax.
absl::StatusOr<FoundApiKeys> ReadApiKeys(const std::string& folder);
/// Returns a text that changes if ReadApiKeys() would find something else: file names, sizes, and times of
/// change. Errors: as ReadApiKeys().
absl::StatusOr<std::string> ApiKeysMark(const std::string& folder);

/// Finds the key equal to `sent`, in a time that reveals nothing about the others. Null: there is none.
const ApiKey* FindApiKey(const std::vector<ApiKey>& keys, std::string_view sent);

}  // namespace mirror

#endif  // MIRROR_CERTS_API_KEY_H_
