#ifndef MIRROR_CERTS_KEY_RING_H_
#define MIRROR_CERTS_KEY_RING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "certs/key.h"

namespace mirror {

/// Keys in one ring; more are refused by Load().
inline constexpr std::size_t kKeysMax = 10'000;

/// One issuer's public certificates of one environment, as `[[issuer]]` in the configuration says.
struct IssuerFolder {
  std::string issuer;       ///< `iss` of its tokens.
  std::string environment;  ///< E.g. "production"; a token's environment is that of its key's folder.
  std::string folder;       ///< Holds `<kid>.crt`, PEM; several are valid at once (rollover).
};

/// What 'mirrorctl keys' prints for one key.
struct KeyInfo {
  std::string issuer, environment, key_id;
  Algorithm algorithm = Algorithm::kEs256;
  std::int64_t not_before = 0, not_after = 0;  ///< Unix seconds.
  std::string thumbprint;                      ///< SHA-256, 64 lower-case hexadecimal digits.
};

/// Whose tokens are believed: all certificates of all issuers, by key id.
///
/// An immutable value, cheap to copy: to re-read the folders, load a new ring and put it in the
/// old one's place. Thread safety: every call, from any thread.
class KeyRing {
 public:
  struct Entry {
    std::string issuer, environment, key_id;
    PublicKey key;
  };

  /// An empty ring believes nobody.
  KeyRing();

  /// Reads every `*.crt` of every folder; hidden files and other names are passed over. A folder
  /// may be empty. An expired certificate is loaded and listed, and refused when a token names it.
  /// All or nothing: after an error keep the ring you have.
  /// Errors name the file or folder:
  ///   kNotFound            a folder that is not there
  ///   kPermissionDenied    a file or folder that cannot be read
  ///   kInvalidArgument     no certificate in it, an unusable key, a malformed key id
  ///   kAlreadyExists       a key id that stands in two folders
  ///   kResourceExhausted   more than kKeysMax keys
  static absl::StatusOr<KeyRing> Load(const std::vector<IssuerFolder>& folders);

  /// The key of that id, or null. Lives as long as this ring or a copy of it.
  const Entry* Find(std::string_view key_id) const;

  /// All keys, by key id.
  std::vector<KeyInfo> keys() const;

  std::size_t size() const;

  /// Differs between any two rings that were loaded in this process; copies share it.
  std::uint64_t generation() const;

 private:
  struct Content;
  explicit KeyRing(std::shared_ptr<const Content> content);

  std::shared_ptr<const Content> content_;
};

}  // namespace mirror

#endif  // MIRROR_CERTS_KEY_RING_H_
