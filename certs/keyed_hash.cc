#include "certs/keyed_hash.h"

#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "certs/openssl.h"

namespace mirror {
namespace {

constexpr std::size_t kSecretBytesMax = 4'096, kDigestBytes = 32;

std::string Hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, kDigestBytes> out{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
  return {reinterpret_cast<const char*>(out.data()), size};
}

}  // namespace

TenantHashKey::TenantHashKey(std::string_view secret, std::string_view context_id)
    : bytes_(Hmac(secret, absl::StrCat("mirror column hash\n", std::string(context_id)))) {
  const std::string told = Hmac(bytes_, "which key");
  std::memcpy(&fingerprint_, told.data(), sizeof fingerprint_);
}

struct KeyedHash::State {
  std::unique_ptr<EVP_MAC, OpenSslFree<EVP_MAC_free>> mac;
  std::unique_ptr<EVP_MAC_CTX, OpenSslFree<EVP_MAC_CTX_free>> context;
};

KeyedHash::KeyedHash(const TenantHashKey& key) : state_(std::make_unique<State>()) {
  state_->mac.reset(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  if (!state_->mac) return;
  state_->context.reset(EVP_MAC_CTX_new(state_->mac.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                               OSSL_PARAM_construct_end()};
  const auto* const bytes = reinterpret_cast<const unsigned char*>(key.bytes().data());
  if (state_->context && EVP_MAC_init(state_->context.get(), bytes, key.bytes().size(), params) != 1) {
    state_->context.reset();
  }
}

KeyedHash::~KeyedHash() = default;

bool KeyedHash::AppendHex(char kind, std::string_view value, std::string* out) {
  EVP_MAC_CTX* const context = state_->context.get();
  std::array<unsigned char, kDigestBytes> digest{};
  std::size_t size = 0;
  const auto* const text = reinterpret_cast<const unsigned char*>(value.data());
  const auto* const what = reinterpret_cast<const unsigned char*>(&kind);
  // Without a key as argument, the call begins a new hash with the same key.
  const bool hashed = context != nullptr && EVP_MAC_init(context, nullptr, 0, nullptr) == 1 &&
                      EVP_MAC_update(context, what, 1) == 1 &&
                      EVP_MAC_update(context, text, value.size()) == 1 &&
                      EVP_MAC_final(context, digest.data(), &size, digest.size()) == 1;
  if (!hashed) {
    TakeOpenSslError();
    return false;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < size; ++i) {
    out->push_back(kDigits[digest[i] >> 4]);
    out->push_back(kDigits[digest[i] & 15]);
  }
  return true;
}

absl::StatusOr<std::string> ReadHashSecret(const std::string& path) {
  absl::StatusOr<std::string> secret = ReadKeyFile(path, FileUse::kSecret);
  if (!secret.ok()) {
    return absl::Status(secret.status().code(), absl::StrCat("'hash_key': ", secret.status().message()));
  }
  while (!secret->empty() && (secret->back() == '\n' || secret->back() == '\r')) secret->pop_back();
  if (secret->size() >= kHashKeyBytesMin && secret->size() <= kSecretBytesMax) return secret;
  return absl::InvalidArgumentError(absl::StrCat("'", path, "' holds ", secret->size(),
                                                 " bytes; a key for hashes has ", kHashKeyBytesMin, " to ",
                                                 kSecretBytesMax, ". 'openssl rand -hex 32' makes one"));
}

absl::StatusOr<std::string> NewHashSecret() {
  std::array<unsigned char, kHashKeyBytesMin> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return absl::UnavailableError(absl::StrCat("no random bytes: ", TakeOpenSslError()));
  }
  return absl::BytesToHexString({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) + "\n";
}

}  // namespace mirror
