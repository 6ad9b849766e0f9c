#ifndef MIRROR_CERTS_KEYED_HASH_H_
#define MIRROR_CERTS_KEYED_HASH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror {

/// Least size in bytes of a key and of its secret, for the full strength of the hash.
inline constexpr std::size_t kHashKeyBytesMin = 32;

/// The key with which values of a tenant are hashed. It is the HMAC-SHA-256 of the context id with the
/// endpoint's secret, so that hashes of one tenant reveal nothing about another tenant. Threads: any.
class TenantHashKey {
 public:
  /// `secret`: kHashKeyBytesMin bytes or more.
  TenantHashKey(std::string_view secret, std::string_view context_id);

  const std::string& bytes() const { return bytes_; }
  /// Returns a number that identifies the key and reveals nothing about it.
  std::uint32_t fingerprint() const { return fingerprint_; }

 private:
  std::string bytes_;
  std::uint32_t fingerprint_ = 0;
};

/// Computes HMAC-SHA-256 of values, one after the other, with the same key. Threads: one.
class KeyedHash {
 public:
  explicit KeyedHash(const TenantHashKey& key);
  ~KeyedHash();
  KeyedHash(const KeyedHash&) = delete;
  KeyedHash& operator=(const KeyedHash&) = delete;

  static constexpr std::size_t kHexBytes = 64;
  /// Appends the hash of `kind` followed by `value`, in lower-case hexadecimal. False: OpenSSL failed for
  /// lack of memory.
  bool AppendHex(char kind, std::string_view value, std::string* out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads a secret from a file, such as one made by `openssl rand -hex 32`. The secret is the content without
/// the line end, kHashKeyBytesMin to 4,096 bytes. Errors: those of ReadKeyFile(); kInvalidArgument: the
/// length.
absl::StatusOr<std::string> ReadHashSecret(const std::string& path);
/// Returns a new secret, as text with a line end.
absl::StatusOr<std::string> NewHashSecret();

}  // namespace mirror

#endif  // MIRROR_CERTS_KEYED_HASH_H_
