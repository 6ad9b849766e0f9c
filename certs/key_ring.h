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

/// Greatest number of keys in one ring; Load() refuses more.
inline constexpr std::size_t kKeysMax = 10'000;

/// One issuer's public certificates for one environment, from `[[issuer]]` in the configuration.
struct IssuerFolder {
  std::string issuer;       ///< The `iss` of its tokens.
  std::string environment;  ///< E.g. "production"; a token's environment is that of its key's folder.
  std::string folder;       ///< Holds `<kid>.crt`, PEM; several are valid at once (rollover).
};

/// Facts about one key for 'mirrorctl keys'.
struct KeyInfo {
  std::string issuer, environment, key_id;
  Algorithm algorithm = Algorithm::kEs256;
  std::int64_t not_before = 0, not_after = 0;  ///< Unix seconds.
  std::string thumbprint;                      ///< SHA-256, 64 lower-case hexadecimal digits.
};

/// The keys that sign accepted tokens: all certificates of all issuers, by key id.
///
/// An immutable value, cheap to copy: to re-read the folders, load a new ring and replace the old
/// one by it. Thread safety: every call, from any thread.
class KeyRing {
 public:
  struct Entry {
    std::string issuer, environment, key_id;
    PublicKey key;
  };

  /// An empty ring accepts no token.
  KeyRing();

  /// Reads every `*.crt` of every folder; ignores hidden files and other names. A folder
  /// may be empty. An expired certificate is loaded and listed; a token that names it is refused.
  /// All or nothing: after an error keep the former ring.
  /// Errors name the file or folder:
  ///   kNotFound            a folder does not exist
  ///   kPermissionDenied    a file or folder cannot be read
  ///   kInvalidArgument     a file without a certificate, an unusable key, a malformed key id
  ///   kAlreadyExists       a key id is in two folders
  ///   kResourceExhausted   more than kKeysMax keys
  static absl::StatusOr<KeyRing> Load(const std::vector<IssuerFolder>& folders);

  /// Returns the key of this id, or null. Valid as long as this ring or a copy of it.
  const Entry* Find(std::string_view key_id) const;

  /// Returns all keys, sorted by key id.
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
