#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_TOKEN_FORGE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_TOKEN_FORGE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "certs/key.h"
#include "certs/token.h"

namespace mirror::harness {

/// The parts of a token as JSON text; they need not be correct.
struct TokenParts {
  /// JSON values such as "\"ES256\"" or "5"; empty: the token lacks the member.
  std::string alg, kid, typ;
  std::string iss, aud, context_id, nonce;  ///< JSON values.
  std::string nbf, exp;                     ///< JSON values.
  std::string more_header, more_payload;    ///< JSON members to add at the end, such as ", \"x\": 1".
  std::string context_claim = "http://schemes.superoffice.net/identity/ctx";

  std::string Header() const;
  std::string Payload() const;
};

/// Returns the parts of a valid token for `use`: nbf two minutes ago, exp in two minutes, a new nonce.
TokenParts GoodParts(const SigningKey& key, TokenUse use, const std::string& issuer,
                     const std::string& audience, const std::string& context_id);

/// Returns the bytes to sign: header and payload in base64url, with a dot between them.
std::string SigningInput(const TokenParts& parts);

/// Returns the token with a valid signature of `key`, whatever the parts contain.
std::string Signed(const TokenParts& parts, const SigningKey& key);
/// Returns the token signed with HMAC-SHA256; any text can be the secret.
std::string SignedHs256(const TokenParts& parts, std::string_view secret);
/// Returns the token with an empty signature.
std::string Unsigned(const TokenParts& parts);

/// Returns a JSON string.
std::string JsonText(std::string_view text);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_TOKEN_FORGE_H_
