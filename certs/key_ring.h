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
  std::string issuer;       ///< The `iss` of the issuer's tokens.
  std::string environment;  ///< Such as "production". A token has the environment of its key's folder.
  /// Folder with the files `<kid>.crt`, PEM. Several may be valid at once, so that keys can be replaced.
  std::string folder;
};

/// One key, for 'mirrorctl keys'.
struct KeyInfo {
  std::string issuer, environment, key_id;
  Algorithm algorithm = Algorithm::kEs256;
  std::int64_t not_before = 0, not_after = 0;  ///< Unix seconds.
  std::string thumbprint;                      ///< SHA-256, 64 lower-case hexadecimal digits.
};

/// The keys whose tokens are accepted: all certificates of all issuers, by key id.
///
/// An immutable value, cheap to copy: to re-read the folders, load a new ring and replace the old
/// one by it. Threads: any.
class KeyRing {
 public:
  struct Entry {
    std::string issuer, environment, key_id;
    PublicKey key;
  };

  /// An empty ring accepts no token.
  KeyRing();

  /// Reads every `*.crt` of every folder; ignores hidden files and other names. A folder may be empty. An
  /// expired certificate is loaded and listed, but its tokens are refused. If one file cannot be read, the
  /// whole call fails: keep the former ring then. Errors name the file or folder:
  ///   kNotFound            a folder does not exist
  ///   kPermissionDenied    a file or folder cannot be read
  ///   kInvalidArgument     a file without a certificate, an unusable key, a malformed key id
  ///   kAlreadyExists       a key id is in two folders
  ///   kResourceExhausted   more than kKeysMax keys
  static absl::StatusOr<KeyRing> Load(const std::vector<IssuerFolder>& folders);

  /// Returns the key with this id, or null. Valid as long as this ring or a copy of it.
  const Entry* Find(std::string_view key_id) const;

  /// Returns all keys, sorted by key id.
  std::vector<KeyInfo> keys() const;

  std::size_t size() const;

  /// Returns a number that is different for each ring loaded in this process. Copies of a ring have the same
  /// number.
  std::uint64_t generation() const;

 private:
  struct Content;
  explicit KeyRing(std::shared_ptr<const Content> content);

  std::shared_ptr<const Content> content_;
};

}  // namespace mirror

#endif  // MIRROR_CERTS_KEY_RING_H_
