#include "tools/mirror_harness/attack/token_forge.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/nonce.h"

namespace mirror::harness {
namespace {

std::string Object(const std::vector<std::pair<std::string, std::string>>& members, const std::string& more) {
  std::string text = "{";
  for (const auto& [name, value] : members) {
    if (!value.empty()) absl::StrAppend(&text, text.size() == 1 ? "" : ", ", JsonText(name), ": ", value);
  }
  return absl::StrCat(text, more, "}");
}

}  // namespace

std::string JsonText(std::string_view text) { return absl::StrCat("\"", std::string(text), "\""); }

std::string TokenParts::Header() const {
  return Object({{"alg", alg}, {"kid", kid}, {"typ", typ}}, more_header);
}

std::string TokenParts::Payload() const {
  return Object(
      {{"iss", iss}, {"aud", aud}, {context_claim, context_id}, {"nonce", nonce}, {"nbf", nbf}, {"exp", exp}},
      more_payload);
}

TokenParts GoodParts(const SigningKey& key, TokenUse use, const std::string& issuer,
                     const std::string& audience, const std::string& context_id) {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  TokenParts parts;
  parts.alg = JsonText(ToString(key.algorithm()));
  parts.kid = JsonText(key.key_id());
  parts.typ = JsonText(TokenType(use));
  parts.iss = JsonText(issuer);
  parts.aud = JsonText(audience);
  parts.context_id = JsonText(context_id);
  parts.nonce = JsonText(NewNonce());
  parts.nbf = absl::StrCat(now - 120);
  parts.exp = absl::StrCat(now + 120);
  return parts;
}

std::string SigningInput(const TokenParts& parts) {
  return absl::StrCat(EncodeBase64Url(parts.Header()), ".", EncodeBase64Url(parts.Payload()));
}

std::string Signed(const TokenParts& parts, const SigningKey& key) {
  const std::string input = SigningInput(parts);
  return absl::StrCat(input, ".", EncodeBase64Url(key.Sign(input).value()));
}

std::string SignedHs256(const TokenParts& parts, std::string_view secret) {
  const std::string input = SigningInput(parts);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest, &length);
  return absl::StrCat(input, ".", EncodeBase64Url({reinterpret_cast<const char*>(digest), length}));
}

std::string Unsigned(const TokenParts& parts) { return SigningInput(parts) + "."; }

}  // namespace mirror::harness
