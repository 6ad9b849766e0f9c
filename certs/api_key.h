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

// Keys of the HTTP door. A key is a random text that its holder sends as X-API-KEY; the endpoint keeps what
// it is for and its SHA-256, in `<folder>/<name>.toml`. A file that is removed is a key that is revoked.

namespace mirror {

/// What a key's holder may do; each may what those before it may.
enum class ApiRole : std::uint8_t { kReader = 1, kWriter = 2, kOwner = 3 };
/// "reader", "writer", "owner": in files, messages and answers.
const EnumWords<ApiRole>& ApiRoleWords();
std::string ToString(ApiRole role);

struct ApiKey {
  std::string name;  ///< Of the file, without ".toml"; what audit records say.
  ApiRole role = ApiRole::kReader;
  std::vector<std::string> storages;  ///< Patterns of their ids; '*' stands for any characters.
  std::string sha256;                 ///< 64 hexadecimal digits.
  std::string issued;                 ///< "2026-11-26"

  /// Whether it is for this storage. Ids are compared without ASCII case.
  bool IsFor(std::string_view storage) const;
};

inline constexpr std::size_t kApiKeysMax = 10'000;

/// 1 to 64 letters, digits, '_' and '-'. Errors: kInvalidArgument.
absl::Status CheckApiKeyName(std::string_view name);

/// Makes a key and its file, 0600; the folder, too, where it is not there. Gives the key itself, which is
/// kept nowhere. `as`: a file whose owner gets what root makes here, and a folder that is closed to all but
/// root: else the server that runs as that user could not read them. Empty: nobody does. Errors:
/// kInvalidArgument: the name, no pattern or a wrong one; kAlreadyExists: that name is taken; kUnavailable.
absl::StatusOr<std::string> IssueApiKey(const std::string& folder, const ApiKey& key,
                                        const std::string& as = "");
/// Errors: kNotFound; kUnavailable.
absl::Status RevokeApiKey(const std::string& folder, const std::string& name);

struct FoundApiKeys {
  std::vector<ApiKey> keys;           ///< By name.
  std::vector<std::string> left_out;  ///< Files that are none, each by its path and with the reason.
};
/// Those of a folder; one that is not there has none. Errors: kUnavailable; kResourceExhausted over
/// kApiKeysMax.
absl::StatusOr<FoundApiKeys> ReadApiKeys(const std::string& folder);
/// What tells whether ReadApiKeys() would find something else: names of the files, sizes, and when each was
/// changed. Errors: as ReadApiKeys().
absl::StatusOr<std::string> ApiKeysMark(const std::string& folder);

/// The one that `sent` is, found in a time that says nothing about the others. Null: it is none.
const ApiKey* FindApiKey(const std::vector<ApiKey>& keys, std::string_view sent);

}  // namespace mirror

#endif  // MIRROR_CERTS_API_KEY_H_
