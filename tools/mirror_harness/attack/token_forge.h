#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_TOKEN_FORGE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_TOKEN_FORGE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "certs/key.h"
#include "certs/token.h"

namespace mirror::harness {

/// What a token is made of, as JSON text: nothing in it needs to be right.
struct TokenParts {
  std::string alg, kid, typ;                ///< JSON values: "\"ES256\"", "5"; empty: the member is left out.
  std::string iss, aud, context_id, nonce;  ///< JSON values.
  std::string nbf, exp;                     ///< JSON values.
  std::string more_header, more_payload;    ///< Members added at the end, ", \"x\": 1".
  std::string context_claim = "http://schemes.superoffice.net/identity/ctx";

  std::string Header() const;
  std::string Payload() const;
};

/// The parts of a good token for `use`: nbf two minutes ago, exp in two minutes, a fresh nonce.
TokenParts GoodParts(const SigningKey& key, TokenUse use, const std::string& issuer,
                     const std::string& audience, const std::string& context_id);

/// Header and payload in base64url, with a dot between: what a signature is over.
std::string SigningInput(const TokenParts& parts);

/// The token with a good signature of `key` over whatever the parts say.
std::string Signed(const TokenParts& parts, const SigningKey& key);
/// HMAC-SHA256 with any text as its secret.
std::string SignedHs256(const TokenParts& parts, std::string_view secret);
/// With nothing behind the last dot.
std::string Unsigned(const TokenParts& parts);

/// A JSON string.
std::string JsonText(std::string_view text);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_TOKEN_FORGE_H_
